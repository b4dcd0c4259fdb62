// Which page is shown: `#/`, `#/run/ID`, `#/run/ID/VIEW`, `#/compare/ID/ID`, `#/questions`.
import { problem, watch } from "./api.js";
import { el } from "./dom.js";

const main = document.getElementById("main");
const status = document.getElementById("state");
const pages = { "": "./runs.js", run: "./run.js", compare: "./compare.js", questions: "./questions.js" };
const links = [["#/", "Runs"], ["#/questions", "Questions"]];
let pressed = false; // a click on what is drawn anew before it ends would be lost
let page = null;
let turn = 0; // of the places that were asked for: what is loaded for an earlier one is not shown any more

document.getElementById("nav").append(...links.map(([href, title]) => el("a", { href }, title)));

addEventListener("pointerdown", () => (pressed = true), true);
for (const name of ["pointerup", "pointercancel", "blur"]) addEventListener(name, () => (pressed = false), true);

async function released() {
  while (pressed) await new Promise((done) => setTimeout(done, 50));
}

async function show() {
  const mine = ++turn;
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  for (const link of document.querySelectorAll("#nav a")) {
    const here = link.getAttribute("href") === location.hash || (!location.hash && link.getAttribute("href") === "#/");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  try {
    const found = pages[name] ?? pages[""];
    if (page?.path !== found || page.key !== rest[0]) {
      const { open } = await import(found);
      if (mine !== turn) return;
      page = { path: found, key: rest[0], show: open(main, rest) };
      main.focus({ preventScroll: true });
    }
    await page.show(rest);
  } catch (error) {
    if (mine === turn) fail(error);
  }
}

function fail(error) {
  page = null;
  main.replaceChildren(problem(error));
}

addEventListener("hashchange", show);
watch(async () => {
  await released();
  const mine = turn;
  try {
    await page?.show(null);
  } catch (error) {
    if (mine === turn) fail(error);
  }
}, (text) => status.replaceChildren(text));
show();
