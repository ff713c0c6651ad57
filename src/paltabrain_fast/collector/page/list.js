// The list of events: only the rows that are seen exist. What arrives above them does not move them.

import { clock, count, counted, el } from "./dom.js";
import { keyOf } from "./log.js";
import { subject, summary } from "./values.js";

const ROW_HEIGHT = 34;
const OVERSCAN = 8;
const HOLD_MS = 1500;
const CALM = matchMedia("(prefers-reduced-motion: reduce)");

/** Events: "select" (the selected id changed), "open" (an event is to be shown), "gap", "view". */
export class EventList extends EventTarget {
  /** @param hueOf the number of the colour of a type. */
  constructor(viewport, space, hueOf) {
    super();
    this.viewport = viewport;
    this.space = space;
    this.hueOf = hueOf;
    this.log = null;
    this.selected = null;
    this.pool = [];
    this.anchor = null;
    this.seenNewest = Infinity;
    this.scheduled = false;
    this.held = 0; // the timer that lets go of rows that stand still under the pointer
    this.drawnTop = 0;
    viewport.addEventListener("pointermove", ({ pointerType }) => {
      if (pointerType === "mouse") this.#hold();
    });
    viewport.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#schedule()).observe(viewport);
    space.addEventListener("click", (event) => this.#clicked(event));
  }

  /** Show a log, anew if it is another one. */
  show(log) {
    if (log !== this.log) {
      this.log = log;
      this.anchor = null;
      this.seenNewest = log.newest;
      this.viewport.scrollTop = 0;
    }
    this.#schedule();
  }

  /** Rows that are above what is seen. */
  get above() {
    return Math.floor(this.viewport.scrollTop / ROW_HEIGHT);
  }

  toTop() {
    this.#letGo();
    this.anchor = null;
    this.viewport.scrollTop = 0;
    this.#schedule();
  }

  /** Select the event with an id, or none. */
  select(id) {
    this.selected = id;
    this.dispatchEvent(new Event("select"));
    this.#schedule();
  }

  /** Select the event that is `step` rows below the selected one; bring it into sight. */
  move(step) {
    this.#letGo();
    const rows = this.log.rows;
    let index = this.selected === null ? this.above - 1 : this.log.indexOf(this.selected);
    if (this.selected === null && step < 0) index = this.above + 1;
    do index += step;
    while (rows[index]?.gap);
    const row = rows[index];
    if (!row) {
      this.#reveal(step < 0 ? 0 : rows.length - 1);
      return;
    }
    this.#reveal(index);
    this.select(row.id);
  }

  /** Keep the rows where they are while the pointer moves, so that a click meets what it aims at. */
  #hold() {
    if (!this.log || (!this.held && this.anchor)) return;
    if (!this.anchor) this.#setAnchor(0);
    this.#letGo();
    this.held = setTimeout(() => this.toTop(), HOLD_MS);
  }

