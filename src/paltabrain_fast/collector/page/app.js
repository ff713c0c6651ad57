// Puts the page together: the feed of events, the list, the opened event, filters and keys.

import { detailOf } from "./detail.js";
import { byId, count, counted, el, icon, toast } from "./dom.js";
import { ask, Feed } from "./feed.js";
import { Filters } from "./filters.js";
import { EventList, newerText } from "./list.js";
import { Sidebar } from "./sidebar.js";
import { firstSteps, noMatch } from "./welcome.js";

const HUES = 10;
const TYPING_MS = 200;
const OFFLINE = ["connecting", "waiting"];

const schema = await schemaOnceThere();
const hues = new Map(schema.events.map((event, index) => [event.name, index % HUES]));
const hueOf = (type) => hues.get(type) ?? HUES - 1;

let filters = new Filters(location.search);
const feed = new Feed(filters);
const list = new EventList(byId("list"), byId("list-space"), hueOf);
const sidebar = new Sidebar(schema, hueOf, choose);
let counts = null;
let opened = null;
let typing = 0;

/** The schema; the collector may still be starting. */
async function schemaOnceThere() {
  for (;;) {
    try {
      return await ask("/api/schema");
    } catch {
      byId("connection").dataset.state = "waiting";
      byId("connection-text").textContent = "No collector. Trying again…";
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

/** A collector that was started again may have another schema, which all is drawn by. */
async function reloadIfSchemaChanged() {
  const current = await ask("/api/schema").catch(() => schema);
  if (JSON.stringify(current) !== JSON.stringify(schema)) location.reload();
}

// Filters

function choose(name, value) {
  if (name === "valid") apply(filters.with("valid", value));
  else if (name === "instance")
    apply(filters.with("instance", filters.get("instance") === value ? "" : value));
  else apply(filters.toggled(name, value));
}

/** Filter anew; each change is a step of the browser's history, but for letters that are typed. */
function apply(changed, isTyped = false) {
  if (changed.toString() === filters.toString()) return;
  filters = changed;
  const query = filters.toString();
  const address = `${location.pathname}${query && `?${query}`}${location.hash}`;
  if (isTyped) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  showFilters();
  feed.start(filters);
}

function showFilters() {
  if (document.activeElement !== byId("search")) byId("search").value = filters.get("q");
  sidebar.mark(filters);
  const chips = filters.chips();
  const hadFocus = byId("chips").contains(document.activeElement);
  byId("chips").hidden = chips.length === 0;
  byId("chips").replaceChildren(
    ...chips.map((chip) =>
      el(
        "button",
        {
          class: "chip",
          "aria-label": `Remove the filter ${chip.label} ${chip.text}`,
          onclick: () => apply(chip.without),
        },
        el("span", { class: "kind" }, chip.label),
        el("span", { class: "value" }, chip.text),
        icon("close"),
      ),
    ),
    el("button", { class: "link", onclick: () => apply(new Filters()) }, "Clear"),
  );
  if (hadFocus) (chips.length ? byId("chips").firstChild : byId("list")).focus();
}

function applyTyped() {
  clearTimeout(typing);
  const text = byId("search").value.trim();
  if (text !== filters.get("q")) apply(filters.with("q", text), true);
}

byId("search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(applyTyped, TYPING_MS);
});
byId("search").addEventListener("change", applyTyped); // the reader goes elsewhere
byId("search").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  clearTimeout(typing);
  const searched = filters.searched(byId("search").value, schema);
  byId("search").value = searched.get("q");
  apply(searched);
  byId("list").focus();
});
addEventListener("popstate", () => {
  filters = new Filters(location.search);
  byId("search").value = filters.get("q");
  showFilters();
  feed.start(filters);
  openFromAddress();
});

// Events

feed.addEventListener("log", () => {
  list.show(feed.log);
  showEmpty();
});
feed.addEventListener("counts", ({ detail }) => {
  counts = detail;
  sidebar.show(counts);
  showEmpty();
});
feed.addEventListener("state", showState);
feed.addEventListener("reset", () => {
  if (opened !== null) open(opened);
});
list.addEventListener("gap", ({ detail }) => feed.fill(detail));
list.addEventListener("view", ({ detail }) => {
  feed.view = detail;
  byId("newer").hidden = list.above < 1;
  byId("newer").replaceChildren(icon("up"), newerText(list.above));
});
list.addEventListener("open", () => open(list.selected));
list.addEventListener("select", () => {
  if (opened !== null && list.selected !== null) open(list.selected);
});
byId("newer").addEventListener("click", () => {
  list.toTop();
  byId("list").focus();
});

function showEmpty() {
  const isEmpty = feed.isLoaded && feed.log.isEmpty && (counts !== null || feed.refusal !== null);
  byId("empty").hidden = !isEmpty;
  byId("list").classList.toggle("is-empty", isEmpty);
  if (!isEmpty) {
    delete byId("empty").dataset.shown;
    return;
  }
  const shown = JSON.stringify(
    filters.isEmpty ? counts.unauthorized : [feed.refusal, counts?.events, counts?.invalid],
  );
  if (byId("empty").dataset.shown === shown) return;
  byId("empty").dataset.shown = shown;
  byId("empty").replaceChildren(
    ...(filters.isEmpty
      ? firstSteps(schema, counts, location.origin)
      : noMatch(counts, feed.refusal, () => apply(new Filters()))),
  );
}

