"""``paltabrain-fast tail``: prints events, the last ones and those that arrive."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import Annotated, Any

import typer
from rich.console import Console

from .event_line import event_line
from .failure import UsageError, reported
from .following import Reset, followed
from .output import as_line
from .output_closed import OutputClosedError, ended_when_output_closes
from .source import Api, DbOption, Source, UrlOption, event_tables, opened

_Filters = list[tuple[str, str]]


def tail(
    type: Annotated[
        list[str] | None,
        typer.Option(help="Only this type of event; may be repeated.", metavar="TYPE"),
    ] = None,
    invalid: Annotated[bool, typer.Option("--invalid", help="Only what was refused.")] = False,
    property: Annotated[
        list[str] | None,
        typer.Option(
            help="Only events whose property NAME, or GROUP.NAME, is VALUE; may be repeated.",
            metavar="NAME:VALUE",
        ),
    ] = None,
    lines: Annotated[
        int,
        typer.Option(
            "--lines", "-n", min=0, metavar="N", help="How many of the last ones to begin with."
        ),
    ] = 10,
    follow: Annotated[
        bool | None,
        typer.Option("--follow/--no-follow", help="Go on with what arrives, if a collector runs."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an event.")] = False,
    url: UrlOption = None,
    db: DbOption = None,
) -> None:
    """Print the last events, and then each one as it arrives, until Ctrl-C.

    A connection that is lost is made again, and nothing is missed. Exit codes: 0, also after
    Ctrl-C, 1 if no events are found, 2 for a wrong call.
    """
    with (
        reported("tail"),
        suppress(KeyboardInterrupt, OutputClosedError),
        ExitStack() as stack,
    ):
        stack.enter_context(ended_when_output_closes())
        source = stack.enter_context(opened(url, db))
        if follow and not isinstance(source, Api):
            raise UsageError(f"--follow needs a running collector, and {source.name} is a file")
        filters = _filters(source, type or [], invalid, property or [])
        write = _writer(as_json)
        # Asked for before the events, so that none of those that arrive meanwhile is missed.
        last = int(source.client.counts()["last_id"]) if isinstance(source, Api) else 0
        events = _newest(source, filters, lines)
        write(reversed(events))
        if follow is False or not isinstance(source, Api):
            return
        after = max(last, events[0]["id"] if events else 0)
        complete = as_json or not sys.stdout.isatty()
        for arrived in followed(source.client, filters, after, complete=complete, tell=_tell):
            if isinstance(arrived, Reset):
                _tell("All events were deleted.")
                continue
            write(arrived.events)
            if arrived.skipped:
                _tell(f"{arrived.skipped:,} events more, too fast to show.")


def _filters(source: Source, types: list[str], invalid: bool, properties: list[str]) -> _Filters:
    event_tables(source, types)
    filters = [("type", name) for name in types]
    if invalid:
        filters.append(("valid", "false"))
    headers = {group["name"] for group in source.schema()["header"]}
    for text in properties:
        path, colon, _ = text.partition(":")
        group, dot, _ = path.partition(".")
        if not colon or not path:
            raise UsageError(f"--property {text}: write NAME:VALUE, such as page_id:home")
        part = "property" if not dot else "header" if group in headers else "context"
        filters.append((part, text))
    return filters


def _newest(source: Source, filters: _Filters, lines: int) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    before: int | None = None
    while len(events) < lines:
        page = source.events(filters, limit=min(lines - len(events), 1000), before=before)
        events += page.events
        before = page.next
        if before is None:
            break
    return events


def _writer(as_json: bool) -> Callable[[Iterable[dict[str, Any]]], None]:
    console = Console(highlight=False, emoji=False)

    def write(events: Iterable[dict[str, Any]]) -> None:
        for event in events:
            if as_json:
                sys.stdout.write(as_line(event) + "\n")
            elif console.is_terminal:
                console.print(event_line(event), no_wrap=True, overflow="ellipsis", crop=True)
            else:
                sys.stdout.write(event_line(event).plain + "\n")
        sys.stdout.flush()

    return write


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
