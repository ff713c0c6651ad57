// What is loaded of the events: newest first, each once, with gaps where some are not loaded.

/** Events that are kept in the page; what goes beyond is loaded again where the reader scrolls. */
export const KEPT = 10_000;

/** Events at the newest end that stay when some are forgotten while older ones are read. */
const NEWEST_KEPT = 1_000;

/**
 * A row is an event, or a gap: `{gap: true, upper, lower, count}` stands for the events whose ids
 * are between `lower` and `upper`. `lower` is null for all that are older; `count` is null if it is
 * not known.
 */
export class EventLog {
  /** @param newest the id up to which the events are known, though none may be loaded. */
  constructor(newest = 0) {
    this.rows = [];
    this.newest = newest;
    this.loaded = 0;
  }

  get isEmpty() {
    return this.rows.length === 0;
  }

  /** Events that arrived, those of gaps included. */
  get total() {
    return this.rows.reduce((sum, row) => sum + (row.gap ? (row.count ?? 0) : 1), 0);
  }

  /** Add the first page: events, and whether there are older ones. */
  start(events, hasOlder) {
    this.rows = byNewest(events);
    this.loaded = this.rows.length;
    this.newest = Math.max(this.newest, this.rows[0]?.id ?? 0);
    if (hasOlder && this.loaded) this.rows.push(gap(this.rows.at(-1).id, null, null));
  }

  /** Add what arrived. `skipped` events between the newest known one and these are not among it. */
  add(events, skipped = 0) {
    const fresh = byNewest(events).filter((event) => event.id > this.newest);
    if (!fresh.length) return;
    if (skipped > 0) fresh.push(gap(fresh.at(-1).id, this.newest, skipped));
    this.rows = fresh.concat(this.rows);
    this.loaded += fresh.length - (skipped > 0 ? 1 : 0);
    this.newest = fresh[0].id;
  }

  /** Add all rows of a log of later events. */
  addLog(later) {
    const oldest = later.rows.at(-1);
    if (oldest?.gap) oldest.lower ??= this.newest;
    this.rows = later.rows.concat(this.rows);
    this.loaded += later.loaded;
    this.newest = Math.max(this.newest, later.newest);
  }

  /** Put events in place of a gap, or of its newer part if `hasMore`. */
  fill(hole, events, hasMore) {
    const index = this.rows.indexOf(hole);
    if (index < 0) return;
    const found = byNewest(events).filter(
      (event) => event.id < hole.upper && (hole.lower === null || event.id > hole.lower),
    );
    this.loaded += found.length;
    if (hasMore && found.length) {
      const left = hole.count === null ? null : Math.max(1, hole.count - found.length);
      found.push(gap(found.at(-1).id, hole.lower, left));
    }
    this.rows.splice(index, 1, ...found);
  }

  /** Forget events beyond `KEPT` that are far from the rows `first` to `last`, which are seen. */
  trim(first = 0, last = 0) {
    const excess = this.loaded - KEPT;
    if (excess <= 0) return;
    const end = this.rows.length;
    if (end - excess > last + NEWEST_KEPT) this.#forget(end - excess, end);
    else if (first - NEWEST_KEPT > NEWEST_KEPT) this.#forget(NEWEST_KEPT, first - NEWEST_KEPT);
  }

  #forget(from, to) {
    while (this.rows[from - 1]?.gap) from -= 1;
    while (this.rows[to]?.gap) to += 1;
    const gone = this.rows.slice(from, to);
    const unknown = gone.some((row) => row.gap && row.count === null);
    const sum = gone.reduce((total, row) => total + (row.gap ? row.count : 1), 0);
    const upper = this.rows[from - 1]?.id ?? this.newest + 1;
    const lower = this.rows[to]?.id ?? null;
    this.rows.splice(from, to - from, gap(upper, lower, unknown ? null : sum));
    this.loaded -= gone.filter((row) => !row.gap).length;
  }

  /** The index of the row that has this id, or stands where it would be. */
  indexOf(id) {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (keyOf(this.rows[middle]) > id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The loaded event with this id, or undefined. */
  find(id) {
    const row = this.rows[this.indexOf(id)];
    return row && !row.gap && row.id === id ? row : undefined;
  }
}

const gap = (upper, lower, count) => ({ gap: true, upper, lower, count });

/** Rows are ordered by it; a gap comes right after the event above it. */
export const keyOf = (row) => (row.gap ? row.upper - 0.5 : row.id);

const byNewest = (events) => [...events].sort((a, b) => b.id - a.id);