function showState() {
  const lamp = byId("connection");
  const waits = feed.paused ? feed.waiting.total : 0;
  const state = feed.connection === "live" && feed.paused ? "paused" : feed.connection;
  const texts = {
    connecting: "Connecting…",
    live: "Live",
    paused: "Paused",
    waiting: "No connection. Trying again…",
  };
  if (lamp.dataset.state !== state) {
    if (feed.connection === "live" && OFFLINE.includes(lamp.dataset.state)) reloadIfSchemaChanged();
    lamp.dataset.state = state;
    byId("connection-text").textContent = texts[state];
    if (state === "live" && feed.isLoaded) list.show(feed.log);
  }
  byId("pause").setAttribute("aria-pressed", feed.paused);
  byId("pause-icon").setAttribute("href", feed.paused ? "#i-play" : "#i-pause");
  byId("pause-text").textContent = feed.paused
    ? `Resume${waits ? ` · ${count(waits)}` : ""}`
    : "Pause";
  byId("pause").title = feed.paused ? `${counted(waits, "event")} waiting (p)` : "Pause (p)";
}

function togglePause() {
  if (feed.paused) feed.resume();
  else feed.pause();
}

// The opened event

async function open(id) {
  opened = id;
  let event = feed.log.find(id);
  if (!event) {
    try {
      event = await ask(`/api/events/${id}`);
    } catch (error) {
      toast(error.status === 404 ? "This event is no longer there" : error.message);
      if (opened === id) close();
      return;
    }
    if (opened !== id) return;
  }
  if (list.selected !== id) list.select(id);
  const focused = byId("detail").contains(document.activeElement) && document.activeElement.ariaLabel;
  byId("detail").replaceChildren(
    ...detailOf(event, schema, {
      close,
      step: (step) => list.move(step),
      filter: (name, value) => choose(name, value),
    }),
  );
  byId("detail").hidden = false;
  if (focused) {
    const again = byId("detail").querySelector(`[aria-label=${CSS.escape(focused)}]`);
    (again ?? byId("list")).focus();
  }
  document.body.classList.add("has-detail");
  history.replaceState(null, "", `${location.pathname}${location.search}#${id}`);
}

function close() {
  opened = null;
  byId("detail").hidden = true;
  byId("detail").replaceChildren();
  document.body.classList.remove("has-detail");
  history.replaceState(null, "", `${location.pathname}${location.search}`);
  byId("list").focus();
}

function openFromAddress() {
  const id = Number(location.hash.slice(1));
  if (location.hash && Number.isSafeInteger(id)) open(id);
  else if (opened !== null) close();
}

// Buttons, dialogs and keys

function togglePanel() {
  const isOpen = document.body.classList.toggle("has-sidebar");
  byId("panel").setAttribute("aria-expanded", isOpen);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) feed.sleep();
  else feed.wake();
});

byId("pause").addEventListener("click", togglePause);
byId("help").addEventListener("click", () => byId("help-dialog").showModal());
byId("panel").addEventListener("click", togglePanel);
byId("theme").addEventListener("click", () => {
  const isDark = getComputedStyle(document.documentElement).colorScheme === "dark" ||
    (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("theme", document.documentElement.dataset.theme);
});
byId("reset").addEventListener("click", () => {
  const all = counts ? counted(counts.events + counts.invalid, "event") : "All events";
  byId("reset-text").textContent = `${all} of this collector’s database will be gone for good.`;
  byId("reset-dialog").returnValue = "no";
  byId("reset-dialog").showModal();
});
byId("reset-dialog").addEventListener("close", async () => {
  if (byId("reset-dialog").returnValue !== "yes") return;
  try {
    const { deleted } = await ask("/api/reset", { method: "POST" });
    close();
    toast(`${counted(deleted, "event")} deleted`);
  } catch (error) {
    toast(`Not deleted: ${error.message}`);
  }
});

const KEYS = {
  j: () => list.move(1),
  k: () => list.move(-1),
  g: () => list.toTop(),
  p: togglePause,
  "/": () => byId("search").select(),
  "?": () => byId("help-dialog").showModal(),
  Escape: () => {
    if (document.body.classList.contains("has-sidebar")) {
      togglePanel();
      byId("panel").focus();
    } else if (opened !== null) close();
    else list.select(null);
  },
};
const LIST_KEYS = {
  ArrowDown: KEYS.j,
  ArrowUp: KEYS.k,
  Home: KEYS.g,
  Enter: () => {
    if (list.selected !== null) open(list.selected);
  },
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const target = document.activeElement;
  if (target === byId("search")) {
    if (event.key === "Escape") {
      event.preventDefault(); // which would clear it
      byId("list").focus();
    }
    return;
  }
  const isOnList = target === byId("list") || target === document.body;
  const action = KEYS[event.key] ?? (isOnList ? LIST_KEYS[event.key] : undefined);
  if (!action) return;
  event.preventDefault();
  action();
});

byId("search").value = filters.get("q");
showFilters();
showState();
if (!document.hidden) feed.wake();
openFromAddress();
