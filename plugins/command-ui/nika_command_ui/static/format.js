// Figures as people read them.
import { el } from "./dom.js";

const NUMBER = new Intl.NumberFormat("en");
const MARKS = { success: "✓", succeeded: "✓", failed: "✗", damaged: "✗", running: "●", waiting: "?", paused: "?", skipped: "–", cancelled: "■", interrupted: "■", pending: "·" };

export const count = (value) => (value ? NUMBER.format(value) : "0");

export const some = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

export function cost(value) {
  if (!value) return "$0";
  return value < 0.01 ? `$${value.toPrecision(2)}` : `$${value.toFixed(value < 1 ? 4 : 2)}`;
}

export function duration(ms) {
  if (ms === null || ms === undefined) return "";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// A moment is a text in ISO 8601, as in results, or seconds since 1970, as in events.
const moment = (at) => new Date(typeof at === "string" ? at : at * 1000);

export function time(at) {
  const date = moment(at);
  const shown = date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  return el("time", { datetime: date.toISOString() }, shown);
}

export function state(name) {
  return el("span", { class: `state ${name}` }, `${MARKS[name] ?? "·"} ${name}`);
}

// How long something has taken: until it ended, or until now.
export function took(row) {
  if (row.durationMs !== null && row.durationMs !== undefined) return row.durationMs;
  if (!row.startedAt) return null;
  return (row.endedAt ? moment(row.endedAt) : new Date()) - moment(row.startedAt);
}
