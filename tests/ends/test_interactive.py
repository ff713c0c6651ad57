"""Processes that are frozen between calls, and notebooks."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ..support.api_server import ApiServer
from ..support.ends import received
from ..support.sdk import ROOT


@contextmanager
def program(name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.programs.ends.{name}", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


@pytest.mark.parametrize("line", [False, True], ids=["as it is", "with the line"])
def test_function_that_is_frozen_when_it_returns(api: ApiServer, line: bool) -> None:
    """It may go on minutes later, or never: what has not arrived by then has no certain time."""
    with program("frozen_function", api.hostname, *["line"] * line) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        expected = Counter[str]()
        for request in "first", "second":
            print(request, file=process.stdin, flush=True)
            assert process.stdout.readline() == "done\n"
            process.send_signal(signal.SIGSTOP)
            if line:
                expected += Counter(f"{request} {number}" for number in range(10))
            assert received(api) == expected
            process.send_signal(signal.SIGCONT)


def test_cell_that_runs_again_leaves_nothing_behind(api: ApiServer) -> None:
    """The SDK of the last run is dropped without a word, and delivers: no thread of it is left."""
    with program("notebook", api.hostname) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"  # the control thread of the last run
        api.wait_until_open(0)
        assert received(api) == Counter(map(str, range(49)))
        process.communicate("", timeout=30)
        assert process.returncode == 0
    assert received(api) == Counter(map(str, range(50)))
