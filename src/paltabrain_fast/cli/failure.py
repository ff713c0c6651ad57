"""How a command fails: one line on the standard error, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

__all__ = ["CommandError", "UsageError", "reported"]


class CommandError(Exception):
    """The command cannot do its work; the text is one line with the cause and the remedy."""

    exit_code = 1


class UsageError(CommandError):
    """The command is called in a way that never works."""

    exit_code = 2


@contextmanager
def reported(command: str) -> Iterator[None]:
    """Report a ``CommandError`` of the block as one line, and end with its exit code.

    Raises:
        typer.Exit: with 1 or 2.
    """
    try:
        yield
    except CommandError as error:
        line = " ".join(str(error).split())
        print(f"paltabrain-fast {command}: {line}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from None
