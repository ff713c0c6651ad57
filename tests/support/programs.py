"""Runs the programs of ``tests/programs``, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

from .sdk import FORKS_WITH_THREADS, ROOT

PROGRAMS: Final = ROOT / "tests" / "programs"
TOLD: Final = "paltabrain_fast: WARNING: "
"""How a line begins that the SDK writes where logging is not configured."""


def start_program(
    name: str, *arguments: str, timeout: float = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end.

    Args:
        name: its path below ``tests/programs``, without the suffix: ``fork/parent_and_child``.
        arguments: its ``sys.argv[1:]``.
        timeout: seconds until it is killed, and the test fails.
        environment: variables that it gets beside those of this process.
    """
    module = ".".join(["tests", "programs", *name.split("/")])
    return subprocess.run(
        [sys.executable, *FORKS_WITH_THREADS, "-m", module, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=ROOT,
        env=os.environ | environment,
        check=False,
    )


def run_program(
    name: str, *arguments: str, timeout: float = 60, loses: bool = False, **environment: str
) -> str:
    """Run a program that must succeed, with nothing on the standard error; return its output.

    Args:
        name, arguments, timeout, environment: see ``start_program``.
        loses: whether it loses events on purpose, of which the SDK may tell.
    """
    done = start_program(name, *arguments, timeout=timeout, **environment)
    lines = done.stderr.splitlines(keepends=True)
    others = [line for line in lines if not (loses and line.startswith(TOLD))]
    assert (done.returncode, others) == (0, []), done
    return done.stdout
