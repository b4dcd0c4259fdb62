// The graph of the tasks, drawn when it is asked for. The list view has the same for those who cannot see it.
import { get } from "./api.js";
import { el, plain } from "./dom.js";
import cytoscape from "./vendor/cytoscape.mjs";
import dagre from "./vendor/cytoscape-dagre.mjs";

cytoscape.use(dagre);

export async function graph(body, run, openTask) {
  const place = el("div", { id: "graph", role: "img", "aria-label": "Graph of the tasks; the list shows the same as text" });
  const told = el("p", { class: "quiet" });
  body.replaceChildren(told, place);
  let picture = null;

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const resolved = (name) => {
    const probe = el("span");
    probe.style.color = color(name);
    body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  function styles() {
    const states = ["success", "failed", "running", "waiting", "skipped"].map((name) => ({ selector: `node[state = "${name}"]`, style: { "border-color": resolved(`--${name}`) } }));
    return [
      { selector: "node", style: { label: "data(label)", shape: "round-rectangle", width: "data(width)", height: 42, padding: "6px", "text-wrap": "wrap", "text-valign": "center", "text-halign": "center", "font-size": "13px", color: resolved("--text"), "background-color": resolved("--panel"), "border-width": 2, "border-color": resolved("--line") } },
      { selector: "edge", style: { width: 1.5, "curve-style": "bezier", "target-arrow-shape": "triangle", "line-color": resolved("--quiet"), "target-arrow-color": resolved("--quiet"), label: "data(label)", color: resolved("--text"), "font-size": "10px", "text-background-color": resolved("--page"), "text-background-opacity": 1 } },
      ...states,
    ];
  }

  return async () => {
    const found = await get(`runs/${run}/graph`);
    told.replaceChildren(found.problem ? plain(found.problem) : `${found.nodes.length} tasks. Scroll to zoom, drag to move, click a task to open it.`);
    const short = (given, most) => (given.length > most ? `${given.slice(0, most - 1)}…` : given);
    const label = (node) => `${short(plain(node.id), 40)}${node.count ? ` [${node.count}]` : ""}\n${plain(node.keyword)} ${node.state}`;
    const width = (node) => 16 + 7.5 * Math.max(...label(node).split("\n").map((line) => line.length));
    const data = [
      ...found.nodes.map((node) => ({ data: { id: `t ${node.id}`, task: node.id, label: label(node), width: width(node), state: node.state } })),
      ...found.edges.map((edge, index) => ({ data: { id: `e ${index}`, source: `t ${edge.source}`, target: `t ${edge.target}`, label: short(plain(edge.condition), 40) } })),
    ];
    if (picture && picture.nodes().length === found.nodes.length) {
      for (const node of found.nodes) picture.$id(`t ${node.id}`).data({ label: label(node), state: node.state });
      return;
    }
    picture?.destroy();
    picture = cytoscape({ container: place, elements: data, style: styles(), layout: { name: "dagre", rankDir: "TB", animate: false }, maxZoom: 2 });
    picture.on("tap", "node", (event) => openTask(event.target.data("task")));
  };
}
