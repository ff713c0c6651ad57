"""``paltabrain-fast export``: writes the tables of events as Parquet files."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Final

import duckdb
import typer

from ..collector.layout import Columns
from .failure import CommandError, reported
from .output import Result, as_line, write_table
from .source import Database, DbOption, Source, UrlOption, event_tables, named_tables, opened

_ROWS_AT_A_TIME: Final = 50_000
"""Rows that are asked of a collector at once."""


def export(
    parquet: Annotated[Path, typer.Option(help="Directory of the files.", metavar="DIR")],
    type: Annotated[
        list[str] | None, typer.Option(help="Only this type of event; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file.")] = False,
    url: UrlOption = None,
    db: DbOption = None,
) -> None:
    """Export the tables of events as Parquet, DIR/f_NAME.parquet each, with their column types.

    A file of that name is replaced. Exit codes: 0, 1 if the export fails or no events are found,
    2 for a wrong call.
    """
    with reported("export"), opened(url, db) as source:
        tables = named_tables(event_tables(source), type or [])
        written: list[list[Any]] = []
        try:
            parquet.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=parquet, prefix=".export-") as directory:
                for table, types in tables.items():
                    part, file = Path(directory) / "part", parquet / f"{table}.parquet"
                    rows = _write(source, table, types, part)
                    part.replace(file)
                    written.append([table, rows, str(file)])
        except OSError as error:
            raise CommandError(f"--parquet {parquet}: {error.strerror}") from None
        except duckdb.Error as error:
            raise CommandError(str(error).partition("\n")[0]) from None
        if as_json:
            for table, rows, file in written:
                sys.stdout.write(as_line({"table": table, "rows": rows, "file": file}) + "\n")
            return
        write_table(
            Result([("table", "VARCHAR"), ("rows", "BIGINT"), ("file", "VARCHAR")], written)
        )


def _write(source: Source, table: str, columns: Columns, file: Path) -> int:
    """Write a table as a file; return the number of rows."""
    if isinstance(source, Database):
        return _copy(source.connection, f"event.{_quoted(table)}", file)
    with closing(duckdb.connect(str(file.with_suffix(".duckdb")))) as connection:
        definitions = ", ".join(f"{_quoted(name)} {type_}" for name, type_ in columns.items())
        connection.execute(f"CREATE OR REPLACE TABLE rows ({definitions})")
        for rows in _pages(source, table):
            _insert(connection, columns, rows)
        return _copy(connection, "rows", file)


def _copy(connection: duckdb.DuckDBPyConnection, table: str, file: Path) -> int:
    copied = connection.execute(f"COPY {table} TO {_literal(str(file))} (FORMAT parquet)")
    (rows,) = copied.fetchone() or (0,)
    return int(rows)


def _pages(source: Source, table: str) -> Iterator[list[list[Any]]]:
    """Yield the rows that a collector's table has now; later ones are left out."""
    (last,) = next(iter(source.sql(f"SELECT max(rowid) FROM event.{_quoted(table)}").rows))
    for first in range(0, -1 if last is None else int(last) + 1, _ROWS_AT_A_TIME):
        end = min(first + _ROWS_AT_A_TIME - 1, int(last))
        page = source.sql(
            f"SELECT * FROM event.{_quoted(table)} WHERE rowid BETWEEN {first} AND {end}"
            " ORDER BY rowid"
        )
        yield list(page.rows)


def _insert(connection: duckdb.DuckDBPyConnection, columns: Columns, rows: list[list[Any]]) -> None:
    """Insert rows of JSON values, which DuckDB converts to the types of the columns, strictly."""
    documents = json.dumps([dict(zip(columns, row, strict=True)) for row in rows])
    connection.execute(
        "INSERT INTO rows SELECT unnest(row) FROM"
        f" (SELECT unnest(from_json_strict(?::VARCHAR, {_literal(json.dumps([columns]))})) AS row)",
        [documents],
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
