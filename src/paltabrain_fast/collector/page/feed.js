// Brings events and counts from the collector: the first page, the stream, and what fills gaps.
// After a lost connection it goes on from the last event that it has seen.

import { EventLog } from "./log.js";

const FIRST_PAGE = 200;
const GAP_PAGE = 500;
const RETRY_SECONDS = [0.5, 1, 2, 3, 5];

/** Ask the API; raises an Error with the collector's own words if it refuses. */
export async function ask(path, options) {
  const response = await fetch(path, { cache: "no-store", ...options });
  if (response.ok) return response.json();
  const body = await response.json().catch(() => ({}));
  const error = new Error(body.error ?? `the collector answered ${response.status}`);
  error.status = response.status;
  throw error;
}

/** Ids are the same in each database; what arrived in a batch, and when, is not. */
const isSame = (a, b) => a.batch_id === b.batch_id && a.received_ts === b.received_ts;

/**
 * `connection` is "connecting", "live", or "waiting" to connect again. While `paused`, what arrives
 * is put in `waiting`, a log of its own. `refusal` says why the filters are not taken. Events: "log", "counts", "state",
 * and "reset" when all events may be other ones.
 */
export class Feed extends EventTarget {
  constructor(filters) {
    super();
    this.log = new EventLog();
    this.waiting = null;
    this.connection = "connecting";
    this.retryAt = 0;
    this.isLoaded = false;
    this.refusal = null;
    this.view = { first: 0, last: 0 };
    this.filters = filters.toString();
    this.run = 0;
    this.failures = 0;
    this.filling = new Set();
  }

  get paused() {
    return this.waiting !== null;
  }

  /** Show the events that match, from now on. */
  async start(filters) {
    this.filters = filters.toString();
    this.isLoaded = false;
    const run = this.#begin();
    try {
      const counts = await ask("/api/counts");
      const page = await ask(this.#path("/api/events", { limit: FIRST_PAGE }));
      if (run !== this.run) return;
      this.log = new EventLog(counts.last_id);
      this.log.start(page.events, page.next !== null);
      if (this.paused) this.waiting = new EventLog(this.log.newest);
      this.isLoaded = true;
      this.#tell("counts", counts);
      this.#tell("log");
      this.#open(run);
    } catch (error) {
      if (error.status === 400) this.#refused(run, error.message);
      else this.#retry(run, () => this.start(this.filters));
    }
  }

  /** Show what there is in place of events that may be gone. */
  async #startAnew() {
    await this.start(this.filters);
    this.#tell("reset");
  }

  pause() {
    this.waiting = new EventLog(this.log.newest);
    this.#tell("state");
  }

  resume() {
    this.log.addLog(this.waiting);
    this.waiting = null;
    this.log.trim(this.view.first, this.view.last);
    this.#tell("state");
    this.#tell("log");
  }

  /** Leave the connection to others while nobody looks: a browser has six for a site. */
  sleep() {
    this.#begin();
  }

  /** Begin, or go on where `sleep()` stopped. */
  wake() {
    if (this.isLoaded) this.#reconnect();
    else this.start(this.filters);
  }

  /** Load what a gap stands for, or a page of it. */
  async fill(hole) {
    if (this.filling.has(hole)) return;
    this.filling.add(hole);
    const run = this.run;
    const range = { limit: GAP_PAGE, before: hole.upper };
    if (hole.lower !== null) range.after = hole.lower;
    try {
      const page = await ask(this.#path("/api/events", range));
      if (run !== this.run) return;
      const reached = page.events.some((event) => event.id <= (hole.lower ?? -1));
      this.log.fill(hole, page.events, page.next !== null && !reached);
      this.log.trim(this.view.first, this.view.last);
      this.#tell("log");
    } catch {
      // The stream tells of a collector that is gone; when the gap is seen again, so is this.
    } finally {
      this.filling.delete(hole);
    }
  }

  #begin() {
    this.source?.close();
    clearTimeout(this.timer);
    this.run += 1;
    this.refusal = null;
    this.#connect("connecting");
    return this.run;
  }

  /** The collector does not take the filters: say so in place of the events. */
  #refused(run, reason) {
    if (run !== this.run) return;
    this.log = new EventLog();
    this.refusal = reason;
    this.isLoaded = true;
    this.#tell("log");
    this.#open(run);
  }

  #open(run) {
    const after = this.waiting?.newest ?? this.log.newest;
    const isRefused = this.refusal !== null;
    const path = isRefused ? "/api/stream" : this.#path("/api/stream", { after });
    const source = new EventSource(path);
    this.source = source;
    const listen = (name, handle) =>
      source.addEventListener(name, (message) => {
        if (run === this.run) handle(message.data);
      });
    source.onopen = () => {
      if (run !== this.run) return;
      this.failures = 0;
      this.#connect("live");
    };
    source.onerror = () => this.#retry(run, () => this.#reconnect());
    if (!isRefused) listen("events", (data) => this.#receive(JSON.parse(data)));
    listen("counts", (data) => this.#tell("counts", JSON.parse(data)));
    listen("reset", () => this.#startAnew());
  }

  #receive({ events, skipped }) {
    if (this.paused) {
      this.waiting.add(events, skipped);
      this.waiting.trim();
      this.#tell("state");
      return;
    }
    this.log.add(events, skipped);
    this.log.trim(this.view.first, this.view.last);
    this.#tell("log");
  }

  #retry(run, again) {
    if (run !== this.run) return;
    this.source?.close();
    this.run += 1;
    const seconds = RETRY_SECONDS[Math.min(this.failures, RETRY_SECONDS.length - 1)];
    this.failures += 1;
    this.retryAt = Date.now() + seconds * 1000;
    this.timer = setTimeout(again, seconds * 1000);
    this.#connect("waiting");
  }

  /** Go on after the last event seen; begin anew if the collector has another database. */
  async #reconnect() {
    const run = this.#begin();
    const log = this.waiting?.loaded ? this.waiting : this.log;
    const seen = log.rows.find((row) => !row.gap);
    try {
      const isKnown = seen ? isSame(seen, await ask(`/api/events/${seen.id}`)) : this.paused;
      const counts = await ask("/api/counts");
      if (run !== this.run) return;
      if (!isKnown || counts.last_id < log.newest) {
        this.#startAnew();
        return;
      }
      this.#tell("counts", counts);
      this.#open(run);
    } catch (error) {
      if (error.status === 404 && run === this.run) this.#startAnew();
      else this.#retry(run, () => this.#reconnect());
    }
  }

  #path(path, parameters) {
    const query = new URLSearchParams(this.filters);
    for (const [name, value] of Object.entries(parameters)) query.set(name, value);
    return `${path}?${query}`;
  }

  #connect(state) {
    this.connection = state;
    this.#tell("state");
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
