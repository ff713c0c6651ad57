"""``paltabrain-fast run``: runs an application against a collector, and says what has arrived."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import typer

from ...collector.client import ApiError, CollectorClient, UnreachableError
from ...collector.errors import CollectorError
from ...collector.server import running
from ...schema.errors import SchemaError
from ...schema.load import load_schema
from ...transport.urls import base_url
from .arrivals import Expectation, arrivals_since, is_as_expected, summary, unknown
from .child import CommandError, run_command
from .environment import application_environment

__all__ = ["run"]

_PROGRAM = "paltabrain-fast run"


class _Target(NamedTuple):
    """A collector that runs, and how an application reaches it."""

    client: CollectorClient
    hostname: str
    bundle: Path | None


def run(
    command: Annotated[
        list[str], typer.Argument(help="The application and its arguments, after --.")
    ],
    schema: Annotated[
        Path | None,
        typer.Option(help="Schema of the collector that is started.", metavar="FILE"),
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option(help="DuckDB file that keeps the events; otherwise they go.", metavar="FILE"),
    ] = None,
    collector: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Collector that runs already, in place of one that is started."
        ),
    ] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(
            help="Event that must arrive, at least n times; may be given more than once.",
            metavar="EVENTX[:N]",
        ),
    ] = None,
) -> None:
    """Run an application, unchanged, against a local collector, and say what has arrived.

    The environment has hostname, API key and certificates. The exit code is that of the
    application; if that is 0, and an expected event is missing or invalid, it is 1. The summary
    goes to stderr.
    """
    if (schema is None) == (collector is None):
        raise typer.BadParameter("give --schema, or --collector of one that runs")
    if collector is not None and db is not None:
        raise typer.BadParameter("--db is for a collector that is started, not for --collector")
    try:
        with _started(schema, db) if schema is not None else _attached(collector or "") as target:
            code = _run(command, target, expect or [])
    except CommandError as error:
        typer.echo(f"{_PROGRAM}: {error}", err=True)
        raise typer.Exit(error.code) from None
    except (CollectorError, SchemaError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except (UnreachableError, ApiError, OSError) as error:
        typer.echo(f"{_PROGRAM}: {error}", err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(code)


@contextmanager
def _started(schema: Path, db: Path | None) -> Iterator[_Target]:
    loaded = load_schema(schema)
    with tempfile.TemporaryDirectory(prefix="paltabrain-") as directory:
        file = db if db is not None else Path(directory, "events.duckdb")
        with running(loaded, file, schema_name=schema.name) as collector:
            bundle = collector.bundle_file.absolute()
            with closing(CollectorClient(collector.http_url)) as client:
                yield _Target(client, collector.hostname, bundle)


@contextmanager
def _attached(url: str) -> Iterator[_Target]:
    try:
        client = CollectorClient(url)
        base = base_url(client.url)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--collector") from None
    with closing(client):
        is_plain = urlsplit(base).scheme == "http"
        yield _Target(client, base if is_plain else urlsplit(base).netloc, None)


def _run(command: list[str], target: _Target, expect: list[str]) -> int:
    client = target.client
    client.health()  # or else it is something else that answers
    types = [str(event["name"]) for event in client.schema()["events"]]
    try:
        expected = [Expectation.parse(text, types) for text in expect]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--expect") from None
    before = client.counts()
    client.close()  # the collector may do so, just when it is asked again
    environment = application_environment(os.environ, target.hostname, target.bundle)
    ended = run_command(command, environment)
    try:
        arrivals = arrivals_since(client, before)
    except (UnreachableError, ApiError) as error:
        lines, is_well = unknown(error, expected), not expected
    else:
        lines, is_well = summary(arrivals, expected, ended), is_as_expected(arrivals, expected)
    for line in lines:
        typer.echo(line if line.startswith(" ") else f"{_PROGRAM}: {line}", err=True)
    return ended.code or int(not is_well)
