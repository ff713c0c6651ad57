"""Reads what is stored: pages of event objects, and one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import duckdb

from .filters import REFUSED, Filter, Page, Uploaded, refused_events, valid_events
from .layout import Layout, quoted
from .objects import EVENTS_IN_BATCH, EventObject, EventObjects

_FIRST_BATCHES: Final = 4
_GROWTH: Final = 16
_LARGEST_NUMBER: Final = 2**63 // EVENTS_IN_BATCH

_Found = tuple[int, int, int]
"""Id of an event, number of its table, and of its row there."""


class Reader:
    """Reads a file beside its writer: each call sees what was committed before it.

    Use it in one thread at a time.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, layout: Layout) -> None:
        self._cursor = cursor
        self._layout = layout
        self._objects = EventObjects(layout)

    def events(
        self, wanted: Filter, page: Page, seen: frozenset[str], last_id: int
    ) -> list[EventObject]:
        """Return the events of a page.

        Args:
            wanted: which events.
            page: which part of them.
            seen: the types that may have events there; other tables are not asked.
            last_id: the highest id that is asked for.
        """
        found: list[_Found] = []
        with self._snapshot():
            for part in _windows(page, last_id):
                found += self._find(wanted, replace(part, limit=page.limit - len(found)), seen)
                if len(found) == page.limit:
                    break
            return self._read(found)

    def count(self, wanted: Filter, page: Page, seen: frozenset[str]) -> int:
        """Return how many events there are between the ids of a page."""
        sql, parameters = self._union(wanted, page, seen)
        if not sql:
            return 0
        row = self._cursor.execute(f"SELECT count(*) FROM ({sql})", parameters).fetchone()
        assert row is not None
        return int(row[0])

    def _find(self, wanted: Filter, page: Page, seen: frozenset[str]) -> list[_Found]:
        sql, parameters = self._union(wanted, page, seen)
        if not sql:
            return []
        order = "DESC" if page.newest_first else "ASC"
        return self._cursor.execute(
            f"SELECT id, number, row FROM ({sql}) ORDER BY id {order} LIMIT {page.limit}",
            parameters,
        ).fetchall()

    def _union(self, wanted: Filter, page: Page, seen: frozenset[str]) -> tuple[str, list[Any]]:
        """Return SQL for id, number of the table and row of the wanted events, with parameters."""
        parts = [refused_events(wanted, page)]
        uploaded = self._uploaded(page)
        if uploaded is not None:
            parts += [
                valid_events(number, self._layout, wanted, page, uploaded)
                for number, table in enumerate(self._layout.tables)
                if table.event.name in seen
            ]
        found = [part for part in parts if part is not None]
        return " UNION ALL ".join(sql for sql, _ in found), [
            value for _, parameters in found for value in parameters
        ]

    def _uploaded(self, page: Page) -> Uploaded | None:
        """Return when the batches of a page were uploaded; ``None`` if there are none."""
        lowest = 0 if page.after is None else page.after // EVENTS_IN_BATCH
        highest = _LARGEST_NUMBER if page.before is None else page.before // EVENTS_IN_BATCH
        row = self._cursor.execute(
            "SELECT min(server_upload_ts)::VARCHAR, max(server_upload_ts)::VARCHAR"
            " FROM collector.batch WHERE number BETWEEN ? AND ?",
            [lowest, highest],
        ).fetchone()
        assert row is not None
        return None if row[0] is None else row

    def _read(self, found: list[_Found]) -> list[EventObject]:
        by_table: dict[int, dict[int, int]] = {}
        for event_id, number, row in found:
            by_table.setdefault(number, {})[row] = event_id
        objects: dict[int, EventObject] = {}
        for number, ids in by_table.items():
            table = None if number == REFUSED else self._layout.tables[number]
            names = ["object"] if table is None else list(table.columns)
            source = f"event.{quoted(table.name)}" if table else "collector.rejected"
            rows = self._cursor.execute(
                f"SELECT rowid, {', '.join(map(quoted, names))} FROM {source}"
                f" WHERE rowid IN ({', '.join(map(str, ids))})"
            ).fetchall()
            for row, *values in rows:
                event_id = ids[row]
                if table is None:
                    objects[event_id] = json.loads(values[0])
                else:
                    columns = dict(zip(names, values, strict=True))
                    objects[event_id] = self._objects.make(event_id, table, columns)
        return [objects[event_id] for event_id, _, _ in found]

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Let all queries see the same; the numbers of rows are fixed meanwhile."""
        self._cursor.execute("BEGIN TRANSACTION READ ONLY")
        try:
            yield
        finally:
            self._cursor.execute("ROLLBACK")


def _windows(page: Page, last_id: int) -> Iterator[Page]:
    """Divide a page into parts, from its begin on, each of which has far more batches.

    Most pages end in the first parts; to sort all events for each would take long.
    """
    lowest = page.after if page.after is not None else -1
    highest = last_id + 1 if page.before is None else min(page.before, last_id + 1)
    batches = _FIRST_BATCHES
    while lowest + 1 < highest:
        if page.newest_first:
            start = max(lowest, (highest // EVENTS_IN_BATCH - batches) * EVENTS_IN_BATCH - 1)
            yield replace(page, before=highest, after=start)
            highest = start + 1
        else:
            end = min(highest, (lowest // EVENTS_IN_BATCH + batches) * EVENTS_IN_BATCH)
            yield replace(page, before=end, after=lowest)
            lowest = end - 1
        batches *= _GROWTH
