"""``paltabrain-fast dev``: runs the local collector in a terminal."""

from __future__ import annotations

import shlex
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..collector.errors import CollectorError
from ..collector.server import Collector, running
from ..collector.tally import Tally
from ..constant import API_KEY_VARIABLE
from ..schema.errors import SchemaError
from ..schema.load import load_schema
from ..schema.model import Schema

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_Port = typer.Option(min=0, max=65535, help="On 127.0.0.1; 0 takes any free one.")


def dev(
    schema: Annotated[Path, typer.Option(help="The schema file.", metavar="FILE")],
    db: Annotated[Path, typer.Option(help="DuckDB file of the events.", metavar="FILE")] = Path(
        "paltabrain.duckdb"
    ),
    port: Annotated[int, _Port] = 8080,
    https_port: Annotated[int, _Port] = 8443,
    api_key: Annotated[
        str | None,
        typer.Option(envvar=API_KEY_VARIABLE, help="Accept only this API key.", show_envvar=True),
    ] = None,
) -> None:
    """Collect events on this machine, in DuckDB tables laid out as in the warehouse.

    Ctrl-C stops it. The DuckDB file can be read as soon as it has stopped.
    """
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    # The signals are blocked before any thread starts, and stay pending until sigwait(). So they
    # interrupt nothing, not even the start or the stop of the collector.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        loaded = load_schema(schema)
        with running(
            loaded, db, port=port, https_port=https_port, api_key=api_key or None
        ) as collector:
            console = Console(soft_wrap=True, highlight=False)
            console.print(_introduction(collector, loaded, db, has_key=bool(api_key)))
            with Live(
                get_renderable=lambda: _progress(collector.counters),
                console=console,
                transient=True,
            ):
                signal.sigwait(_STOP_SIGNALS)
        console.print(_progress(collector.counters))
    except (CollectorError, SchemaError) as error:
        errors.print(Text(str(error), style="red"))
        raise typer.Exit(1) from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _introduction(collector: Collector, schema: Schema, db: Path, *, has_key: bool) -> Text:
    """Return the text that says what is served, where, and how a client trusts the certificate."""
    key = "the API key given" if has_key else "any API key"
    return Text.assemble(
        f"Collecting {len(schema.events)} types of events into {db}, with {key}.\n",
        ("HTTPS ", "bold"),
        f"{collector.hostname}  (the SDK's hostname)\n",
        ("HTTP  ", "bold"),
        f"{collector.http_url}\n",
        "Let a client trust the certificate:\n",
        (f"export REQUESTS_CA_BUNDLE={shlex.quote(str(collector.ca_file.absolute()))}\n", "green"),
        "Ctrl-C stops.",
    )


def _progress(tally: Tally) -> Text:
    return Text.assemble(
        "events: ",
        (f"{tally.events:,}", "bold green"),
        f", batches: {tally.batches:,}, repeated: {tally.repeats:,}, rejected: ",
        (f"{tally.invalid:,}", "bold red" if tally.invalid else ""),
    )
