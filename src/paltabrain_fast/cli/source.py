"""Finds where the events are: at a running collector, or in a file that no collector has open."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Final, Protocol

import duckdb
import typer

from ..collector.client import DEFAULT_URL, ApiError, CollectorClient, UnreachableError
from ..collector.columns import json_value
from ..collector.layout import Columns
from ..schema.model import snake_case
from .failure import CommandError, UsageError
from .output import Result

__all__ = [
    "Api",
    "Database",
    "DbOption",
    "Source",
    "UrlOption",
    "event_tables",
    "named_tables",
    "opened",
]

UrlOption = Annotated[
    str | None,
    typer.Option("--url", help=f"The running collector; {DEFAULT_URL} if left out.", metavar="URL"),
]
DbOption = Annotated[
    Path | None,
    typer.Option("--db", help="The DuckDB file, when no collector runs.", metavar="FILE"),
]

_USUAL_FILE: Final = Path("paltabrain.duckdb")
_START: Final = "start one by `paltabrain-fast dev --schema FILE`"
_ROWS_AT_A_TIME: Final = 10_000


class Source(Protocol):
    """Where the events are.

    Attributes:
        name: what a person calls it, a URL or a file.
    """

    name: str

    def sql(self, query: str) -> Result:
        """Return what one ``SELECT`` gives.

        Raises:
            CommandError: it fails.
        """
        ...

    def reset(self) -> int:
        """Delete all events; return how many there were."""
        ...


class Api:
    """A running collector, asked by its API."""

    def __init__(self, client: CollectorClient) -> None:
        self.client = client
        self.name = client.url

    def sql(self, query: str) -> Result:
        try:
            answer = self.client.sql(query)
        except ApiError as error:
            raise CommandError(_first_line(error)) from None
        columns = [(column["name"], column["type"]) for column in answer["columns"]]
        return Result(columns, iter(answer["rows"]))

    def reset(self) -> int:
        return self.client.reset()


class Database:
    """A DuckDB file, opened to be read."""

    def __init__(self, file: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.name = str(file)
        self.connection = connection
        self._file = file

    def sql(self, query: str) -> Result:
        try:
            cursor = self.connection.execute(query)
        except duckdb.Error as error:
            raise CommandError(_first_line(error)) from None
        columns = [(column[0], str(column[1])) for column in cursor.description or ()]
        return Result(columns, self._rows(cursor))

    def _rows(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[list[object]]:
        try:
            while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
                yield from ([json_value(value) for value in row] for row in rows)
        except duckdb.Error as error:
            raise CommandError(_first_line(error)) from None

    def reset(self) -> int:
        names = [f"event.{_quoted(name)}" for name in event_tables(self)]
        deleted = 0
        self.connection.close()
        with closing(duckdb.connect(self.name)) as connection:
            own = connection.execute(
                "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'collector'"
            ).fetchall()
            connection.begin()
            for name in names:
                (count,) = connection.execute(f"DELETE FROM {name}").fetchone() or (0,)
                deleted += count
            for (name,) in own:
                connection.execute(f"DELETE FROM collector.{_quoted(name)}")
            connection.commit()
        return deleted


def event_tables(source: Source) -> dict[str, Columns]:
    """Return the tables of events, with DuckDB's type of each column.

    Raises:
        CommandError: there is none.
    """
    found: dict[str, Columns] = {}
    query = (
        "SELECT table_name, column_name, data_type FROM duckdb_columns()"
        " WHERE database_name = current_database() AND schema_name = 'event'"
        " ORDER BY table_oid, column_index"
    )
    for table, column, type_ in source.sql(query).rows:
        found.setdefault(str(table), {})[str(column)] = str(type_)
    if not found:
        raise CommandError(
            f"{source.name} has no tables of events: name the file that"
            " `paltabrain-fast dev --db FILE` wrote"
        )
    return found


def named_tables(tables: dict[str, Columns], types: list[str]) -> dict[str, Columns]:
    """Return the tables of these types of events, or all if none is named.

    Raises:
        UsageError: there is no such type.
    """
    chosen = {}
    for name in types:
        table = f"f_{snake_case(name)}"
        if table not in tables:
            raise UsageError(f"--type {name}: there is no such event{_similar(table, tables)}")
        chosen[table] = tables[table]
    return chosen or tables


def _similar(table: str, tables: Iterable[str]) -> str:
    names = {other: _camel_case(other.removeprefix("f_")) for other in tables}
    near = difflib.get_close_matches(table, names, 1)
    if near:
        return f"; did you mean {names[near[0]]}?"
    return f"; there are {', '.join(names.values())}"


def _camel_case(name: str) -> str:
    """Return the name of an event whose table is named ``f_<name>``."""
    return "".join(word.capitalize() for word in name.split("_"))


@contextmanager
def opened(url: str | None, db: Path | None, *, falls_back: bool = True) -> Iterator[Source]:
    """Find the events and open them; close them at the end.

    With ``db``, they are those of the file, or of the collector that has it open. Without, they
    are those of the collector at ``url``, or, if no URL was given and none runs, those of the file
    that ``dev`` writes unless told otherwise.

    Args:
        url: URL of the collector, ``None`` for the usual one.
        db: the file.
        falls_back: whether the usual file may take the place of a collector.

    Raises:
        CommandError: there are none, or the collector failed within the block.
        UsageError: the URL is none.
    """
    try:
        client = CollectorClient(url or DEFAULT_URL)
    except ValueError as error:
        raise UsageError(f"--url: {error}") from None
    with closing(client):
        source = _of_file(db, client) if db else _of_collector(client, url, falls_back)
        try:
            yield source
        except UnreachableError as error:
            raise CommandError(f"{error} any more: {_START}") from None
        except ApiError as error:
            raise CommandError(_first_line(error)) from None
        finally:
            if isinstance(source, Database):
                source.connection.close()


def _of_collector(client: CollectorClient, url: str | None, falls_back: bool) -> Source:
    try:
        client.health()
    except UnreachableError as error:
        if url is None and falls_back and _USUAL_FILE.exists():
            print(f"No collector runs: reading {_USUAL_FILE}", file=sys.stderr)
            return _of_file(_USUAL_FILE, client)
        raise CommandError(
            f"{error}: {_START}, name another by --url, or read a file by --db FILE"
        ) from None
    except ApiError as error:
        raise CommandError(f"{client.url} is no collector of paltabrain-fast: {error}") from None
    return Api(client)


def _of_file(file: Path, client: CollectorClient) -> Source:
    if not file.exists():
        raise CommandError(
            f"{file} does not exist: name the file that `paltabrain-fast dev --db FILE` wrote"
        )
    try:
        return Database(file, duckdb.connect(str(file), read_only=True))
    except duckdb.Error as error:
        reason = _first_line(error)
    if "lock" not in reason and "different configuration" not in reason:
        raise CommandError(f"cannot open {file}: {reason}")
    owner = re.search(r"\(PID \d+\)", reason)
    in_use = f"{file} is in use by another process" + (f" {owner[0]}" if owner else "")
    try:
        health = client.health()
    except (UnreachableError, ApiError):
        raise CommandError(
            f"{in_use}, and no collector answers at {client.url}: give that of the collector by"
            " --url, or end the process"
        ) from None
    if Path(health.get("db", file)).resolve() != file.resolve():
        raise CommandError(
            f"{in_use}, and the collector at {client.url} has {health['db']} open: give the URL of"
            " the right one by --url"
        )
    return Api(client)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
