// The server's answers, and word of changes.
import { el, plain } from "./dom.js";

export class Problem extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

export async function get(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  return read(fetch(`api/${path}${query ? `?${query}` : ""}`));
}

export async function post(path, body) {
  return read(fetch(`api/${path}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));
}

async function read(sent) {
  let response;
  try {
    response = await sent;
  } catch {
    throw new Problem("The server does not answer.", "start `nika ui` again and open the address that it prints");
  }
  const type = response.headers.get("content-type") ?? "";
  if (!type.startsWith("application/json")) throw new Problem(await response.text());
  const answer = await response.json();
  if (!response.ok) throw new Problem(answer.problem, answer.hint);
  return answer;
}

export function problem(error) {
  return el("div", { class: "problem", role: "alert" }, plain(error.message), error.hint ? el("p", { class: "quiet" }, plain(error.hint)) : null);
}

// Call `changed` when the history has changed, at most once at a time. Returns a function that ends it.
export function watch(changed, told) {
  const source = new EventSource("api/changes");
  let first = true;
  let busy = false;
  let again = false;
  const take = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    const began = performance.now();
    await changed();
    // A large run takes long to read: its page rests four times as long.
    await new Promise((done) => setTimeout(done, Math.min(10000, (performance.now() - began) * 4)));
    busy = false;
    if (again) {
      again = false;
      take();
    }
  };
  source.onopen = () => told("");
  source.onerror = () => told("no connection to the server");
  source.onmessage = () => {
    if (first) first = false;
    else take();
  };
  return () => source.close();
}
