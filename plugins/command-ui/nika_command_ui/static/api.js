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

const NAME = "changes";

// Call `changed` when the history has changed, at most once at a time, and `told` with what is wrong with the connection.
// A browser opens six connections to a server for all its pages, and word of changes takes one for good. So one page
// listens and passes it on; when it is closed, the next one does.
export function watch(changed, told) {
  const others = new BroadcastChannel(NAME);
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
  const hear = ({ data }) => (data === null ? take() : told(data));
  const pass = (data) => {
    others.postMessage(data);
    hear({ data });
  };
  const listen = (late) => new Promise(() => { // until this page is closed
    const source = new EventSource("api/changes");
    let first = !late; // what a page has just loaded has not changed
    source.onopen = () => pass("");
    source.onerror = () => pass("no connection to the server");
    source.onmessage = () => {
      if (first) first = false;
      else pass(null);
    };
  });
  others.onmessage = hear;
  navigator.locks
    .request(NAME, { ifAvailable: true }, (lock) => lock && listen(false))
    .then(() => navigator.locks.request(NAME, () => listen(true)));
}
