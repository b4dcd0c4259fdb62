// The tasks of a run as rows. Lists, rounds and inner workflows are folded until they are opened, and come in pages.
import { get } from "./api.js";
import { el, plain, table, text } from "./dom.js";
import { cost, count, duration, state, took } from "./format.js";

const PAGE = 100;
const SORTS = { order: "in order", cost: "by cost", time: "by time", state: "failed first" };

export function list(body, run, openTask) {
  const unfolded = new Map(); // task -> how many rows are shown, and in which order
  let tasks = [];

  const columns = [
    { title: "Task", cell: (row) => name(row) },
    { title: "State", cell: (row) => [state(row.state), row.error ? el("div", { class: "quiet" }, plain(row.error)) : "", row.skipReason ? el("div", { class: "quiet" }, plain(row.skipReason)) : ""] },
    { title: "Keyword", cell: (row) => plain(row.keyword) },
    { title: "Time", number: true, cell: (row) => duration(took(row)) },
    { title: "Attempts", number: true, cell: (row) => row.attempts ?? "" },
    { title: "Tokens", number: true, cell: (row) => count(row.tokens) },
    { title: "Cost", number: true, cell: (row) => cost(row.costUsd) },
  ];

  function name(row) {
    const open = el("button", { type: "button", class: "open" }, text(row.id));
    open.addEventListener("click", () => openTask(row.id));
    const parts = [open];
    if (row.key) parts.push(el("div", { class: "quiet" }, plain(row.key).slice(0, 200)));
    if (row.reused) parts.push(el("span", { class: "quiet" }, " reused"));
    if (row.total) parts.push(fold(row));
    return parts;
  }

  function fold(row) {
    const counts = Object.entries(row.counts).map(([each, number]) => `${count(number)} ${each}`).join(", ");
    const isOpen = unfolded.has(row.id);
    const button = el("button", { type: "button", "aria-expanded": String(isOpen) }, `${isOpen ? "Hide" : "Show"} ${count(row.total)} ${row.children}`);
    button.addEventListener("click", async () => {
      if (isOpen) unfolded.delete(row.id);
      else unfolded.set(row.id, { shown: PAGE, sort: "order" });
      await draw();
    });
    return el("div", {}, button, el("span", { class: "quiet" }, ` ${counts}`));
  }

  async function children(row) {
    const how = unfolded.get(row.id);
    const rows = [];
    let total = 0;
    while (rows.length < how.shown) {
      const page = await get(`runs/${run}/children`, { id: row.id, offset: rows.length, limit: PAGE, sort: how.sort });
      rows.push(...page.rows);
      total = page.total;
      if (!page.rows.length || rows.length >= total) break;
    }
    const sort = el("select", { "aria-label": `Order of ${row.id}` }, Object.entries(SORTS).map(([value, title]) => el("option", { value, selected: value === how.sort }, title)));
    sort.addEventListener("change", async () => {
      unfolded.set(row.id, { shown: PAGE, sort: sort.value });
      await draw();
    });
    const more = el("button", { type: "button" }, `Show ${count(Math.min(PAGE, total - rows.length))} more of ${count(total)}`);
    more.addEventListener("click", async () => {
      how.shown += PAGE;
      await draw();
    });
    const box = el("div", {}, el("div", { class: "tools" }, sort), await rowsOf(rows, row.id));
    if (rows.length < total) box.append(more);
    return box;
  }

  async function rowsOf(rows, title) {
    const below = new Map();
    for (const row of rows) if (unfolded.has(row.id)) below.set(row, await children(row));
    return table(`Tasks of ${title}`, columns, rows, below);
  }

  async function draw() {
    const focused = document.activeElement?.textContent;
    const made = tasks.length ? await rowsOf(tasks, "the run") : el("p", {}, "No task has begun yet.");
    const had = body.contains(document.activeElement);
    body.replaceChildren(made);
    if (had) [...body.querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
  }

  return async (data) => {
    tasks = data.tasks;
    await draw();
  };
}
