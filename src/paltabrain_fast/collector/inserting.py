"""Inserts the rows of many batches into a table, with one statement."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import duckdb

from .columns import Values
from .decode import Row
from .layout import Columns, Table, literal, quoted

_SHARED_BASE_COLUMNS: Final = frozenset(
    ("instance_id", "batch_id", "client_upload_ts", "server_upload_ts", "sdk_name", "sdk_version")
)

_INSTANT: Final = "TIMESTAMP_MS"

RowsOfBatch = tuple[Row, Values]
"""The columns that all rows of a batch share, and their other columns."""


class Insert:
    """Inserts into a table with a prepared statement.

    The statement takes a JSON text: of each batch, the columns that its rows share, and of the
    other columns the values of all rows, as one list for each. DuckDB converts JSON to its types
    strictly, and lists far faster than single values or objects. Decimals are JSON strings, so that
    none becomes a float. The statement is prepared, since planning it takes longer than executing
    it.

    Args:
        connection: of the database.
        name: of the table, with its schema, quoted if need be.
        shared: type by name of the columns that the rows of a batch share.
        own: the other columns; instants are given in Unix milliseconds.
        constants: value by name of the columns that are the same in all rows.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        name: str,
        shared: Columns,
        own: Columns,
        constants: Mapping[str, str],
    ) -> None:
        self._connection = connection
        self._statement = quoted(name)
        self._shared = shared
        self._own = own
        columns = [literal(value) for value in constants.values()]
        columns += [f"batch.shared.{quoted(column)}" for column in shared]
        columns += [_unnested(quoted(column), type_) for column, type_ in own.items()]
        names = ", ".join(map(quoted, (*constants, *shared, *own)))
        lists = {
            column: ["BIGINT" if type_ == _INSTANT else type_] for column, type_ in own.items()
        }
        shape = json_literal([{"shared": shared, "own": lists}])
        connection.execute(
            f"PREPARE {self._statement} AS"
            f" INSERT INTO {name} ({names}) SELECT {', '.join(columns)} FROM"
            f" (SELECT unnest(from_json_strict($1::VARCHAR, {shape})) AS batch)"
        )

    @classmethod
    def of_events(cls, connection: duckdb.DuckDBPyConnection, table: Table) -> Insert:
        """Return what inserts events of one type."""
        shared: Columns = {}
        own: Columns = {}
        for name, type_ in table.columns.items():
            of_batch = name in _SHARED_BASE_COLUMNS or name.startswith("c_")
            if name != "event_type":
                (shared if of_batch else own)[name] = type_
        constants = {"event_type": table.event.name}
        return cls(connection, f"event.{quoted(table.name)}", shared, own, constants)

    def execute(self, batches: Iterable[RowsOfBatch]) -> None:
        """Insert the rows of some batches."""
        document = [
            {
                "shared": {name: shared.get(name) for name in self._shared},
                # Of columns that have lists, those without one become NULL.
                "own": {name: columns.get(name) for name in self._own},
            }
            for shared, columns in batches
        ]
        # DuckDB accepts no bound parameters in EXECUTE, so the JSON text is an SQL literal.
        self._connection.execute(f"EXECUTE {self._statement} ({json_literal(document)})")


def insert_rows(
    connection: duckdb.DuckDBPyConnection, name: str, columns: Columns, rows: Sequence[Row]
) -> None:
    """Insert rows into any table, as a JSON text like that of ``Insert``, bytes as hexadecimals.

    Args:
        connection: of the database.
        name: of the table, with its schema, quoted if need be.
        columns: type by name.
        rows: at least one; a missing column is NULL.
    """
    shape = {column: ["VARCHAR" if kind == "BLOB" else kind] for column, kind in columns.items()}
    values = [
        f"unhex(unnest(own.{quoted(column)}))"
        if kind == "BLOB"
        else f"unnest(own.{quoted(column)})"
        for column, kind in columns.items()
    ]
    document = {column: [row.get(column) for row in rows] for column in columns}
    connection.execute(
        f"INSERT INTO {name} ({', '.join(map(quoted, columns))}) SELECT {', '.join(values)}"
        f" FROM (SELECT from_json_strict({json_literal(document)}, {json_literal(shape)}) AS own)"
    )


def json_literal(document: Any) -> str:
    """Return a document as a literal of SQL: JSON text."""
    return literal(json.dumps(document, default=_text))


def _unnested(column: str, type_: str) -> str:
    values = f"unnest(batch.own.{column})"
    return f"epoch_ms({values})" if type_ == _INSTANT else values


def _text(value: datetime | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else value.isoformat()
