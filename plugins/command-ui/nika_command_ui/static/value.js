// Values: JSON as a tree, Markdown as text with marks, images as images.
import MarkdownIt from "./vendor/markdown-it.mjs";
import { el, plain } from "./dom.js";

const MOST_CHILDREN = 200;
const MOST_TEXT = 20000;
const IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+$/;
const MARKDOWN = /^(#{1,6} |[-*] |\d+\. |> |```|\|.+\|)|\*\*[^*]+\*\*/m;
const markdown = new MarkdownIt({ html: false, linkify: false });
markdown.disable("image"); // a picture in a text would be loaded from elsewhere

export function value(given) {
  if (typeof given === "string") return words(given);
  const image = asImage(given);
  if (image) return image;
  return el("ul", { class: "tree" }, el("li", {}, tree(given, 0)));
}

function words(given) {
  if (IMAGE.test(given)) return picture(given);
  const box = el("div", { class: "output" });
  const source = el("pre", { tabindex: 0, "aria-label": "Text", dir: "auto" }, shortened(given, box));
  if (!MARKDOWN.test(given) || given.length > MOST_TEXT) {
    box.append(source);
    return box;
  }
  const rendered = el("div", { class: "markdown", dir: "auto" });
  // markdown-it escapes HTML and drops links such as `javascript:`; what it makes is parsed without running anything.
  const parsed = new DOMParser().parseFromString(markdown.render(plain(given)), "text/html");
  for (const link of parsed.querySelectorAll("a")) {
    link.rel = "noreferrer noopener";
    link.target = "_blank";
  }
  rendered.append(...parsed.body.childNodes);
  const button = el("button", { type: "button", "aria-pressed": "false" }, "Source");
  button.addEventListener("click", () => {
    const isSource = button.getAttribute("aria-pressed") === "false";
    button.setAttribute("aria-pressed", String(isSource));
    if (isSource) rendered.replaceWith(source);
    else source.replaceWith(rendered);
  });
  box.append(button, rendered);
  return box;
}

function shortened(given, box) {
  if (given.length <= MOST_TEXT) return plain(given);
  const more = el("button", { type: "button" }, `Show all ${given.length.toLocaleString("en")} characters`);
  more.addEventListener("click", () => {
    more.remove();
    const whole = box.querySelector("pre");
    whole.classList.add("long");
    whole.textContent = plain(given);
  });
  queueMicrotask(() => box.append(more));
  return plain(given.slice(0, MOST_TEXT));
}

function asImage(given) {
  const type = given?.mimeType ?? given?.mediaType;
  if (typeof given?.data !== "string" || !/^image\/(png|jpeg|gif|webp)$/.test(type ?? "")) return null;
  return picture(`data:${type};base64,${given.data}`);
}

function picture(source) {
  return el("div", { class: "output" }, el("img", { src: source, alt: "Image in the output" }));
}

function tree(given, depth) {
  if (given === null || typeof given !== "object") return el("span", { class: "text" }, leaf(given));
  const entries = Array.isArray(given) ? given.map((one, index) => [index, one]) : Object.entries(given);
  const brackets = Array.isArray(given) ? ["[", "]"] : ["{", "}"];
  if (!entries.length) return el("span", {}, brackets.join(""));
  const list = el("ul");
  const details = el("details", { open: depth < 2 }, el("summary", {}, `${brackets[0]} ${entries.length} ${brackets[1]}`), list);
  const fill = () => {
    if (!list.childElementCount) more(list, entries, 0, depth);
  };
  if (depth < 2) fill();
  else details.addEventListener("toggle", fill, { once: true });
  return details;
}

function more(list, entries, from, depth) {
  const shown = entries.slice(from, from + MOST_CHILDREN);
  list.append(...shown.map(([name, one]) => el("li", {}, el("span", { class: "quiet" }, `${plain(name)}: `), tree(one, depth + 1))));
  const rest = entries.length - from - shown.length;
  if (!rest) return;
  const button = el("button", { type: "button" }, `${rest.toLocaleString("en")} more`);
  button.addEventListener("click", () => {
    button.parentElement.remove();
    more(list, entries, from + MOST_CHILDREN, depth);
  });
  list.append(el("li", {}, button));
}

function leaf(given) {
  const shown = typeof given === "string" && given.length > MOST_TEXT ? `${given.slice(0, MOST_TEXT)}…` : given;
  return plain(JSON.stringify(shown));
}
