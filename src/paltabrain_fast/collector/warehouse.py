"""Stores batches in DuckDB: one table for each type of event, each batch completely and once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb

from .decode import DecodedBatch, Row
from .errors import CollectorError, RefusedError
from .layout import Columns, Layout, Table

_SHARED_BASE_COLUMNS: Final = frozenset(
    ("instance_id", "batch_id", "client_upload_ts", "server_upload_ts", "sdk_name", "sdk_version")
)

_OWN_TABLES: Final[dict[str, Columns]] = {
    "batch": {
        "batch_id": "VARCHAR",
        "instance_id": "VARCHAR",
        "server_upload_ts": "TIMESTAMP_MS",
        "event_count": "BIGINT",
        "country_code": "VARCHAR",
        "locale": "VARCHAR",
        "utc_offset": "BIGINT",
        "telemetry": "VARCHAR",
    },
    "rejected": {
        "server_upload_ts": "TIMESTAMP_MS",
        "status": "INTEGER",
        "reason": "VARCHAR",
        "batch_id": "VARCHAR",
        "sdk_name": "VARCHAR",
        "sdk_version": "VARCHAR",
        "body": "BLOB",
    },
}


@dataclass(frozen=True, slots=True)
class Upload:
    """What a request tells about a batch beside its body; times are naive UTC."""

    server_upload_ts: datetime
    client_upload_ts: datetime | None = None
    sdk_name: str | None = None
    sdk_version: str | None = None


class Warehouse:
    """A DuckDB file with the tables of a schema. Not thread-safe: use it in one thread at a time.

    The tables are ``event.f_<name>`` for each type of event, ``collector.batch`` with a row for
    each stored batch, and ``collector.rejected`` with a row for each refused request.

    If the file has the tables of an earlier schema, missing tables and columns are added. Columns
    that the schema no longer has stay; they are NULL for new events.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        """Open or create the file.

        Raises:
            CollectorError: the file is in use, is no database, or has a column of another type
                than the schema.
        """
        try:
            self._connection = duckdb.connect(str(path))
        except duckdb.Error as error:
            raise CollectorError(f"cannot open {path}: {_first_line(error)}") from None
        self._tables = layout.tables
        try:
            with self._transaction():
                self._migrate("collector", _OWN_TABLES, path)
                self._migrate("event", {t.name: t.columns for t in layout.tables}, path)
                self._connection.execute(
                    "CREATE UNIQUE INDEX IF NOT EXISTS batch_id ON collector.batch (batch_id)"
                )
            self._inserts = {
                table.name: _Insert(self._connection, table) for table in layout.tables
            }
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file. DuckDB writes its write-ahead log into it, and others can open it."""
        self._connection.close()

    def store(self, batch: DecodedBatch, upload: Upload) -> bool:
        """Store a batch completely, in one transaction.

        Returns:
            Whether it was stored: ``False`` if a batch with its id is stored already.
        """
        with self._transaction() as connection:
            known = connection.execute(
                "SELECT 1 FROM collector.batch WHERE batch_id = ?", [batch.batch_id]
            )
            if known.fetchone():
                return False
            envelope = batch.envelope | {"server_upload_ts": upload.server_upload_ts}
            self._insert_row("batch", envelope)
            shared = batch.context | {
                "instance_id": batch.envelope["instance_id"],
                "batch_id": batch.batch_id,
                "client_upload_ts": upload.client_upload_ts,
                "server_upload_ts": upload.server_upload_ts,
                "sdk_name": upload.sdk_name,
                "sdk_version": upload.sdk_version,
            }
            rows: dict[str, list[Row]] = {}
            for table, row in batch.events:
                rows.setdefault(table.name, []).append(row)
            for name, table_rows in rows.items():
                self._inserts[name].execute(shared, table_rows)
        return True

    def reject(self, refused: RefusedError, upload: Upload, body: bytes | None) -> None:
        """Store a refused request, with the reason; ``body`` is ``None`` if it was not read."""
        with self._transaction():
            self._insert_row(
                "rejected",
                {
                    "server_upload_ts": upload.server_upload_ts,
                    "status": refused.status,
                    "reason": refused.reason,
                    "batch_id": refused.batch_id,
                    "sdk_name": upload.sdk_name,
                    "sdk_version": upload.sdk_version,
                    "body": body,
                },
            )

    def counts(self) -> dict[str, Any]:
        """Return the numbers of stored batches, of rejected requests, and of events by type."""
        events = {
            table.event.name: self._count(f"event.{_quoted(table.name)}") for table in self._tables
        }
        return {
            "batches": self._count("collector.batch"),
            "rejected": self._count("collector.rejected"),
            "events": events,
        }

    def _count(self, table: str) -> int:
        row = self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert row is not None
        return int(row[0])

    def _insert_row(self, table: str, row: Row) -> None:
        names = ", ".join(_quoted(name) for name in row)
        marks = ", ".join("?" * len(row))
        self._connection.execute(
            f"INSERT INTO collector.{table} ({names}) VALUES ({marks})", list(row.values())
        )

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        self._connection.begin()
        try:
            yield self._connection
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def _migrate(self, schema: str, tables: dict[str, Columns], path: Path) -> None:
        """Create missing tables and columns; raise ``CollectorError`` if a type has changed."""
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        found: dict[str, Columns] = {}
        for table, column, type_ in self._connection.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns()"
            " WHERE database_name = current_database() AND schema_name = ?",
            [schema],
        ).fetchall():
            found.setdefault(table, {})[column] = type_
        changes = [
            f"{schema}.{table}.{column} is {found[table][column]}, should be {type_}"
            for table, columns in tables.items()
            for column, type_ in columns.items()
            if found.get(table, columns).get(column, type_) != type_
        ]
        if changes:
            raise CollectorError(
                f"{path} holds columns of other types than the schema: {'; '.join(changes)};"
                " choose another --db"
            )
        for table, columns in tables.items():
            name = f"{schema}.{_quoted(table)}"
            if table not in found:
                definitions = (f"{_quoted(column)} {type_}" for column, type_ in columns.items())
                self._connection.execute(f"CREATE TABLE {name} ({', '.join(definitions)})")
                continue
            for column, type_ in columns.items():
                if column not in found[table]:
                    self._connection.execute(
                        f"ALTER TABLE {name} ADD COLUMN {_quoted(column)} {type_}"
                    )


class _Insert:
    """Inserts all events of one type and batch with one prepared statement.

    The statement takes two JSON texts: the columns that all events of the batch share, and a list
    with the other columns of each event. DuckDB converts JSON to its types strictly, and far faster
    than it binds single parameters. Decimals and timestamps are JSON strings, so that none becomes
    a float. The statement is prepared, since planning it takes longer than executing it.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
        self._connection = connection
        self._statement = _quoted(table.name)
        self._shared: Columns = {}
        self._own: Columns = {}
        for name, type_ in table.columns.items():
            of_batch = name in _SHARED_BASE_COLUMNS or name.startswith("c_")
            (self._shared if of_batch else self._own)[name] = type_
        columns = [f"shared.{_quoted(name)}" for name in self._shared]
        columns += [f"own.{_quoted(name)}" for name in self._own]
        names = ", ".join(_quoted(name) for name in (*self._shared, *self._own))
        connection.execute(
            f"PREPARE {self._statement} AS"
            f" INSERT INTO event.{_quoted(table.name)} ({names}) SELECT {', '.join(columns)} FROM"
            f" (SELECT from_json_strict($1::VARCHAR, {_json_literal(self._shared)}) AS shared),"
            f" (SELECT unnest(from_json_strict($2::VARCHAR, {_json_literal([self._own])})) AS own)"
        )

    def execute(self, shared: Row, rows: list[Row]) -> None:
        first = {name: shared.get(name) for name in self._shared}
        second = [{name: row.get(name) for name in self._own} for row in rows]
        # DuckDB accepts no bound parameters in EXECUTE, so the JSON texts are SQL literals.
        self._connection.execute(
            f"EXECUTE {self._statement} ({_json_literal(first)}, {_json_literal(second)})"
        )


def _json_literal(document: Any) -> str:
    text = json.dumps(document, default=_text)
    return "'" + text.replace("'", "''") + "'"


def _text(value: datetime | Decimal) -> str:
    return value.isoformat() if isinstance(value, datetime) else format(value, "f")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]