  /** From now on, the rows stand still or move as where the reader has scrolled to asks for. */
  #letGo() {
    clearTimeout(this.held);
    this.held = 0;
  }

  #reveal(index) {
    const top = index * ROW_HEIGHT;
    const { scrollTop, clientHeight } = this.viewport;
    if (top < scrollTop) this.viewport.scrollTop = top;
    else if (top + ROW_HEIGHT > scrollTop + clientHeight)
      this.viewport.scrollTop = top + ROW_HEIGHT - clientHeight;
  }

  #clicked(event) {
    const row = this.pool.find((each) => each.contains(event.target))?.shown;
    if (!row || row.gap) return;
    this.select(row.id);
    this.dispatchEvent(new Event("open"));
  }

  #scrolled() {
    if (Math.abs(this.viewport.scrollTop - this.drawnTop) > 1) this.#letGo(); // the reader did
    this.#setAnchor();
    this.#schedule();
  }

  /** Remember the first event that is seen, unless the newest is: then new ones push it down. */
  #setAnchor(least = ROW_HEIGHT / 2) {
    const { scrollTop } = this.viewport;
    this.anchor = null;
    if (!this.log || scrollTop < least) return;
    let index = Math.ceil(scrollTop / ROW_HEIGHT);
    while (this.log.rows[index]?.gap) index += 1;
    const row = this.log.rows[index];
    if (row) this.anchor = { id: row.id, offset: index * ROW_HEIGHT - scrollTop };
  }

  #schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      if (this.log) this.#draw();
    });
  }

  #draw() {
    const { rows } = this.log;
    this.space.style.height = `${rows.length * ROW_HEIGHT}px`;
    if (this.anchor) {
      const top = this.log.indexOf(this.anchor.id) * ROW_HEIGHT - this.anchor.offset;
      if (Math.abs(top - this.viewport.scrollTop) >= 1) this.viewport.scrollTop = top;
    }
    this.drawnTop = this.viewport.scrollTop;
    const height = this.viewport.clientHeight;
    const first = Math.max(0, this.above - OVERSCAN);
    const seen = Math.ceil(height / ROW_HEIGHT) + 1;
    const last = Math.min(rows.length, first + seen + 2 * OVERSCAN);
    while (this.pool.length < last - first) this.pool.push(this.space.appendChild(makeRow()));
    this.pool.forEach((row, slot) => {
      const index = first + slot;
      row.hidden = index >= last;
      if (!row.hidden) this.#drawRow(row, rows[index], index);
      else row.shown = null;
    });
    this.#markSelected();
    this.#fadeIn();
    this.dispatchEvent(new CustomEvent("view", { detail: { first, last } }));
    for (const row of rows.slice(first, last))
      if (row.gap) this.dispatchEvent(new CustomEvent("gap", { detail: row }));
  }

  #drawRow(row, shown, index) {
    row.style.transform = `translateY(${index * ROW_HEIGHT}px)`;
    row.setAttribute("aria-posinset", index + 1);
    row.setAttribute("aria-setsize", this.log.rows.length);
    if (row.shown === shown) return;
    row.shown = shown;
    const { time, dot, type, text } = row.parts;
    row.id = `row-${keyOf(shown)}`;
    row.classList.toggle("gap", Boolean(shown.gap));
    row.classList.toggle("refused", !shown.gap && !shown.valid);
    if (shown.gap) {
      time.textContent = "";
      type.textContent = "";
      text.replaceChildren(
        shown.count === null ? "Loading older events…" : `Loading ${counted(shown.count, "event")}…`,
      );
      return;
    }
    time.textContent = clock(shown.received_ts);
    dot.dataset.hue = shown.type === null ? "" : this.hueOf(shown.type);
    type.textContent = subject(shown);
    text.replaceChildren(...summary(shown));
  }

  #markSelected() {
    let active = null;
    for (const row of this.pool) {
      const isSelected = !row.hidden && this.selected !== null && row.shown?.id === this.selected;
      row.setAttribute("aria-selected", isSelected);
      if (isSelected) active = row.id;
    }
    if (active) this.viewport.setAttribute("aria-activedescendant", active);
    else this.viewport.removeAttribute("aria-activedescendant");
  }

  /** Let new rows appear softly, where there are few of them. */
  #fadeIn() {
    const fresh = this.pool.filter((row) => row.shown && row.shown.id > this.seenNewest);
    this.seenNewest = this.log.newest;
    if (CALM.matches || fresh.length > 6) return;
    for (const row of fresh) row.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 260 });
  }
}

function makeRow() {
  const parts = {
    time: el("time", { class: "time" }),
    dot: el("i", { class: "dot", "aria-hidden": "true" }),
    type: el("span", { class: "type" }),
    text: el("span", { class: "text" }),
  };
  const name = el("span", { class: "name" }, parts.dot, parts.type);
  const row = el("div", { class: "row", role: "option" }, parts.time, name, parts.text);
  row.parts = parts;
  row.shown = null;
  return row;
}

export const newerText = (rows) => `${count(rows)} newer`;
