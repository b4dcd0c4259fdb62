// Where tokens and money went: by task and by model.
import { get } from "./api.js";
import { el, plain, svg, table } from "./dom.js";
import { cost, count, some } from "./format.js";

const MOST = 50;

export function spending(body, run, openTask) {
  return async (data) => {
    const { models: found } = await get(`runs/${run}/spending`);
    const tasks = data.tasks.filter((row) => row.tokens || row.costUsd);
    const priced = tasks.some((row) => row.costUsd);
    const amount = (row) => (priced ? row.costUsd : tokens(row));
    tasks.sort((one, two) => amount(two) - amount(one));
    const opened = (row) => {
      const name = el("button", { type: "button", class: "open" }, plain(row.id));
      name.addEventListener("click", () => openTask(row.id));
      return name;
    };
    const models = [
      { title: "Model", cell: (row) => plain(row.model) },
      { title: "Calls", number: true, cell: (row) => count(row.calls) },
      { title: "Input", number: true, cell: (row) => count(row.inputTokens) },
      { title: "of it cached", number: true, cell: (row) => count(row.cachedTokens) },
      { title: "Output", number: true, cell: (row) => count(row.outputTokens) },
      { title: "Cost", number: true, cell: (row) => cost(row.costUsd) },
    ];
    body.replaceChildren(
      el("h3", {}, priced ? "Cost by task" : "Tokens by task"), tasks.length ? bars(tasks, amount, opened) : el("p", {}, "No task has called a model."),
      el("h3", {}, priced ? "Cost by model" : "Tokens by model"),
      ...(found.length ? [bars(found, amount, (row) => plain(row.model)), table("Models", models, found)] : [el("p", {}, "No model was called.")]));
  };
}

const tokens = (row) => row.inputTokens + row.outputTokens;

// A bar for each row, as long as its amount is of the largest; what it stands for is beside it as text.
function bars(rows, amount, name) {
  const most = Math.max(...rows.map(amount), Number.MIN_VALUE);
  return el("div", { class: "bars" }, rows.slice(0, MOST).flatMap((row) => [
    el("div", {}, name(row)), bar(amount(row) / most),
    el("div", {}, `${cost(row.costUsd)}, ${count(tokens(row))} tokens, ${some(row.calls, "call")}`),
  ]));
}

function bar(part) {
  return svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { width: Math.max(0.5, part * 100), height: 10 }));
}
