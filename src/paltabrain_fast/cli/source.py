"""Finds where the events are: at a running collector, or in a file that no collector has open."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

import duckdb
import typer
from starlette.datastructures import QueryParams

from ..collector.client import (
    DEFAULT_URL,
    ApiError,
    CollectorClient,
    Filters,
    Page,
    UnreachableError,
)
from ..collector.errors import CollectorError, RefusedError
from ..collector.filters import Page as Bounds
from ..collector.filters import read_filter
from ..collector.layout import Layout, Table, plan_layout
from ..collector.objects import EVENTS_IN_BATCH
from ..collector.querying import confine, select
from ..collector.reading import Reader
from ..collector.schema_document import described_schema
from ..collector.warehouse import Warehouse, in_use
from .failure import CommandError, UsageError
from .output import Result

__all__ = [
    "Api",
    "Database",
    "DbOption",
    "Source",
    "UrlOption",
    "event_tables",
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

    def schema(self) -> dict[str, Any]:
        """Return the types of events, and the groups of context and header, as the API does."""
        ...

    def events(self, filters: Filters, *, limit: int, before: int | None) -> Page:
        """Return a page of events, the newest first."""
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
            return _result(self.client.sql(query))
        except ApiError as error:
            raise CommandError(_in_one_line(error)) from None

    def schema(self) -> dict[str, Any]:
        return self.client.schema()

    def events(self, filters: Filters, *, limit: int, before: int | None) -> Page:
        return self.client.events(filters, limit=limit, before=before)

    def reset(self) -> int:
        return self.client.reset()


class Database:
    """A DuckDB file, opened to be read."""

    def __init__(self, file: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.name = str(file)
        self.connection = connection
        self._file = file

    def sql(self, query: str) -> Result:
        """Answer as a collector does, within the same bounds; from then on, no file is written."""
        confine(self.connection)
        try:
            return _result(json.loads(select(self.connection, query)))
        except RefusedError as error:
            raise CommandError(_in_one_line(error)) from None

    def schema(self) -> dict[str, Any]:
        try:
            found = self.connection.execute("SELECT document FROM collector.schema").fetchone()
        except duckdb.CatalogException:
            found = None
        if found is None:
            raise CommandError(
                f"{self.name} has no events that this version can read: name the file that"
                " `paltabrain-fast dev --db FILE` writes; an old one, it brings up to date"
            )
        document: dict[str, Any] = json.loads(found[0])
        return document

    def events(self, filters: Filters, *, limit: int, before: int | None) -> Page:
        layout = self._layout()
        types = frozenset(table.event.name for table in layout.tables)
        try:
            wanted = read_filter(QueryParams(list(filters)))
        except RefusedError as error:
            raise UsageError(_in_one_line(error)) from None
        bounds = Bounds(before=before, limit=limit + 1)
        found = Reader(self.connection, layout).events(wanted, bounds, types, self._last_id())
        is_last = len(found) <= limit
        return Page(found[:limit], None if is_last else int(found[limit - 1]["id"]))

    def _last_id(self) -> int:
        (last_id,) = self.connection.execute(
            "SELECT coalesce(max(id), 0) FROM ("
            f"SELECT max(number * {EVENTS_IN_BATCH} + event_count) AS id FROM collector.batch"
            " UNION ALL SELECT max(id) FROM collector.rejected)"
        ).fetchone() or (0,)
        return int(last_id)

    def reset(self) -> int:
        layout = self._layout()
        self.connection.close()
        try:
            with closing(Warehouse(self._file, layout)) as warehouse:
                return warehouse.reset()
        except CollectorError as error:
            raise CommandError(str(error)) from None

    def _layout(self) -> Layout:
        return plan_layout(described_schema(self.schema()))


def _result(answer: dict[str, Any]) -> Result:
    columns = [(column["name"], column["type"]) for column in answer["columns"]]
    return Result(columns, answer["rows"])


def event_tables(source: Source, types: Sequence[str] = ()) -> list[Table]:
    """Return the tables of these types of events, or all of them if no type is named.

    Raises:
        UsageError: there is no such type.
    """
    layout = plan_layout(described_schema(source.schema()))
    tables = {table.event.name: table for table in layout.tables}
    for name in types:
        if name not in tables:
            near = difflib.get_close_matches(name, tables, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(tables)}"
            raise UsageError(f"--type {name}: there is no such event; {hint}")
    return [tables[name] for name in types] or list(layout.tables)


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
            raise CommandError(_in_one_line(error)) from None
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
        reason, used = _in_one_line(error), in_use(error)
    if not used:
        raise CommandError(f"cannot open {file}: {reason}")
    try:
        health = client.health()
    except (UnreachableError, ApiError):
        raise CommandError(
            f"{file} is {used}, and no collector answers at {client.url}: if that process is one,"
            " give its address by --url; or else end it"
        ) from None
    if Path(health.get("db", file)).resolve() != file.resolve():
        raise CommandError(
            f"{file} is {used}, and the collector at {client.url} has {health['db']} open: give the"
            " URL of the right one by --url"
        )
    return Api(client)


def _in_one_line(error: Exception) -> str:
    """Return what DuckDB says, with the name that was meant; without functions and query below."""
    lines = str(error).splitlines()
    return " ".join(takewhile(lambda line: line and not line.startswith(("\t", "LINE ")), lines))
