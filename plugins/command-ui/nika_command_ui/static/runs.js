// All runs of the project, the newest first.
import { get } from "./api.js";
import { el, plain, table, text } from "./dom.js";
import { cost, count, duration, state, time } from "./format.js";

const PAGE = 200;

export function open(main) {
  const chosen = [];
  const filter = el("input", { type: "search", "aria-label": "Filter by workflow, id or status", placeholder: "Filter" });
  const compare = el("a", { class: "compare", role: "link", "aria-disabled": "true" }, "Choose two runs to compare");
  const place = el("div");
  const title = el("h2", {}, "Runs");
  let runs = [];
  let shown = PAGE;
  let drawn = "";
  main.replaceChildren(title, el("div", { class: "tools" }, filter, compare), place);
  document.title = "Runs · Nika";
  filter.addEventListener("input", () => draw());

  function choose(id, box) {
    if (box.checked) chosen.push(id);
    else chosen.splice(chosen.indexOf(id), 1);
    if (chosen.length === 2) {
      const order = runs.map((run) => run.runId);
      const [after, before] = [...chosen].sort((one, two) => order.indexOf(one) - order.indexOf(two));
      compare.href = `#/compare/${before}/${after}`;
      compare.removeAttribute("aria-disabled");
      compare.replaceChildren("Compare the two runs");
    } else {
      compare.removeAttribute("href");
      compare.setAttribute("aria-disabled", "true");
      compare.replaceChildren("Choose two runs to compare");
    }
  }

  function draw() {
    const word = filter.value.trim().toLowerCase();
    const found = runs.filter((run) => !word || `${run.workflow} ${run.runId} ${run.status}`.toLowerCase().includes(word));
    const columns = [
      { title: "Compare", cell: (run) => (run.backend ? "" : pick(run)) },
      { title: "Workflow", cell: (run) => [el("a", { href: `#/run/${run.runId}` }, text(run.workflow || "(no name)")), run.backend ? el("div", { class: "quiet" }, "on ", text(run.backend)) : ""] },
      { title: "Status", cell: (run) => [state(run.status), run.waiting ? ` ${run.waiting} waiting` : ""] },
      { title: "Started", cell: (run) => time(run.startedAt) },
      { title: "Time", number: true, cell: (run) => duration(run.durationMs) },
      { title: "Tokens", number: true, cell: (run) => count(run.usage?.totalTokens) },
      { title: "Cost", number: true, cell: (run) => cost(run.usage?.costUsd) },
      { title: "Run", cell: (run) => el("span", { class: "quiet" }, run.runId) },
    ];
    const more = el("button", { type: "button" }, `Show more of ${count(found.length)}`);
    more.addEventListener("click", () => {
      shown += PAGE;
      draw();
    });
    const empty = runs.length ? "No run matches." : "There are no runs yet. Start one with `nika run`.";
    place.replaceChildren(...(found.length ? [table("Runs", columns, found.slice(0, shown))] : [el("p", {}, empty)]));
    if (found.length > shown) place.append(more);
  }

  function pick(run) {
    const box = el("input", { type: "checkbox", "aria-label": `Compare run ${run.runId}` });
    box.checked = chosen.includes(run.runId);
    box.addEventListener("change", () => choose(run.runId, box));
    return box;
  }

  return async () => {
    const answer = await get("runs");
    const now = JSON.stringify(answer);
    if (now === drawn) return; // a link that has the focus keeps it
    drawn = now;
    runs = answer.runs;
    title.replaceChildren("Runs of ", text(answer.project));
    draw();
  };
}
