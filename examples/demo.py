"""Runs a collector and an example service, then shows the events that arrived in DuckDB.

``make demo`` runs it. It exits with 0 only if the tables hold exactly what the service tracked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from paltabrain_fast import engine
from paltabrain_fast.collector.server import Collector, running
from paltabrain_fast.schema.load import load_schema
from paltabrain_fast.schema.model import Schema

EXAMPLES = Path(__file__).parent
EVENTS = 5000
DEADLINE_SECONDS = 120

console = Console(width=None if sys.stdout.isatty() else 120)


def run_service(collector: Collector) -> dict[str, Any]:
    """Run the example service in a process of its own; return the counts that it printed."""
    command = [sys.executable, str(EXAMPLES / "service.py"), collector.hostname, str(EVENTS)]
    environment = {**os.environ, "REQUESTS_CA_BUNDLE": str(collector.ca_file)}
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with (
        Progress(*columns, console=console) as progress,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as service,
    ):
        stored = progress.add_task("stored events", total=EVENTS + 1)
        for _ in range(DEADLINE_SECONDS * 10):
            try:
                output, _ = service.communicate(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                progress.update(stored, completed=collector.counters.events)
        else:
            service.kill()
            sys.exit(f"the service did not end within {DEADLINE_SECONDS} s")
        progress.update(stored, completed=collector.counters.events)
    if service.returncode:
        sys.exit(f"the service failed with exit code {service.returncode}")
    counts: dict[str, Any] = json.loads(output.splitlines()[-1])
    return counts


def sample(db: duckdb.DuckDBPyConnection, table: str) -> str:
    """Return one row of a table as text: the columns that are set."""
    row = db.execute(f"SELECT * FROM {table} ORDER BY session_event_seq_num DESC LIMIT 1")
    names = [column[0] for column in row.description or ()]
    pairs: Iterable[tuple[str, Any]] = zip(names, row.fetchone() or (), strict=True)
    return ", ".join(
        f"{name}={value}"
        for name, value in pairs
        if name.startswith(("event_ts", "h_", "p_")) and value is not None
    )


def report(db: duckdb.DuckDBPyConnection, schema: Schema, counts: dict[str, Any]) -> list[str]:
    """Print the numbers of tracked and stored events; return where they differ."""
    problems = []
    table = Table(title="What arrived", show_lines=True)
    table.add_column("table")
    table.add_column("tracked", justify="right")
    table.add_column("stored", justify="right")
    table.add_column("a sample row: time, header (h_) and payload (p_) properties", overflow="fold")
    total = 0
    for event in schema.events:
        name = f"event.f_{event.field_name}"
        (stored,) = db.execute(f"SELECT count(*) FROM {name}").fetchone() or (0,)
        tracked = counts["tracked"].get(f"Event{event.name}", 0)
        total += stored
        table.add_row(name, str(tracked), str(stored), escape(sample(db, name)))
        if stored != tracked or not stored:
            problems.append(f"{name}: {tracked} tracked, {stored} stored")
    console.print(table)

    counters = Table(title=f"The SDK's own counters ({engine} engine)")
    names = ["accepted", "delivered", "dropped", "batches", "requests", "retries"]
    for name in (*names, "stored in DuckDB"):
        counters.add_column(name)
    counters.add_row(*(json.dumps(counts[name]) for name in names), str(total))
    console.print(counters)
    if not total == counts["accepted"] == counts["delivered"] == EVENTS + 1:
        problems.append(f"{counts['accepted']} accepted, {counts['delivered']} delivered")
    if counts["dropped"] or counts["batches"]["REJECT"] or counts["batches"]["EXCEPTION"]:
        problems.append(f"dropped: {counts['dropped']}, batches: {counts['batches']}")
    return problems


def main() -> None:
    """Run the collector and the service, and compare."""
    schema = load_schema(EXAMPLES / "schema.yaml")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "demo.duckdb"
        with running(schema, file) as collector:
            console.print(
                f"collector: https://{collector.hostname}, events of examples/schema.yaml"
            )
            counts = run_service(collector)
        with duckdb.connect(str(file), read_only=True) as db:
            problems = report(db, schema, counts)
    if problems:
        sys.exit("NOT what was tracked:\n" + "\n".join(problems))
    console.print("[green]Everything that was tracked has arrived.[/]")


if __name__ == "__main__":
    main()
