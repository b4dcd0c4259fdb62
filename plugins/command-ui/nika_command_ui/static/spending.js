// Where tokens and money went: by task and by model.
import { get } from "./api.js";
import { el, plain, svg, table } from "./dom.js";
import { cost, count } from "./format.js";

const MOST = 50;

export function spending(body, run, openTask) {
  return async (data) => {
    const { models: found } = await get(`runs/${run}/spending`);
    const tasks = data.tasks.filter((row) => row.tokens || row.costUsd);
    const priced = tasks.some((row) => row.costUsd);
    const amount = (row) => (priced ? row.costUsd : row.tokens);
    tasks.sort((one, two) => amount(two) - amount(one));
    const most = Math.max(...tasks.map(amount), Number.MIN_VALUE);
    const bars = el("div", { class: "bars" });
    for (const row of tasks.slice(0, MOST)) {
      const name = el("button", { type: "button", class: "open" }, plain(row.id));
      name.addEventListener("click", () => openTask(row.id));
      bars.append(el("div", {}, name), bar(amount(row) / most), el("div", {}, `${cost(row.costUsd)}, ${count(row.tokens)} tokens, ${count(row.calls)} calls`));
    }
    const models = [
      { title: "Model", cell: (row) => plain(row.model) },
      { title: "Calls", number: true, cell: (row) => count(row.calls) },
      { title: "Input", number: true, cell: (row) => count(row.inputTokens) },
      { title: "of it cached", number: true, cell: (row) => count(row.cachedTokens) },
      { title: "Output", number: true, cell: (row) => count(row.outputTokens) },
      { title: "Cost", number: true, cell: (row) => cost(row.costUsd) },
    ];
    body.replaceChildren(
      el("h3", {}, priced ? "Cost by task" : "Tokens by task"), tasks.length ? bars : el("p", {}, "No task has called a model."),
      el("h3", {}, "By model"), found.length ? table("Models", models, found) : el("p", {}, "No model was called."));
  };
}

function bar(part) {
  return svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { width: Math.max(0.5, part * 100), height: 10 }));
}
