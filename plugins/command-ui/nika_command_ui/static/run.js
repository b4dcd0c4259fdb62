// One run: as a list, as a timeline, as a graph, and what it cost.
import { get } from "./api.js";
import { el, plain, text } from "./dom.js";
import { cost, count, duration, some, state, time, took } from "./format.js";
import { list } from "./list.js";
import { questions } from "./questions.js";

const VIEWS = { list: "List", timeline: "Timeline", graph: "Graph", cost: "Cost" };

// Each view but the first is loaded when it is asked for.
async function maker(view) {
  if (view === "timeline") return (await import("./timeline.js")).timeline;
  if (view === "graph") return (await import("./graph.js")).graph;
  if (view === "cost") return (await import("./spending.js")).spending;
  return list;
}

export function open(main, [id]) {
  const head = el("div");
  const notice = el("div", { role: "status" }); // what is not known of a run on a backend, and why
  const asked = el("div");
  const body = el("div");
  const panel = el("aside", { "aria-label": "Task" });
  const columns = el("div", { class: "columns" }, body, panel);
  const tabs = el("div", { class: "tools", role: "tablist", "aria-label": "Views of the run" });
  const tabOf = {};
  let view = null;
  let drawn = null;
  let run = null;
  let task = "";
  let shown = "";
  main.replaceChildren(head, notice, asked, tabs, columns);
  body.setAttribute("role", "tabpanel");
  body.id = "view";

  for (const [name, title] of Object.entries(VIEWS)) {
    const tab = (tabOf[name] = el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "view" }, title));
    tab.addEventListener("click", () => (location.hash = `#/run/${id}/${name}`));
    tab.addEventListener("keydown", (event) => {
      const names = Object.keys(VIEWS);
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) {
        const next = names[(names.indexOf(name) + step + names.length) % names.length];
        tabOf[next].focus();
        location.hash = `#/run/${id}/${next}`;
      }
    });
    tabs.append(tab);
  }

  async function openTask(name, focus = true) {
    task = name;
    columns.classList.toggle("open", Boolean(name));
    if (!name) return panel.replaceChildren();
    const { taskPanel } = await import("./task.js"); // with the reader of Markdown, which is large
    await taskPanel(panel, id, name, () => openTask(""), focus);
  }

  async function draw(name) {
    view = VIEWS[name] ? name : "list";
    for (const [each, tab] of Object.entries(tabOf)) {
      tab.setAttribute("aria-selected", String(each === view));
      tab.tabIndex = each === view ? 0 : -1;
    }
    body.setAttribute("aria-labelledby", `tab-${view}`);
    if (drawn?.view !== view) {
      drawn = { view, update: await (await maker(view))(body, id, openTask) };
    }
    await drawn.update(run);
  }

  function figures() {
    const usage = run.usage ?? {};
    const pairs = [
      ["Status", state(run.status)],
      ["Started", time(run.startedAt)],
      ["Time", duration(run.status === "running" ? took(run) : run.durationMs)],
      ["Tokens", `${count(usage.inputTokens)} in, ${count(usage.outputTokens)} out`],
      ["Cost", cost(usage.costUsd)],
      ["Models", (usage.models ?? []).map(plain).join(", ") || "none"],
      ["File", text(run.path ?? "")],
      ["On", run.backend ? text(run.backend) : ""],
      ["Run", run.runId],
    ].filter(([name]) => name !== "On" || run.backend);
    const inputs = Object.entries(run.inputs ?? {});
    head.replaceChildren(
      el("h2", {}, text(run.workflow || "(no name)")),
      el("dl", { class: "figures" }, pairs.map(([name, shown]) => el("div", {}, el("dt", {}, name), el("dd", {}, shown)))),
      inputs.length
        ? el("details", {}, el("summary", {}, some(inputs.length, "input")), el("dl", { class: "figures" },
            inputs.map(([name, given]) => el("div", {}, el("dt", {}, plain(name)), el("dd", {}, plain(JSON.stringify(given)).slice(0, 500))))))
        : "",
    );
    notice.replaceChildren(run.notice ? el("p", { class: "problem" }, plain(run.notice)) : "");
    document.title = `${run.workflow || run.runId}: ${run.status} · Nika`;
  }

  return async (rest) => {
    const found = await get(`runs/${id}`);
    const now = JSON.stringify(found);
    if (!rest && now === shown) return; // nothing is drawn anew under the hand of somebody who clicks
    run = found;
    shown = now;
    figures();
    if (!run.live) asked.replaceChildren(); // nothing asks any more, and looking for it would read the run once more
    await Promise.all([draw(rest ? rest[1] : view), run.live ? questions(asked, id) : null]);
    if (rest?.[2] && rest[2] !== task) await openTask(rest[2]);
    else if (task && !rest) await openTask(task, false);
  };
}
