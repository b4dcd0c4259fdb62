// Elements. Text becomes text nodes only: nothing of a run is ever read as HTML.

export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  set(element, attributes);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  set(element, attributes);
  element.append(...children);
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

// Control and invisible characters are shown, not obeyed.
export function plain(text) {
  return String(text).replace(CONTROL, (one) => `\\u${one.codePointAt(0).toString(16).padStart(4, "0")}`);
}

export function text(value, className = "text") {
  return el("span", { class: className }, plain(value));
}

// A column is one of figures (`number`), of sentences (`words`), or neither. `below`: what stands below a row, across all columns.
export function table(caption, columns, rows, below = new Map()) {
  const kind = (column) => (column.number ? "number" : column.words ? "words" : null);
  const head = columns.map((column) => el("th", { scope: "col", class: kind(column) }, column.title));
  const body = rows.flatMap((row) => [
    el("tr", {}, columns.map((column) => el("td", { class: kind(column) }, column.cell(row)))),
    below.has(row) ? el("tr", { class: "nested" }, el("td", { colspan: columns.length }, below.get(row))) : null,
  ]).filter(Boolean);
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    el("table", {}, el("caption", { class: "skip" }, caption), el("thead", {}, el("tr", {}, head)), el("tbody", {}, body)));
}
