// Open questions, and their answers: the only thing that the page writes.
import { get, post, problem } from "./api.js";
import { el, plain, text } from "./dom.js";
import { time } from "./format.js";

export function open(main) {
  const place = el("div");
  main.replaceChildren(el("h2", {}, "Questions"), place);
  document.title = "Questions · Nika";
  return () => questions(place, null);
}

export async function questions(place, run) {
  const { questions: found } = await get("questions", run ? { run } : {});
  const shown = new Map([...place.children].map((child) => [child.dataset.digest, child]));
  const made = found.map((asked) => shown.get(key(asked)) ?? question(asked, !run)); // what somebody is typing stays
  if (!run && !made.length) made.push(el("p", {}, "No run of this machine asks anything. A run on a backend asks on its own page."));
  const changed = made.length !== place.children.length || made.some((child, index) => child !== place.children[index]);
  if (changed) place.replaceChildren(...made);
}

const key = (asked) => `${asked.runId} ${asked.task} ${asked.digest}`;

function question(asked, named) {
  const words = el("form", { class: "question", "data-digest": key(asked), "aria-label": `Question of ${plain(asked.task)}${named ? ` in run ${asked.runId}` : ""}` });
  const told = el("p", { role: "status" });
  const fields = Object.entries(asked.form ?? {}).map(([name, spec]) => field(name, spec));
  words.append(
    el("h3", {}, "Question of ", named ? el("a", { href: `#/run/${asked.runId}` }, text(asked.workflow)) : "", named ? " › " : "", text(asked.task)),
    el("pre", { tabindex: 0, "aria-label": "What is asked" }, plain(asked.message)),
    el("p", { class: "quiet" }, "since ", time(asked.since)),
    ...fields.map((each) => each.label));
  const send = async (answer) => {
    try {
      await post(`runs/${asked.runId}/answer`, { task: asked.task, digest: asked.digest, answer });
      told.replaceChildren(asked.backend ? "Answered. The run takes it at once." : "Answered. A run that no process works on goes on with `nika resume`.");
      for (const button of words.querySelectorAll("button, input, select, textarea")) button.disabled = true;
    } catch (error) {
      told.replaceChildren(problem(error));
    }
  };
  const choices = asked.form ? [["Send", () => Object.fromEntries(fields.map((each) => [each.name, each.read()]).filter(([, given]) => given !== undefined))]] : [["Yes", () => true], ["No", () => false]];
  choices.push(...(asked.words ?? []).map((word) => [word, () => word]));
  const buttons = choices.map(([title, read]) => {
    const button = el("button", { type: "button" }, title);
    button.addEventListener("click", () => send(read()));
    return button;
  });
  words.append(el("div", { class: "tools" }, buttons), told);
  words.addEventListener("submit", (event) => event.preventDefault());
  return words;
}

function field(name, spec) {
  const choices = spec.enum ?? spec.choices;
  let input;
  if (spec.type === "bool") input = el("input", { type: "checkbox" });
  else if (choices) input = el("select", {}, choices.map((one) => el("option", { value: String(one) }, plain(one))));
  else input = el(spec.type === "string" ? "textarea" : "input", {});
  if (spec.default !== undefined) {
    if (spec.type === "bool") input.checked = Boolean(spec.default);
    else input.value = typeof spec.default === "string" ? spec.default : JSON.stringify(spec.default);
  }
  const label = el("label", {}, `${plain(name)} `, spec.description ? el("span", { class: "quiet" }, plain(spec.description)) : "", el("br"), input);
  const read = () => (spec.type === "bool" ? input.checked : input.value === "" && spec.type !== "string" ? undefined : input.value);
  return { name, label, read };
}
