"""Runs the example service on both engines, against a collector, and shows what arrived.

``make demo`` runs it. With a terminal it stays, with the live page, until Ctrl-C; ``--no-stay``
ends it at once, as without a terminal. It exits with 0 only if the tables hold exactly what the
service tracked.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from paltabrain_fast.cli.output import write_table
from paltabrain_fast.cli.source import Api, event_tables
from paltabrain_fast.collector.client import CollectorClient
from paltabrain_fast.collector.server import Collector, running
from paltabrain_fast.schema.load import load_schema

EXAMPLES: Final = Path(__file__).parent
SCHEMA: Final = EXAMPLES / "schema.yaml"
DEADLINE_SECONDS: Final = 120
USUAL_PORT: Final = 8080

ENGINES: Final = {"python": "reference, in Python", "native": "paltabrain_fast, native"}

QUERIES: Final = [
    "SELECT event_ts, c_user_id, p_page_id, h_parent_elements FROM event.f_page_open"
    " ORDER BY event_ts DESC LIMIT 3",
    "SELECT c_user_id, c_experiments, p_price, p_result, p_items, p_prices FROM event.f_purchase"
    " ORDER BY event_ts DESC LIMIT 3",
]

console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def run_service(collector: Collector, engine: str, events: int) -> dict[str, Any]:
    """Run the example service in a process of its own; return what it printed."""
    command = [sys.executable, str(EXAMPLES / "service.py"), collector.hostname, str(events)]
    environment = os.environ | {
        "REQUESTS_CA_BUNDLE": str(collector.ca_file.absolute()),
        "PALTABRAIN_SDK_ENGINE": engine,
    }
    before = collector.counters.events
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with (
        Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as progress,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as service,
    ):
        stored = progress.add_task(f"{ENGINES[engine]}: stored events", total=events + 1)
        for _ in range(DEADLINE_SECONDS * 10):
            try:
                output, _ = service.communicate(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                progress.update(stored, completed=collector.counters.events - before)
        else:
            service.kill()
            sys.exit(f"the service did not end within {DEADLINE_SECONDS} s")
    if service.returncode:
        sys.exit(f"the service failed with exit code {service.returncode}")
    counts: dict[str, Any] = json.loads(output.splitlines()[-1])
    return counts


def compare(runs: dict[str, dict[str, Any]]) -> None:
    """Print what tracking cost on each engine."""
    console.print("The same service, on each engine; the CPU time includes sending:")
    table = Table(box=box.ROUNDED)
    table.add_column("engine")
    for name in ("events/s", "CPU an event", "p99 of track()"):
        table.add_column(name, justify="right")
    for engine, counts in runs.items():
        events = sum(counts["tracked"].values())
        table.add_row(
            ENGINES[engine],
            f"{events / counts['tracking_seconds']:,.0f}",
            f"{counts['cpu_seconds'] / events * 1e6:,.1f} µs",
            f"{counts['track_p99_us']:,.1f} µs",
        )
    console.print(table)


def show_rows(source: Api, command: str) -> None:
    """Print some rows, as the command ``sql`` does, and the command."""
    for query in QUERIES:
        console.print(f"\n[bold]$ {command} sql {shlex.quote(query)}[/]", soft_wrap=True)
        sys.stdout.flush()
        write_table(source.sql(query))


def differences(source: Api, runs: dict[str, dict[str, Any]], events: int) -> list[str]:
    """Print the numbers of tracked and stored events; return where they differ."""
    problems = []
    console.print("What arrived:")
    table = Table(box=box.ROUNDED)
    table.add_column("table")
    for name in ("tracked", "stored"):
        table.add_column(name, justify="right")
    total = 0
    for each in event_tables(source):
        ((stored,),) = source.sql(f"SELECT count(*) FROM event.{each.name}").rows
        name = f"Event{each.event.name}"
        tracked = sum(counts["tracked"].get(name, 0) for counts in runs.values())
        total += stored
        table.add_row(f"event.{each.name}", f"{tracked:,}", f"{stored:,}")
        if stored != tracked or not stored:
            problems.append(f"{each.name}: {tracked} tracked, {stored} stored")
    console.print(table)
    for engine, counts in runs.items():
        delivered = counts["accepted"], counts["delivered"]
        if delivered != (events + 1, events + 1) or counts["dropped"]:
            problems.append(f"{engine}: {delivered} accepted and delivered, {counts['dropped']}")
    if total != len(runs) * (events + 1):
        problems.append(f"{total} stored in all")
    return problems


def usual_port() -> int:
    """Return the port that the commands look at, or 0, which means any, if it is taken."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", USUAL_PORT))
        except OSError:
            return 0
    return USUAL_PORT


def shown_command() -> str:
    """Return how the command ``paltabrain-fast`` of this environment is typed here."""
    command = Path(sys.executable).with_name("paltabrain-fast")
    with suppress(ValueError):
        command = command.relative_to(Path.cwd())
    return shlex.quote(str(command))


def say_what_next(collector: Collector, command: str) -> None:
    """Print the live page, and commands that work on the events while the collector runs."""
    options = "" if collector.http_port == USUAL_PORT else f" --url {collector.http_url}"
    console.print(
        f"\n[bold]The live page has the events:[/] [link]{collector.http_url}[/]\n"
        "Type in another terminal:\n"
        f"  {command} tail{options} --type Purchase\n"
        f"  {command} sql{options} 'FROM event.f_purchase LIMIT 1'\n"
        f"  {command} ddl{options} --dialect snowflake\n"
        f"  {command} export{options} --parquet events",
        soft_wrap=True,
    )


def say_how_to_begin(command: str) -> None:
    """Print what to type to have one's own events."""
    console.print(
        "\nWith your own schema and service:\n"
        f"  {command} generate SCHEMA.yaml my_config\n"
        f"  {command} dev --schema SCHEMA.yaml",
        soft_wrap=True,
    )


def main() -> None:
    """Run the collector, the service twice, and compare."""
    has_terminal = sys.stdout.isatty()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="events of each run")
    parser.add_argument(
        "--stay",
        action=argparse.BooleanOptionalAction,
        default=has_terminal,
        help="stay with the live page until Ctrl-C; so it does with a terminal",
    )
    arguments = parser.parse_args()
    command = shown_command()
    with tempfile.TemporaryDirectory(prefix="paltabrain-demo-") as directory:
        file = Path(directory) / "demo.duckdb"
        port = usual_port() if arguments.stay else 0
        with running(load_schema(SCHEMA), file, port=port) as collector:
            console.print(
                f"A collector for examples/schema.yaml runs at https://{collector.hostname}.\n"
                f"examples/service.py sends it {arguments.events + 1:,} events from 4 threads, on"
                " one engine after the other.\n"
            )
            runs = {engine: run_service(collector, engine, arguments.events) for engine in ENGINES}
            compare(runs)
            console.print()
            with closing(CollectorClient(collector.http_url)) as client:
                source = Api(client)
                problems = differences(source, runs, arguments.events)
                if problems:
                    sys.exit("NOT what was tracked:\n" + "\n".join(problems))
                console.print("[green]Everything that was tracked has arrived.[/]")
                show_rows(source, command)
            if arguments.stay:
                say_what_next(collector, command)
            say_how_to_begin(command)
            if arguments.stay:
                with suppress(KeyboardInterrupt):
                    console.print("\nCtrl-C ends the demo.")
                    threading.Event().wait()


if __name__ == "__main__":
    main()
