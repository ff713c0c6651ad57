// What is shown in place of an empty list: what to do first, or what the filters leave out.

import { copyText } from "./copies.js";
import { counted, el, icon, toast } from "./dom.js";

/** For a newcomer: where to send events to, and what to try. */
export function firstSteps(schema, counts, origin) {
  return [
    el("h2", {}, "Waiting for the first event"),
    el("p", {}, "It appears here as soon as it arrives; you need not reload."),
    counts.unauthorized ? wrongKey(counts.unauthorized) : null,
    el(
      "ol",
      { class: "steps" },
      step(
        "Send your application’s events here. Set two variables; its code stays as it is:",
        `export PALTABRAIN_SDK_HOSTNAME=${origin}\nexport PALTABRAIN_SDK_API_KEY=any`,
      ),
      step("Or try it in Python, with the config module of your schema:", example(schema, origin)),
      el(
        "li",
        {},
        el("p", {}, "Nothing arrives? Have each step on the way checked:"),
        code("paltabrain-fast doctor"),
      ),
    ),
  ].filter((part) => part !== null);
}

function wrongKey(requests) {
  return el(
    "p",
    { class: "refusal" },
    `${counted(requests, "request")} came with a wrong API key, or with none. `,
    "Give the SDK the key that the collector was started with.",
  );
}

const step = (text, content) => el("li", {}, el("p", {}, text), code(content));

function code(content) {
  const copy = () => copyText(content).then(() => toast("Copied"), (error) => toast(error.message));
  return el(
    "div",
    { class: "code" },
    el("pre", { tabindex: "0" }, content),
    el(
      "button",
      { class: "button quiet", "aria-label": "Copy", title: "Copy", onclick: copy },
      icon("copy"),
    ),
  );
}

/** A program that sends an event of this schema. */
function example(schema, origin) {
  const [name, values] = tracked(schema.events);
  return [
    "from paltabrain_fast import PaltabrainSdk",
    `from my_config import Context, Event${name}`,
    "",
    `with PaltabrainSdk[Context]("${origin}", "any", Context()) as sdk:`,
    `    sdk.track(Event${name}(${values}))`,
  ].join("\n");
}

/** An event with a text to fill in, if there is one. */
function tracked(events) {
  const usual = events.filter((event) => !event.deprecated);
  for (const event of usual) {
    const property = event.properties.find(
      (each) => each.kind === "string" && !each.repeated && !each.map && /_/.test(each.name),
    );
    if (property) return [event.name, `${property.name}="abc"`];
  }
  return [(usual[0] ?? events[0])?.name ?? "…", ""];
}

/** Where the filters match nothing, or the collector refuses them. */
export function noMatch(counts, refusal, clear) {
  const arrived = counts && `${counted(counts.events + counts.invalid, "event")} arrived. `;
  return [
    el("h2", {}, refusal === null ? "No event matches" : "A filter is not understood"),
    el("p", {}, refusal ?? `${arrived}New ones that match appear here.`),
    el("p", {}, el("button", { class: "button primary", onclick: clear }, "Clear the filters")),
  ];
}
