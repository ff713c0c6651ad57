// The opened event: its values in the schema's types, where it belongs, when it went where.

import { asJson, asPytest, asSql, copyText } from "./copies.js";
import { clock, duration, el, icon, toast } from "./dom.js";
import { localTime, subject, typeLabel, valueElement } from "./values.js";

/**
 * @param event what is shown.
 * @param schema the answer of /api/schema.
 * @param actions `close()`, `step(1 or -1)`, `filter(name, value)`.
 */
export function detailOf(event, schema, actions) {
  const declared = schema.events.find((each) => each.name === event.type);
  return [
    heading(event, declared, actions),
    el(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Contents of the event" },
      event.valid ? null : refusal(event),
      copies(event, schema),
      ...contents(event, declared, schema, actions),
      origin(event, actions),
      timings(event),
    ),
  ];
}

function heading(event, declared, { close, step }) {
  const button = (name, label, onclick, key) =>
    el(
      "button",
      { class: "button quiet", "aria-label": label, title: `${label} (${key})`, onclick },
      icon(name),
    );
  return el(
    "header",
    { class: "detail-head" },
    el(
      "div",
      {},
      el("h2", {}, event.type ?? `Refused ${subject(event)}`),
      el("p", { class: "sub" }, declared?.description ?? clock(event.received_ts)),
    ),
    el("span", { class: `badge ${event.valid ? "valid" : "refused"}` }, badge(event)),
    button("up", "Newer event", () => step(-1), "k"),
    button("down", "Older event", () => step(1), "j"),
    button("close", "Close", close, "Esc"),
  );
}

const badge = (event) => (event.valid ? "valid" : `refused${event.status ? ` ${event.status}` : ""}`);

function refusal(event) {
  return el(
    "section",
    { class: "refusal", "aria-label": "Why it was refused" },
    event.field ? el("code", { class: "field" }, event.field) : null,
    el("p", {}, event.reason ?? "The collector gave no reason."),
  );
}

function copies(event, schema) {
  const copy = (label, what, content) =>
    el(
      "button",
      {
        class: "button",
        "aria-label": `Copy as ${what}`,
        onclick: () =>
          copyText(content()).then(
            () => toast(`Copied as ${what}`),
            (error) => toast(`Not copied: ${error.message}`),
          ),
      },
      icon("copy"),
      label,
    );
  return el(
    "div",
    { class: "copies", role: "group", "aria-label": "Copy" },
    copy("JSON", "JSON", () => asJson(event)),
    copy("SQL", "SQL", () => asSql(event)),
    event.type && event.valid
      ? copy("pytest", "a pytest assertion", () => asPytest(event, schema))
      : null,
  );
}

function* contents(event, declared, schema, actions) {
  const filter = (name, path) => (value) => actions.filter(name, `${path}:${value}`);
  yield section(
    "Payload",
    ...table(event.payload, declared?.properties ?? [], {
      filterOf: (name) => filter("property", name),
      isTellingUnset: event.valid,
    }),
  );
  for (const part of ["header", "context"]) {
    const set = Object.entries(event[part]);
    const unset = event.valid ? schema[part].filter((each) => !Object.hasOwn(event[part], each.name)) : [];
    if (!set.length && !unset.length) continue;
    yield section(
      part === "header" ? "Header" : "Context",
      ...set.map(([group, values]) => {
        const known = schema[part].find((each) => each.name === group)?.properties ?? [];
        const filterOf = (name) => filter(part, `${group}.${name}`);
        return el(
          "div",
          { class: "group" },
          el("h4", {}, group),
          ...table(values, known, { filterOf, isTellingUnset: false }),
        );
      }),
      unset.length ? notSet(unset) : null,
    );
  }
}

function section(title, ...children) {
  return el("section", { class: "part", "aria-label": title }, el("h3", {}, title), ...children);
}

function table(values, declared, { filterOf, isTellingUnset }) {
  const order = new Map(declared.map((each, index) => [each.name, index]));
  const rank = ([name]) => order.get(name) ?? Infinity;
  const rows = Object.entries(values)
    .sort((a, b) => rank(a) - rank(b))
    .map(([name, value]) =>
      propertyRow(name, value, declared.find((each) => each.name === name), filterOf(name)),
    );
  const unset = isTellingUnset ? declared.filter((each) => !Object.hasOwn(values, each.name)) : [];
  return [
    rows.length ? el("dl", { class: "properties" }, ...rows) : null,
    unset.length ? notSet(unset) : null,
    rows.length + unset.length ? null : el("p", { class: "none" }, "No properties."),
  ];
}

const notSet = (declared) =>
  el("p", { class: "unset" }, "Not set: ", declared.map((each) => each.name).join(", "));

function propertyRow(name, value, property, filter) {
  const isScalar = value === null || typeof value !== "object";
  return el(
    "div",
    { class: "property" },
    el("dt", { title: property?.description || null }, name),
    el("dd", {}, valueElement(value, property)),
    el(
      "dd",
      { class: "kind" },
      typeLabel(property),
      isScalar && value !== ""
        ? el(
            "button",
            {
              class: "button quiet filter",
              title: "Show events with this value",
              "aria-label": `Show events with this ${name}`,
              onclick: () => filter(String(value)),
            },
            icon("filter"),
          )
        : null,
    ),
  );
}

function facts(rows) {
  return el(
    "dl",
    { class: "properties facts" },
    ...rows
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value, after]) =>
        el("div", { class: "property" }, el("dt", {}, name), el("dd", {}, value, after ?? null)),
      ),
  );
}

const plain = (value) => (value === null ? null : el("span", { class: "scalar plain" }, String(value)));

function origin(event, actions) {
  const sdk = event.sdk_name && [event.sdk_name, event.sdk_version].filter(Boolean).join(" ");
  const only = event.instance_id
    ? el(
        "button",
        {
          class: "button quiet filter",
          title: "Show events of this instance",
          "aria-label": "Show events of this instance",
          onclick: () => actions.filter("instance", event.instance_id),
        },
        icon("filter"),
      )
    : null;
  return section(
    "Session and batch",
    facts([
      ["session", plain(event.session_id)],
      ["number in session", plain(event.session_event_seq_num)],
      ["batch", plain(event.batch_id)],
      ["number in batch", plain(event.batch_event_seq_num)],
      ["SDK instance", plain(event.instance_id), only],
      ["SDK", plain(sdk || null)],
      ["table", plain(event.table ? `event.${event.table}` : null)],
    ]),
  );
}

function timings(event) {
  const steps = [
    ["tracked", event.event_ts],
    ["uploaded", event.client_upload_ts],
    ["received", event.received_ts],
  ].filter(([, iso]) => iso);
  return section(
    "Timings",
    facts(
      steps.map(([name, iso], index) => {
        const passed = index ? Date.parse(iso) - Date.parse(steps[index - 1][1]) : NaN;
        const after = Number.isNaN(passed)
          ? null
          : el(
              "span",
              { class: "passed" },
              `${duration(passed)} ${passed < 0 ? "earlier: clocks differ" : "later"}`,
            );
        return [name, el("time", { class: "scalar", title: localTime(iso) }, iso), after];
      }),
    ),
  );
}
