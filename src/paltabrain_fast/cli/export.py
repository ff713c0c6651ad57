"""``paltabrain-fast export``: writes the tables of events as Parquet files."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Final

import duckdb
import typer

from ..collector.layout import literal, quoted
from .failure import CommandError, reported
from .output import Result, as_line, write_table
from .source import Database, DbOption, Source, UrlOption, event_tables, opened

_ROWS_AT_A_TIME: Final = 50_000
"""Rows that are asked of a collector at once."""


def export(
    parquet: Annotated[Path, typer.Option(help="Directory of the files.", metavar="DIR")],
    type: Annotated[
        list[str] | None,
        typer.Option(help="Only this type of event; may be repeated.", metavar="TYPE"),
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
        tables = event_tables(source, type or [])
        written: list[list[Any]] = []
        try:
            parquet.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=parquet, prefix=".export-") as directory:
                for table in tables:
                    part, file = Path(directory) / "part", parquet / f"{table.name}.parquet"
                    rows = _write(source, f"event.{quoted(table.name)}", part)
                    part.replace(file)
                    written.append([table.name, rows, str(file)])
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


def _write(source: Source, table: str, file: Path) -> int:
    """Write a table as a file; return the number of rows."""
    if isinstance(source, Database):
        return _copy(source.connection, table, file)
    with closing(duckdb.connect(str(file.with_suffix(".duckdb")))) as connection:
        for page in _pages(source, table):
            columns = dict(page.columns)
            definitions = ", ".join(f"{quoted(name)} {type_}" for name, type_ in columns.items())
            connection.execute(f"CREATE TABLE IF NOT EXISTS copied ({definitions})")
            _insert(connection, columns, page.rows)
        rows = _copy(connection, "copied", file)
        connection.execute("DROP TABLE copied")
        return rows


def _copy(connection: duckdb.DuckDBPyConnection, table: str, file: Path) -> int:
    copied = connection.execute(f"COPY {table} TO {literal(str(file))} (FORMAT parquet)")
    (rows,) = copied.fetchone() or (0,)
    return int(rows)


def _pages(source: Source, table: str) -> Iterator[Result]:
    """Yield the rows that a collector's table has now, at least one page; later ones are not.

    Pages become smaller where their rows are too large for an answer.
    """
    ((last,),) = source.sql(f"SELECT coalesce(max(rowid), 0) FROM {table}").rows
    first, count = 0, _ROWS_AT_A_TIME
    while first <= int(last):
        end = min(first + count - 1, int(last))
        query = f"SELECT * FROM {table} WHERE rowid BETWEEN {first} AND {end} ORDER BY rowid"
        try:
            page = source.sql(query)
        except CommandError:
            if end == first:
                raise
            count = (end - first + 1) // 2
            continue
        yield page
        first = end + 1


def _insert(
    connection: duckdb.DuckDBPyConnection, columns: dict[str, str], rows: Iterable[list[Any]]
) -> None:
    """Insert rows of JSON values, which DuckDB converts to the types of the columns, strictly."""
    documents = json.dumps([dict(zip(columns, row, strict=True)) for row in rows])
    connection.execute(
        "INSERT INTO copied SELECT unnest(row) FROM"
        f" (SELECT unnest(from_json_strict(?::VARCHAR, {literal(json.dumps([columns]))})) AS row)",
        [documents],
    )
