"""Stores batches in DuckDB: one table for each type of event, each batch completely and once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from .decode import DecodedBatch, RefusedEvent, Row
from .errors import CollectorError, RefusedError
from .inserting import Insert, RowsOfBatch, insert_rows
from .layout import Columns, Layout, quoted
from .objects import EVENTS_IN_BATCH, EventObject, EventObjects, as_json, texts
from .querying import confine
from .tally import Tally

_OWN_TABLES: Final[dict[str, Columns]] = {
    "batch": {
        "number": "BIGINT",
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
        "id": "BIGINT",
        "event_type": "VARCHAR",
        "texts": "VARCHAR",
        "object": "VARCHAR",
    },
    "forgotten": {"event_type": "VARCHAR", "status": "INTEGER", "number": "BIGINT"},
    "reset": {"last_number": "BIGINT"},
    "schema": {"document": "VARCHAR"},
}

REJECTED_BYTES: Final = 64 * 2**20
"""Bytes of what was refused that the file keeps, the newest: of bodies and objects. They are
counted again after each tenth."""

_LOG_SIZE: Final = "32MB"
"""Size of the write-ahead log at which DuckDB writes it into the file."""

_UNFIT_STATUS: Final = 422


@dataclass(frozen=True, slots=True)
class Upload:
    """What a request tells about a batch beside its body; times are naive UTC."""

    server_upload_ts: datetime
    client_upload_ts: datetime | None = None
    sdk_name: str | None = None
    sdk_version: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be stored of a request.

    Attributes:
        upload: what the request told.
        batch: the batch; without ``refusal``, its events are stored, and those that were refused.
        refusal: why the request is refused as a whole.
        body: the body of such a request, ``None`` if it was not read.
    """

    upload: Upload
    batch: DecodedBatch | None = None
    refusal: RefusedError | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What was stored of an entry.

    Attributes:
        last_id: the highest id that was given; ``None`` if the batch was stored already, and
            nothing is stored now.
        types: number of events that were stored, by type.
        refused: what was refused.
    """

    last_id: int | None
    types: dict[str, int] = field(default_factory=dict)
    refused: list[EventObject] = field(default_factory=list)


@dataclass(slots=True)
class _Rows:
    """The rows of a group of entries, by table."""

    batches: list[RowsOfBatch] = field(default_factory=list)
    rejected: list[Row] = field(default_factory=list)
    events: dict[str, list[RowsOfBatch]] = field(default_factory=dict)


class Warehouse:
    """A DuckDB file with the tables of a schema. Not thread-safe: use it in one thread at a time.

    The tables are ``event.f_<name>`` for each type of event, ``collector.batch`` with a row for
    each stored batch, and ``collector.rejected`` with a row for each refused event or request. Of
    these, the newest are kept; ``collector.forgotten`` has the numbers of the others.

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
            if used := in_use(error):
                why = f"it is {used}; end that, or choose another --db"
            else:
                why = _first_line(error)
            raise CollectorError(f"cannot open {path}: {why}") from None
        self._tables = layout.tables
        self._objects = EventObjects(layout)
        try:
            # A checkpoint writes the last row group of each column again, however little is new.
            self._connection.execute(f"SET checkpoint_threshold = '{_LOG_SIZE}'")
            confine(self._connection)
            with self._transaction():
                self._migrate("collector", _OWN_TABLES, path)
                self._migrate("event", {t.name: t.columns for t in layout.tables}, path)
                # An earlier collector had an index and no numbers.
                self._connection.execute("DROP INDEX IF EXISTS collector.batch_id")
                self._connection.execute(
                    "UPDATE collector.batch SET number = rowid + 1 WHERE number IS NULL"
                )
            self._inserts = {
                table.name: Insert.of_events(self._connection, table) for table in layout.tables
            }
            columns = _OWN_TABLES["batch"].copy()
            own = {"number": columns.pop("number")}
            self._insert_batches = Insert(self._connection, "collector.batch", columns, own, {})
            self._number = self._last_number()
            self._forget_old_refusals()
        except BaseException:
            self._connection.close()
            raise

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection to the same file, for another thread."""
        return self._connection.cursor()

    def keep_schema(self, document: str) -> None:
        """Keep a description of the schema in the file, for who reads it without the schema."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM collector.schema")
            connection.execute("INSERT INTO collector.schema VALUES (?)", [document])

    def close(self) -> None:
        """Close the file. DuckDB writes its write-ahead log into it, and others can open it."""
        self._connection.close()

    def store(self, entries: Sequence[Entry]) -> list[Written | Exception]:
        """Store entries, each completely, in one transaction.

        Returns:
            For each entry what was stored; if it could not be stored, the error.
        """
        try:
            return self._store(entries)
        except Exception as error:
            if len(entries) == 1:
                return [error]
            return [written for entry in entries for written in self.store([entry])]

    def reset(self) -> int:
        """Delete all events, batches and refusals.

        Returns:
            How many events and refusals the file had.
        """
        deleted = 0
        with self._transaction() as connection:
            for table in self._tables:
                deleted += self._number_of(f"DELETE FROM event.{quoted(table.name)}")
            deleted += self._number_of("DELETE FROM collector.rejected")
            connection.execute("DELETE FROM collector.forgotten")
            connection.execute("DELETE FROM collector.batch")
            connection.execute("INSERT INTO collector.reset VALUES (?)", [self._number])
        return deleted

    def tally(self) -> Tally:
        """Return the counts of what is stored."""
        tally = Tally(
            last_id=self._number_of(
                f"SELECT max(id) FROM (SELECT max(number * {EVENTS_IN_BATCH} + event_count) AS id"
                " FROM collector.batch UNION ALL SELECT max(id) FROM collector.rejected UNION ALL"
                f" SELECT max(last_number) * {EVENTS_IN_BATCH} FROM collector.reset)"
            )
        )
        for table in self._tables:
            count = self._number_of(f"SELECT count(*) FROM event.{quoted(table.name)}")
            tally.of_type(table.event.name).events = count
            tally.events += count
        tally.batches = self._number_of("SELECT count(*) FROM collector.batch")
        tally.dropped_by_sdks = self._number_of(
            "SELECT sum(greatest(0, (telemetry->>'events_dropped')::BIGINT)) FROM collector.batch"
        )
        for type_, status, count in self._connection.execute(
            "SELECT event_type, status, count(*) FROM collector.rejected WHERE id IS NOT NULL"
            " GROUP BY ALL UNION ALL FROM collector.forgotten"
        ).fetchall():
            tally.invalid += count
            tally.unauthorized += count if status == 401 else 0
            if type_ is not None:
                tally.of_type(type_).invalid += count
        for (instance,) in self._connection.execute(
            "SELECT instance_id FROM collector.batch GROUP BY ALL ORDER BY min(number)"
        ).fetchall():
            tally.instances[instance] = None
        tally.resets = self._number_of("SELECT count(*) FROM collector.reset")
        return tally

    def _store(self, entries: Sequence[Entry]) -> list[Written | Exception]:
        if self._new_bytes > REJECTED_BYTES / 10:
            self._forget_old_refusals()
        number = self._number
        rows = _Rows()
        written: list[Written | Exception] = []
        with self._transaction():
            known = self._known(entries)
            for entry in entries:
                batch = entry.batch
                if entry.refusal is not None or batch is None:
                    number += 1
                    written.append(self._refuse(rows, number, entry))
                elif batch.batch_id in known:
                    written.append(Written(last_id=None))
                else:
                    number += 1
                    written.append(self._accept(rows, number, batch, entry.upload))
                    if batch.events or not batch.refused:
                        known.add(batch.batch_id)
            if rows.batches:
                self._insert_batches.execute(rows.batches)
            if rows.rejected:
                columns = _OWN_TABLES["rejected"]
                insert_rows(self._connection, "collector.rejected", columns, rows.rejected)
            for name, batches in rows.events.items():
                self._inserts[name].execute(batches)
        self._number = number
        self._new_bytes += sum(
            len(row["body"] or b"") + len(row["object"]) for row in rows.rejected
        )
        return written

    def _forget_old_refusals(self) -> None:
        """Delete all refusals but the newest; keep how many there were."""
        size = "coalesce(octet_length(body), 0) + strlen(object)"
        bound = self._number_of(
            f"SELECT max(id) FROM (SELECT id, sum({size}) OVER (ORDER BY id DESC) AS bytes"
            f" FROM collector.rejected) WHERE bytes > {REJECTED_BYTES}"
        )
        if bound:
            with self._transaction() as connection:
                connection.execute(
                    "INSERT INTO collector.forgotten SELECT event_type, status, count(*)"
                    f" FROM collector.rejected WHERE id <= {bound} GROUP BY ALL"
                )
                connection.execute(f"DELETE FROM collector.rejected WHERE id <= {bound}")
        self._new_bytes = 0

    def _known(self, entries: Sequence[Entry]) -> set[str]:
        """Return the ids of the batches that are stored already."""
        ids = [entry.batch.batch_id for entry in entries if entry.batch and not entry.refusal]
        if not ids:
            return set()
        marks = ", ".join("?" * len(ids))
        found = self._connection.execute(
            f"SELECT batch_id FROM collector.batch WHERE batch_id IN ({marks})", ids
        )
        return {batch_id for (batch_id,) in found.fetchall()}

    def _accept(self, rows: _Rows, number: int, batch: DecodedBatch, upload: Upload) -> Written:
        shared = batch.context | _shared(upload, batch)
        first_id = number * EVENTS_IN_BATCH
        refused = [self._refused_event(each, shared, first_id) for each in batch.refused]
        rows.rejected += [
            _rejected_row(event, upload, each.body)
            for event, each in zip(refused, batch.refused, strict=True)
        ]
        types: Counter[str] = Counter()
        last = 0
        for events in batch.events:
            types[events.table.event.name] += len(events)
            rows.events.setdefault(events.table.name, []).append((shared, events.columns))
            last = max(last, events.columns["batch_event_seq_num"][-1])
        if batch.events or not batch.refused:
            envelope = batch.envelope | {"server_upload_ts": upload.server_upload_ts}
            rows.batches.append((envelope, {"number": [number]}))
        if batch.refused:
            last = max(last, batch.refused[-1].number)
        return Written(first_id + last, types, refused)

    def _refused_event(self, each: RefusedEvent, shared: Row, first_id: int) -> EventObject:
        event = self._objects.make(first_id + each.number, each.table, shared | each.row)
        return event | {
            "valid": False,
            "status": _UNFIT_STATUS,
            "reason": each.reason,
            "field": each.field,
        }

    def _refuse(self, rows: _Rows, number: int, entry: Entry) -> Written:
        refusal, upload = entry.refusal, entry.upload
        assert refusal is not None
        row = _shared(upload, entry.batch) | {
            "instance_id": refusal.instance_id,
            "batch_id": refusal.batch_id,
        }
        event = self._objects.make(number * EVENTS_IN_BATCH, None, row) | {
            "valid": False,
            "status": refusal.status,
            "reason": refusal.reason,
            "field": refusal.field,
        }
        rows.rejected.append(_rejected_row(event, upload, entry.body))
        return Written(event["id"], refused=[event])

    def _last_number(self) -> int:
        return self._number_of(
            "SELECT max(number) FROM (SELECT max(number) AS number FROM collector.batch UNION ALL"
            f" SELECT max(id) // {EVENTS_IN_BATCH} FROM collector.rejected UNION ALL"
            " SELECT max(last_number) FROM collector.reset)"
        )

    def _number_of(self, query: str) -> int:
        """Return the one number that a query gives; 0 instead of NULL."""
        row = self._connection.execute(query).fetchone()
        assert row is not None
        return int(row[0] or 0)

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
            name = f"{schema}.{quoted(table)}"
            if table not in found:
                definitions = (f"{quoted(column)} {type_}" for column, type_ in columns.items())
                self._connection.execute(f"CREATE TABLE {name} ({', '.join(definitions)})")
                continue
            for column, type_ in columns.items():
                if column not in found[table]:
                    self._connection.execute(
                        f"ALTER TABLE {name} ADD COLUMN {quoted(column)} {type_}"
                    )


def _shared(upload: Upload, batch: DecodedBatch | None) -> Row:
    row: Row = {
        "client_upload_ts": upload.client_upload_ts,
        "server_upload_ts": upload.server_upload_ts,
        "sdk_name": upload.sdk_name,
        "sdk_version": upload.sdk_version,
    }
    if batch is not None:
        row |= {"instance_id": batch.envelope["instance_id"], "batch_id": batch.batch_id}
    return row


def _rejected_row(event: EventObject, upload: Upload, body: bytes | None) -> Row:
    return {
        "server_upload_ts": upload.server_upload_ts,
        "status": event["status"],
        "reason": event["reason"],
        "batch_id": event["batch_id"],
        "sdk_name": upload.sdk_name,
        "sdk_version": upload.sdk_version,
        "body": body,
        "id": event["id"],
        "event_type": event["type"],
        "texts": texts(event),
        "object": as_json(event),
    }


def in_use(error: duckdb.Error) -> str | None:
    """Return that another process has a file, and which one; ``None`` if none has."""
    reason = _first_line(error)
    if "Could not set lock" not in reason and "different configuration" not in reason:
        return None
    owner = re.search(r"\(PID \d+\)", reason)
    return f"in use by another process{f' {owner[0]}' if owner else ''}"


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]
