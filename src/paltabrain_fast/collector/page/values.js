// Values of properties, in the types of the schema: as text, in a row, and in the opened event.

import { el } from "./dom.js";

const SUMMARY_LENGTH = 300;

/** What a property is, in the schema's words: "decimal", "enum Theme", "string[]", "map of integer". */
export function typeLabel(property) {
  if (!property) return "unknown";
  const kind = property.kind === "enum" ? `enum ${property.enum}` : property.kind;
  if (property.repeated) return `${kind}[]`;
  return property.map ? `map of ${kind}` : kind;
}

/** What it is about: the type, an event of no known type, or a whole request. */
export function subject(event) {
  return event.type ?? (event.batch_event_seq_num ? "event" : "request");
}

/** The contents of a row: the properties of the event, or why it was refused. */
export function summary(event) {
  if (!event.valid) {
    const field = event.field ? el("code", { class: "field" }, event.field) : null;
    return [field, event.reason ?? "refused"].filter((part) => part !== null);
  }
  const parts = [];
  let length = 0;
  for (const [name, value, part] of flat(event)) {
    const text = inline(value);
    parts.push(
      el("span", { class: "key" }, name),
      el("span", { class: `value ${part}` }, text),
    );
    length += name.length + text.length;
    if (length > SUMMARY_LENGTH) break;
  }
  return parts.length ? parts : [el("span", { class: "none" }, "no properties")];
}

/** The payload's properties, then those of header and context, each with where it belongs. */
function* flat(event) {
  for (const [name, value] of Object.entries(event.payload)) yield [name, value, "payload"];
  for (const part of ["header", "context"])
    for (const properties of Object.values(event[part]))
      for (const [name, value] of Object.entries(properties)) yield [name, value, part];
}

/** A value in one line. */
export function inline(value) {
  if (Array.isArray(value)) return `[${value.slice(0, 20).map(inline).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).slice(0, 20);
    return `{${entries.map(([key, each]) => `${key}: ${inline(each)}`).join(", ")}}`;
  }
  return String(value).slice(0, SUMMARY_LENGTH);
}

/** A value of the opened event: a list or a map has a line for each of its elements. */
export function valueElement(value, property) {
  if (Array.isArray(value))
    return many(value.map((each, index) => [String(index), scalar(each, property)]));
  if (value !== null && typeof value === "object")
    return many(Object.entries(value).map(([key, each]) => [key, scalar(each, property)]));
  return scalar(value, property);
}

function many(entries) {
  if (!entries.length) return el("span", { class: "none" }, "empty");
  return el(
    "dl",
    { class: "elements" },
    ...entries.flatMap(([key, element]) => [el("dt", {}, key), el("dd", {}, element)]),
  );
}

function scalar(value, property) {
  const kind = property?.kind ?? (typeof value === "string" ? "string" : "other");
  const text = value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
  const title = kind === "timestamp" ? localTime(text) : null;
  return el("span", { class: `scalar ${kind}`, title }, text);
}

/** A timestamp in the reader's own time zone. */
export function localTime(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? null : date.toLocaleString();
}
