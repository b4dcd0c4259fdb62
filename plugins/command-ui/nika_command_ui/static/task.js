// All that is known of one task.
import { get, problem } from "./api.js";
import { el, plain, table, text } from "./dom.js";
import { cost, count, duration, some, state, time, took } from "./format.js";
import { value } from "./value.js";

export async function taskPanel(panel, run, id, close, focus) {
  let task;
  try {
    task = await get(`runs/${run}/task`, { id });
  } catch (error) {
    panel.replaceChildren(problem(error));
    return;
  }
  const open = new Set([...panel.querySelectorAll("details[data-name][open]")].map((part) => part.dataset.name));
  const end = el("button", { type: "button" }, "Close");
  end.addEventListener("click", close);
  const title = el("h2", { tabindex: -1 }, text(task.id));
  const pairs = [
    ["State", state(task.state)],
    ["Keyword", plain(task.keyword)],
    ["Started", task.startedAt ? time(task.startedAt) : "not yet"],
    ["Time", duration(took(task))],
    ["Attempts", task.attempts ?? ""],
    ["Tokens", `${count(task.inputTokens)} in, ${count(task.outputTokens)} out`],
    ["Cost", cost(task.costUsd)],
    ["Models", task.models.map(plain).join(", ")],
  ].filter(([, shown]) => shown !== "");
  const parts = [
    el("div", { class: "tools" }, end), title,
    el("dl", { class: "figures" }, pairs.map(([name, shown]) => el("div", {}, el("dt", {}, name), el("dd", {}, shown)))),
  ];
  if (typeof task.error === "object" && task.error) parts.push(failure(task.error));
  parts.push(...output(run, task));
  if (!task.children) parts.push(payload(run, id));
  if (task.definition) parts.push(section("Definition", el("pre", { tabindex: 0, "aria-label": "Definition" }, plain(task.definition))));
  if (task.modelCalls.length) parts.push(section(some(task.modelCalls.length, "call of a model", "calls of models"), calls(task.modelCalls)));
  parts.push(conversation(run, id));
  if (task.toolCalls.length) parts.push(section(some(task.toolCalls.length, "call of a tool", "calls of tools"), el("div", {}, task.toolCalls.map(tool))));
  if (task.retries.length) parts.push(section(some(task.retries.length, "retry", "retries"), el("ul", {}, task.retries.map(retry))));
  parts.push(section(some(task.events.length + task.moreEvents, "event"), el("ul", {}, task.events.map((event) => el("li", {}, time(event.at), ` ${plain(event.kind)}`)))));
  panel.replaceChildren(el("div", { class: "panel" }, parts));
  for (const part of panel.querySelectorAll("details[data-name]")) if (open.has(part.dataset.name)) part.open = true;
  if (focus) {
    title.focus();
    panel.scrollIntoView({ block: "nearest" });
  }
}

function section(title, content) {
  return el("details", { "data-name": title.replace(/^[\d,]+ /, "") }, el("summary", {}, title), content);
}

function failure(error) {
  return el("div", { class: "problem" }, error.code ? `${error.code}: ` : "", plain(error.message), error.hint ? el("p", { class: "quiet" }, plain(error.hint)) : null);
}

function output(run, task) {
  if (task.outputStart !== undefined) {
    const start = task.outputStart;
    const button = el("button", { type: "button" }, `Load all ${count(start.length)} characters`);
    const place = el("div", {}, el("pre", { tabindex: 0, "aria-label": "Beginning of the output" }, plain(start.text)), button);
    button.addEventListener("click", async () => {
      try {
        place.replaceChildren(value((await get(`runs/${run}/output`, { id: task.id })).output));
      } catch (error) {
        place.append(problem(error));
      }
    });
    return [el("h3", {}, "Output (its beginning)"), place];
  }
  if (task.output === undefined || task.output === null) return [];
  return [el("h3", {}, task.truncated ? "Output (cut at the limit)" : "Output"), value(task.output)];
}

function calls(rows) {
  return table("Calls of models", [
    { title: "At", cell: (row) => time(row.at) },
    { title: "Model", cell: (row) => plain([row.provider, row.model].filter(Boolean).join(" ")) },
    { title: "Time", number: true, cell: (row) => duration(row.durationMs) },
    { title: "Input", number: true, cell: (row) => count(row.inputTokens) },
    { title: "Cache", number: true, cell: (row) => (row.cachedTokens ? `hit, ${count(row.cachedTokens)}` : "no hit") },
    { title: "Output", number: true, cell: (row) => count(row.outputTokens) },
    { title: "Cost", number: true, cell: (row) => cost(row.costUsd) },
    { title: "End", cell: (row) => plain(row.stopReason ?? "") },
  ], rows);
}

function tool(call) {
  const about = { ...call };
  delete about.at;
  delete about.tool;
  return el("div", { class: "turn tool" }, el("strong", {}, plain(call.tool)), " ", time(call.at), value(about));
}

function retry(one) {
  return el("li", {}, time(one.at), ` attempt ${one.attempt}: ${plain(one.error?.message ?? "")}`);
}

// A section whose content is asked for when it is opened.
function later(title, load) {
  const place = el("div", {}, "…");
  const details = section(title, place);
  details.addEventListener("toggle", async () => {
    if (!details.open) return;
    try {
      place.replaceChildren(...(await load()));
    } catch (error) {
      place.replaceChildren(problem(error));
    }
  });
  return details;
}

function payload(run, id) {
  return later("Payload", async () => {
    const given = await get(`runs/${run}/payload`, { id });
    if (given.payload === null) return [el("p", {}, "Not known: ", plain(given.problem), ".")];
    return Object.entries(given.payload).map(([name, one]) => el("div", {}, el("h3", {}, plain(name)), value(one)));
  });
}

function conversation(run, id) {
  return later("Conversations", async () => {
    const { conversations, problem: reason } = await get(`runs/${run}/conversations`, { id });
    return conversations.length ? conversations.map(talk) : [el("p", {}, reason ? `Not known: ${plain(reason)}.` : "There is none.")];
  });
}

function talk(found) {
  return el("div", {}, el("h3", {}, text([found.task, ...(found.within ?? [])].join(" › "))), found.turns.map(turn));
}

function turn(one) {
  const parts = [el("strong", {}, one.tool ? `tool ${plain(one.tool)}` : plain(one.role)), one.model ? ` ${plain(one.model)}` : ""];
  if (one.role === "restart") parts.push(` from the first ${one.kept} messages`);
  if (one.arguments !== undefined && one.arguments !== null) parts.push(value(one.arguments));
  if (one.text) parts.push(value(one.text));
  for (const call of one.toolCalls ?? []) parts.push(el("div", {}, `calls ${plain(call.name)}`, value(call.arguments ?? null)));
  if (one.answered === false) parts.push(el("p", { class: "quiet" }, "no reply"));
  return el("div", { class: `turn ${plain(one.role)}` }, parts);
}
