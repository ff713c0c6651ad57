// Makes elements. Contents enter the page as text nodes and attributes only, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `on…` are listeners, `class` and the rest attributes; null leaves one out. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for an element of SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** One of the symbols at the end of index.html. */
export function icon(name) {
  const use = svg("use", { href: `#i-${name}` });
  return svg("svg", { class: "icon", "aria-hidden": "true" }, use);
}

/** What an object has by a name; undefined for names such as "constructor", which all objects know. */
export const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined);

export const byId = (id) => document.getElementById(id);

const NUMBERS = new Intl.NumberFormat("en");

/** A count as a person reads it: 12,345. */
export const count = (number) => NUMBERS.format(number);

/** A count with its noun: "1 event", "2 events". */
export const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

const two = (number) => String(number).padStart(2, "0");

/** The time of day of an ISO timestamp, in the reader's time zone, with milliseconds. */
export function clock(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${time}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** A span of time: "12 ms", "1.20 s", "3 min 5 s", "2 h 0 min", "4 d 3 h". */
export function duration(milliseconds) {
  const ms = Math.abs(milliseconds);
  const pair = (size, big, small, unit) =>
    `${Math.floor(ms / size)} ${big} ${Math.floor((ms % size) / small)} ${unit}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 3_600_000) return pair(60_000, "min", 1000, "s");
  if (ms < 86_400_000) return pair(3_600_000, "h", 60_000, "min");
  return pair(86_400_000, "d", 3_600_000, "h");
}

let toastTimer = 0;

/** Tell something for a moment, to screen readers, too. */
export function toast(text) {
  const element = byId("toast");
  element.textContent = text;
  element.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => element.classList.remove("shown"), 2200);
}
