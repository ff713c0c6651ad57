"""Reads what is stored: pages of event objects, one of them, and answers to queries in SQL."""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from typing import Any, Final

import duckdb

from .errors import RefusedError
from .filters import Filter, Page, refused_events, valid_events
from .layout import Layout, quoted
from .objects import EVENTS_IN_BATCH, EventObject, EventObjects, plain

QUERY_SECONDS: Final = 30
"""Seconds that a query in SQL may take."""

MAX_ROWS: Final = 1_000_000
"""Rows that a query in SQL may give."""


class Reader:
    """Reads a file beside its writer: each call sees what was committed before it.

    Use it in one thread at a time.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, layout: Layout) -> None:
        self._cursor = cursor
        self._layout = layout
        self._tables = {table.name: table for table in layout.tables}
        self._objects = EventObjects(layout)

    def events(
        self, wanted: Filter, page: Page, seen: frozenset[str]
    ) -> tuple[list[EventObject], int]:
        """Return the events of a page, and how many there are without its limit.

        Args:
            wanted: which events.
            page: which part of them.
            seen: the types that have events at all; other tables are not asked.
        """
        parts = [refused_events(wanted, page)]
        parts += [
            valid_events(table, self._layout, wanted, page)
            for table in self._layout.tables
            if table.event.name in seen
        ]
        found = [part for part in parts if part is not None]
        if not found:
            return [], 0
        rows = self._rows(
            "SELECT id, name, count(*) OVER () FROM ("
            + " UNION ALL ".join(sql for sql, _ in found)
            + f") ORDER BY id {'DESC' if page.newest_first else 'ASC'} LIMIT {page.limit}",
            [value for _, parameters in found for value in parameters],
        )
        if not rows:
            return [], 0
        return self._read([(event_id, name) for event_id, name, _ in rows]), rows[0][2]

    def event(self, id: int, seen: frozenset[str]) -> EventObject | None:
        """Return the event with an id; ``None`` if there is none."""
        page = Page(before=id + 1, after=id - 1, limit=1)
        events, _ = self.events(Filter(), page, seen)
        return events[0] if events else None

    def _read(self, found: list[tuple[int, str | None]]) -> list[EventObject]:
        ids: dict[str | None, list[int]] = {}
        for event_id, name in found:
            ids.setdefault(name, []).append(event_id)
        objects: dict[int, EventObject] = {}
        for name, wanted in ids.items():
            marks = ", ".join(map(str, wanted))
            if name is None:
                rows = self._rows(
                    f"SELECT id, object FROM collector.rejected WHERE id IN ({marks})", []
                )
                objects |= {event_id: json.loads(text) for event_id, text in rows}
                continue
            table = self._tables[name]
            columns = ", ".join(f"e.{quoted(column)}" for column in table.columns)
            numbers = ", ".join({str(each // EVENTS_IN_BATCH) for each in wanted})
            id_sql = f"b.number * {EVENTS_IN_BATCH} + e.batch_event_seq_num"
            rows = self._rows(
                f"SELECT {id_sql} AS id, {columns} FROM event.{quoted(name)} e"
                " JOIN collector.batch b USING (batch_id)"
                f" WHERE b.number IN ({numbers}) AND {id_sql} IN ({marks})",
                [],
            )
            for event_id, *values in rows:
                row = dict(zip(table.columns, values, strict=True))
                objects[event_id] = self._objects.make(event_id, table, row)
        return [objects[event_id] for event_id, _ in found if event_id in objects]

    def _rows(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        return self._cursor.execute(sql, parameters).fetchall()


def select(cursor: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    """Answer one SELECT; it can change nothing and reads no other file.

    Raises:
        RefusedError: 400 if it is anything else, is wrong, or takes or gives too much.
    """
    try:
        statements = cursor.extract_statements(query)
        if len(statements) != 1:
            raise RefusedError(
                400, f"the query must be one SELECT, not {len(statements)} statements"
            )
        if statements[0].type is not duckdb.StatementType.SELECT:
            kind = statements[0].type.name.replace("_", " ")
            raise RefusedError(400, f"the query must be a SELECT, not {kind}")
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        timer = threading.Timer(QUERY_SECONDS, cursor.interrupt)
        timer.start()
        try:
            cursor.execute(statements[0])
            columns = [
                {"name": name, "type": str(type_)} for name, type_, *_ in cursor.description or ()
            ]
            rows = cursor.fetchmany(MAX_ROWS + 1)
        finally:
            timer.cancel()
            cursor.execute("ROLLBACK")
    except duckdb.InterruptException:
        raise RefusedError(
            400, f"the query took over {QUERY_SECONDS} seconds; ask for less at once"
        ) from None
    except (duckdb.Error, UnicodeError) as error:
        raise RefusedError(400, str(error)) from None
    if len(rows) > MAX_ROWS:
        raise RefusedError(400, f"the query gives over {MAX_ROWS} rows; add a LIMIT")
    return {
        "columns": columns,
        "rows": [[_integer_or_plain(value) for value in row] for row in rows],
    }


def _integer_or_plain(value: Any) -> Any:
    """Return a value as JSON; columns of integer properties are decimals without places."""
    if isinstance(value, Decimal) and value.as_tuple().exponent == 0:
        return plain(int(value))
    return plain(value)
