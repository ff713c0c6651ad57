"""``paltabrain-fast dev``: runs the local collector in a terminal."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..collector.errors import CollectorError
from ..collector.server import running
from ..constant import API_KEY_VARIABLE
from ..schema.errors import SchemaError
from ..schema.load import load_schema
from .dev_text import NoticePrinter, introduction, progress

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_Port = typer.Option(min=0, max=65535, metavar="PORT", help="On 127.0.0.1; 0 takes any free one.")


def dev(
    context: typer.Context,
    schema: Annotated[Path, typer.Option(help="The schema file.", metavar="FILE")],
    db: Annotated[Path, typer.Option(help="DuckDB file of the events.", metavar="FILE")] = Path(
        "paltabrain.duckdb"
    ),
    port: Annotated[int, _Port] = 8080,
    https_port: Annotated[int, _Port] = 8443,
    host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Listen beyond this machine, for clients that reach it by this name or address:"
            " in a container, the name of its service. May be repeated.",
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            envvar=API_KEY_VARIABLE,
            show_envvar=True,
            help="Accept only this API key.",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Refuse a batch as a whole if one of its events does not fit the schema.",
        ),
    ] = False,
) -> None:
    """Collect events on this machine, in DuckDB tables laid out as in the warehouse.

    What does not fit the schema is printed with the reason, and how many events an SDK says that it
    has dropped itself. Ctrl-C stops it.
    """
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    console = Console(soft_wrap=True, highlight=False)
    hosts = tuple(host or ())
    source = context.get_parameter_source("api_key")
    is_of_environment = source is not None and source.name == "ENVIRONMENT"
    key_source = API_KEY_VARIABLE if is_of_environment else "--api-key"
    # The signals are blocked before any thread starts, and stay pending until sigwait(). So they
    # interrupt nothing, not even the start or the stop of the collector.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        loaded = load_schema(schema)
        with ExitStack() as stack:
            printer = stack.enter_context(NoticePrinter(console))
            collector = stack.enter_context(
                running(
                    loaded,
                    db,
                    port=port,
                    https_port=https_port,
                    api_key=api_key or None,
                    key_source=key_source,
                    hosts=hosts,
                    strict=strict,
                    schema_name=schema.name,
                    on_notice=printer.print_soon,
                )
            )
            given = key_source if api_key else None
            console.print(introduction(collector, loaded, db, hosts, key_source=given))
            with Live(
                get_renderable=lambda: progress(collector.counters),
                console=console,
                transient=True,
            ):
                signal.sigwait(_STOP_SIGNALS)
        console.print(progress(collector.counters))
    except (CollectorError, SchemaError) as error:
        errors.print(Text(str(error), style="red"))
        raise typer.Exit(1) from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
