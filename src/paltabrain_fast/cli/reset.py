"""``paltabrain-fast reset``: deletes all events of the collector, or of its file."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ..encoding.display import counted
from .failure import CommandError, UsageError, reported
from .output import as_line
from .source import DbOption, UrlOption, opened


def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help='Print {"deleted": n}.')] = False,
    url: UrlOption = None,
    db: DbOption = None,
) -> None:
    """Delete all events, so that the next run begins with empty tables.

    Exit codes: 0, 1 if nothing was deleted, 2 if nobody can be asked and --yes is not given.
    """
    with reported("reset"):
        if not yes and not sys.stdin.isatty():
            raise UsageError("give --yes, since there is no terminal to ask at")
        with opened(url, db, falls_back=False) as source:
            if not yes and not typer.confirm(f"Delete all events of {source.name}?", err=True):
                raise CommandError("nothing was deleted")
            deleted = source.reset()
        if as_json:
            print(as_line({"deleted": deleted}))
        else:
            print(f"{source.name}: {counted(deleted, 'event')} deleted")
