"""Runs the commands in the test's own process, or in one of theirs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

COMMAND = Path(sys.executable).with_name("paltabrain-fast")
DEADLINE = 60


def run(*arguments: object, input: str | None = None) -> Result:
    """Run ``paltabrain-fast`` in this process, with a pipe as its output."""
    from paltabrain_fast.cli.main import app

    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=input)


def output(*arguments: object) -> str:
    """Run a command that must succeed and say nothing else; return what it prints."""
    done = run(*arguments)
    assert (done.exit_code, done.stderr) == (0, ""), done
    return done.stdout


def documents(*arguments: object) -> list[Any]:
    """Run a command with ``--json``; return the objects that it prints."""
    return [json.loads(line) for line in output(*arguments, "--json").splitlines()]


def error(*arguments: object, code: int = 1) -> str:
    """Run a command that must fail with one line; return that."""
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (code, ""), done
    assert done.stderr.count("\n") == 1
    return done.stderr.removesuffix("\n")


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start ``paltabrain-fast`` in a process of its own."""
    return subprocess.Popen([COMMAND, *map(str, arguments)], text=True, **options)
