// Counts and rates beside the list; what is clicked there is a filter.

import { byId, count, el, own, svg } from "./dom.js";

const SECONDS = 60;
const INSTANCES = 20;
const HEADROOM = 1.15;

export class Sidebar {
  /** @param toggle called with a filter's name and value. */
  constructor(schema, hueOf, toggle) {
    this.schema = schema;
    this.hueOf = hueOf;
    this.toggle = toggle;
    this.counts = null;
    this.countedAt = 0;
    this.types = new Map();
    this.instances = new Map();
    for (const button of byId("validity").children)
      button.addEventListener("click", () => toggle("valid", button.dataset.valid));
    // Where nothing arrives, nothing is told: the seconds pass all the same.
    setInterval(() => this.#drawRates(), 1000);
  }

  show(counts) {
    this.counts = counts;
    this.countedAt = performance.now();
    this.#drawTotals();
    this.#drawTypes();
    this.#drawInstances();
    this.#drawRates();
  }

  /** Mark what is filtered by. */
  mark(filters) {
    this.filters = filters;
    for (const button of byId("validity").children)
      button.setAttribute("aria-pressed", filters.get("valid") === button.dataset.valid);
    for (const [name, row] of this.types)
      row.button.setAttribute("aria-pressed", filters.has("type", name));
    for (const [id, button] of this.instances)
      button.setAttribute("aria-pressed", filters.get("instance") === id);
  }

  #drawTotals() {
    const { events, invalid, batches, repeats, unauthorized, dropped_by_sdks: dropped } = this.counts;
    const rows = [
      ["events", events, ""],
      ["refused", invalid, invalid ? "bad" : ""],
      ["dropped by SDKs", dropped, dropped ? "bad" : null],
      ["batches", batches, ""],
      ["sent again", repeats, repeats ? "" : null],
      ["wrong API key", unauthorized, unauthorized ? "bad" : null],
    ];
    byId("totals").replaceChildren(
      ...rows
        .filter(([, , kind]) => kind !== null)
        .map(([name, number, kind]) =>
          el("div", { class: kind }, el("dt", {}, name), el("dd", {}, count(number))),
        ),
    );
  }

  #drawTypes() {
    const byType = this.counts.by_type;
    const names = [...new Set([...this.schema.events.map((each) => each.name), ...Object.keys(byType)])];
    for (const name of names) if (!this.types.has(name)) this.#addType(name);
    for (const [name, row] of this.types) {
      const { events = 0, invalid = 0 } = own(byType, name) ?? {};
      row.number.textContent = count(events);
      row.bad.textContent = invalid ? count(invalid) : "";
      row.bad.title = invalid ? `${count(invalid)} refused` : "";
      row.button.classList.toggle("is-idle", events + invalid === 0);
    }
    const hasBad = Object.values(byType).some((each) => each.invalid > 0);
    byId("types").classList.toggle("has-bad", hasBad);
  }

  #addType(name) {
    const line = svg("path", { class: "line" });
    const chart = svg(
      "svg",
      { class: "spark", viewBox: "0 0 60 14", preserveAspectRatio: "none", "aria-hidden": "true" },
      line,
    );
    chart.dataset.hue = this.hueOf(name);
    const dot = el("i", { class: "dot", "aria-hidden": "true" });
    dot.dataset.hue = this.hueOf(name);
    const number = el("span", { class: "number" });
    const bad = el("span", { class: "number bad" });
    const button = el(
      "button",
      { class: "choice-row", "aria-pressed": "false", onclick: () => this.toggle("type", name) },
      dot,
      el("span", { class: "label", title: name }, name),
      chart,
      bad,
      number,
    );
    byId("types").append(el("li", {}, button));
    this.types.set(name, { button, number, bad, line });
    if (this.filters) this.mark(this.filters);
  }

  #drawInstances() {
    const newest = this.counts.instances.slice(-INSTANCES).reverse();
    byId("instances-section").hidden = newest.length === 0;
    if (newest.join() === [...this.instances.keys()].join()) return;
    this.instances = new Map(
      newest.map((id) => [
        id,
        el(
          "button",
          { class: "choice-row", onclick: () => this.toggle("instance", id) },
          el("span", { class: "label mono", title: id }, id),
        ),
      ]),
    );
    byId("instances").replaceChildren(
      ...[...this.instances.values()].map((button) => el("li", {}, button)),
    );
    if (this.filters) this.mark(this.filters);
  }

  #drawRates() {
    if (!this.counts) return;
    const passed = Math.min(SECONDS, Math.floor((performance.now() - this.countedAt) / 1000));
    const sum = new Array(SECONDS - 1).fill(0);
    for (const [name, row] of this.types) {
      const rates = whole(own(this.counts.rates.by_type, name) ?? [], passed);
      rates.forEach((rate, second) => (sum[second] += rate));
      row.line.setAttribute("d", path(rates, 14));
    }
    const line = path(sum, 24);
    const [area, stroke] = byId("rate-chart").children;
    area.setAttribute("d", line && `${line}L60 24L0 24Z`);
    stroke.setAttribute("d", line);
    byId("rate").textContent = count(recent(sum));
    const peak = Math.max(...sum);
    byId("peak").textContent = peak ? `peak ${count(peak)}/s` : "";
  }
}

/** The rates of the last seconds, some seconds later; the second that is not over is left out. */
function whole(rates, seconds) {
  const padded = [...new Array(SECONDS).fill(0), ...rates, ...new Array(seconds).fill(0)];
  return padded.slice(-SECONDS, -1);
}

/** The mean of the last three seconds. */
function recent(rates) {
  const seconds = rates.slice(-3);
  return Math.round(seconds.reduce((sum, each) => sum + each, 0) / seconds.length);
}

/** A line over the whole width; without any event, none. */
function path(rates, height) {
  const most = Math.max(...rates) * HEADROOM;
  if (!most) return "";
  const step = 60 / (rates.length - 1);
  const y = (rate) => (height - 1 - (rate / most) * (height - 2)).toFixed(1);
  return rates.map((rate, index) => `${index ? "L" : "M"}${(index * step).toFixed(1)} ${y(rate)}`).join("");
}
