// Calls one function in a process of its own. The request comes on stdin, as JSON; the answer goes through the
// descriptor that NIKA_CHANNEL names: a line of JSON, and after it the value, if there is one.
import { readFileSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";

const channel = Number(process.env.NIKA_CHANNEL);
delete process.env.NIKA_CHANNEL;
const realExit = process.exit.bind(process);

function answer(head, body = "") {
  const bytes = Buffer.from(body, "utf8");
  const line = Buffer.from(JSON.stringify({ ...head, bytes: bytes.length }) + "\n", "utf8");
  let rest = Buffer.concat([line, bytes]);
  while (rest.length) {
    try {
      rest = rest.subarray(writeSync(channel, rest));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
  realExit(0);
}

function failed(error, status) {
  const stack = typeof error?.stack === "string" ? error.stack : "";
  if (stack) console.error(stack);
  const where = stack.split("\n").find((line) => line.includes("file://") && !line.includes("worker.mjs")) ?? "";
  const message = error instanceof Error ? error.message : String(error);
  answer({
    status,
    type: error?.constructor?.name ?? typeof error,
    message: message.slice(0, 2000),
    where: where.trim().replace(/^at /, "").slice(0, 300),
  });
}

process.on("uncaughtException", (error) => failed(error, "raised"));
process.on("unhandledRejection", (error) => failed(error, "raised"));

const request = JSON.parse(readFileSync(0, "utf8"));
process.argv = [process.argv[0], request.path];

let module;
try {
  module = await import(pathToFileURL(request.path).href);
} catch (error) {
  failed(error, "import");
}
const found = module[request.name] ?? module.default?.[request.name];
if (typeof found !== "function") {
  const exported = { ...module.default, ...module };
  const names = Object.keys(exported).filter((name) => typeof exported[name] === "function");
  answer({ status: "missing", message: `${request.where} exports no function '${request.name}'`, names });
}

let result;
try {
  result = await found(request.args);
} catch (error) {
  failed(error, "raised");
}
if (typeof result === "string") {
  answer({ status: "value", json: false }, result);
}
let text;
try {
  text = JSON.stringify(result === undefined ? null : result);
} catch (error) {
  answer({ status: "result", message: error.message.split("\n")[0] });
}
if (text === undefined) {
  answer({ status: "result", message: `the function returned a ${typeof result}, which is not JSON` });
}
answer({ status: "value", json: true }, text);
