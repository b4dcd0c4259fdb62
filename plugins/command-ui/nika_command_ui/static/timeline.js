// What ran when, and beside what.
import { get } from "./api.js";
import { el, plain, svg } from "./dom.js";
import { duration, took } from "./format.js";

const ROW = 22;
const NAMES = 190;
const WIDTH = 1000;
const MOST = 500;

export function timeline(body, run, openTask) {
  return async () => {
    const { tasks } = await get(`runs/${run}/timeline`);
    const rows = tasks.filter((row) => row.startedAt).slice(0, MOST);
    if (!rows.length) {
      body.replaceChildren(el("p", {}, "No task has begun yet."));
      return;
    }
    const begin = Math.min(...rows.map((row) => row.startedAt));
    const end = Math.max(...rows.map((row) => row.startedAt + took(row) / 1000), begin + 0.001);
    const scale = (at) => NAMES + ((at - begin) / (end - begin)) * (WIDTH - NAMES - 70);
    const height = rows.length * ROW + 24;
    const picture = svg("svg", { class: "timeline", viewBox: `0 0 ${WIDTH} ${height}`, role: "group", "aria-label": "Timeline of the tasks" });
    for (let part = 0; part <= 4; part += 1) {
      const at = begin + ((end - begin) * part) / 4;
      picture.append(
        svg("line", { class: "grid", x1: scale(at), x2: scale(at), y1: 16, y2: height }),
        svg("text", { x: scale(at), y: 11, "text-anchor": "middle" }, duration((at - begin) * 1000)));
    }
    rows.forEach((row, index) => picture.append(bar(row, index)));
    body.replaceChildren(picture);

    function bar(row, index) {
      const y = 20 + index * ROW;
      const length = Math.max(2, scale(row.startedAt + took(row) / 1000) - scale(row.startedAt));
      const label = plain(row.id);
      const title = `${label}: ${row.state}, ${duration(took(row))}, after ${duration((row.startedAt - begin) * 1000)}`;
      const group = svg("g", { role: "button", tabindex: 0, "aria-label": title },
        svg("text", { x: 0, y: y + 14 }, label.length > 26 ? `${label.slice(0, 25)}…` : label),
        svg("rect", { class: row.state, x: scale(row.startedAt), y: y + 3, width: length, height: ROW - 8, rx: 2 }),
        svg("text", { x: scale(row.startedAt) + length + 5, y: y + 14 }, duration(took(row))),
        svg("title", {}, title));
      group.addEventListener("click", () => openTask(row.id));
      group.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          openTask(row.id);
        }
      });
      return group;
    }
  };
}
