// Two runs side by side: why one cost more than the other.
import { get } from "./api.js";
import { el, plain, table, text } from "./dom.js";
import { cost, count, duration, state, time } from "./format.js";

export function open(main, [before, after]) {
  let drawn = "";
  return async (rest) => {
    if (rest) [before, after] = rest;
    const found = await get("compare", { before, after });
    const now = JSON.stringify(found);
    if (!rest && now === drawn) return; // a link that has the focus keeps it
    drawn = now;
    document.title = "Two runs · Nika";
    main.replaceChildren(
      el("h2", {}, "Two runs of ", text(found.after.workflow)), verdict(found), heads(found),
      el("h3", {}, "Tasks, the largest differences first"), tasks(found),
      el("h3", {}, "Inputs"), found.inputs.length ? inputs(found.inputs) : el("p", {}, "The same."),
      el("h3", {}, "Definition"), found.definition.length ? lines(found.definition) : el("p", {}, "The same."),
      el("h3", {}, "Models"), found.models.length ? models(found.models) : el("p", {}, "No model was called."));
  };
}

function verdict(found) {
  const [one, two] = [found.before.costUsd, found.after.costUsd];
  const what = one || two ? "cost" : "tokens";
  const [first, second] = what === "cost" ? [one, two] : [found.before.totalTokens, found.after.totalTokens];
  const times = first ? `${(second / first).toFixed(second / first < 10 ? 1 : 0)} times the ${what} of the first` : "";
  const most = found.tasks.find((row) => row.costDifference > 0 || row.tokenDifference > 0);
  const share = what === "cost" ? (most?.costDifference ?? 0) / (second - first) : (most?.tokenDifference ?? 0) / (second - first);
  const parts = [times ? `The second run has ${times}.` : `The second run used ${count(found.after.totalTokens)} tokens.`];
  if (most && second > first) {
    parts.push(" ", text(most.id), ` makes up ${Math.round(Math.min(1, share) * 100)} % of the difference`);
    parts.push(most.reasons.length ? `: ${most.reasons.map(plain).join("; ")}.` : most.before ? "." : ": it is new.");
  }
  return el("p", {}, parts);
}

function heads(found) {
  const rows = [
    ["Run", (run) => el("a", { href: `#/run/${run.runId}` }, run.runId)],
    ["Status", (run) => state(run.status)],
    ["Started", (run) => time(run.startedAt)],
    ["Time", (run) => duration(run.durationMs)],
    ["Cost", (run) => cost(run.costUsd)],
    ["Input tokens", (run) => count(run.inputTokens)],
    ["Output tokens", (run) => count(run.outputTokens)],
    ["Calls of models", (run) => count(run.calls)],
  ];
  return table("The two runs", [
    { title: "Figure", cell: ([name]) => name },
    { title: "First", cell: ([, show]) => show(found.before) },
    { title: "Second", cell: ([, show]) => show(found.after) },
  ], rows);
}

function tasks(found) {
  const side = (row, name, show) => (row[name] ? show(row[name]) : "not there");
  return table("Tasks of the two runs", [
    { title: "Task", cell: (row) => el("a", { href: `#/run/${(row.after ? found.after : found.before).runId}/list/${encodeURIComponent(row.id)}` }, text(row.id)) },
    { title: "Cost", number: true, cell: (row) => `${side(row, "before", (one) => cost(one.costUsd))} → ${side(row, "after", (one) => cost(one.costUsd))}` },
    { title: "Tokens", number: true, cell: (row) => `${side(row, "before", (one) => count(one.totalTokens))} → ${side(row, "after", (one) => count(one.totalTokens))}` },
    { title: "Time", number: true, cell: (row) => `${side(row, "before", (one) => duration(one.durationMs))} → ${side(row, "after", (one) => duration(one.durationMs))}` },
    { title: "State", cell: (row) => [row.before ? state(row.before.state) : "not there", " → ", row.after ? state(row.after.state) : "not there"] },
    { title: "Output", cell: (row) => (row.sameOutput ? "the same" : "differs") },
    { title: "Why", words: true, cell: (row) => row.reasons.map((reason) => el("div", {}, plain(reason))) },
  ], found.tasks);
}

function inputs(rows) {
  const shown = (given) => (given === undefined || given === null ? "not given" : plain(JSON.stringify(given)).slice(0, 500));
  return table("Inputs that differ", [
    { title: "Input", cell: (row) => plain(row.name) },
    { title: "First", cell: (row) => shown(row.before) },
    { title: "Second", cell: (row) => shown(row.after) },
  ], rows);
}

function models(rows) {
  const both = (row, show) => [row.before, row.after].map((one) => (one ? show(one) : "not used")).join(" → ");
  return table("The models of the two runs", [
    { title: "Model", cell: (row) => plain(row.model) },
    { title: "Cost", number: true, cell: (row) => both(row, (one) => cost(one.costUsd)) },
    { title: "Calls", number: true, cell: (row) => both(row, (one) => count(one.calls)) },
    { title: "Input tokens", number: true, cell: (row) => both(row, (one) => count(one.inputTokens)) },
    { title: "of them cached", number: true, cell: (row) => both(row, (one) => count(one.cachedTokens)) },
    { title: "Output tokens", number: true, cell: (row) => both(row, (one) => count(one.outputTokens)) },
  ], rows);
}

function lines(rows) {
  const marks = { "+": "added", "-": "removed" };
  return el("pre", { tabindex: 0, "aria-label": "Lines that differ" }, rows.map((line) => el("span", { class: marks[line[0]] }, `${plain(line)}\n`)));
}
