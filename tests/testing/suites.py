"""Runs test suites of a user's, each in a process and a directory of its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import pytest

from ..support.programs import PROGRAMS
from ..support.sdk import ROOT

SUITES = PROGRAMS / "testing"
DEADLINE = 100.0
PLUGIN = "paltabrain_fast"
WITHOUT_CACHE = "-p", "no:cacheprovider"
"""By options, since pytest 8.0 takes a single plugin of ``pytester.plugins``."""

RunSuite = Callable[..., pytest.RunResult]


def outcomes(result: pytest.RunResult) -> dict[str, set[str]]:
    """Return the names of tests by their outcome, from the summary."""
    found: dict[str, set[str]] = {}
    for line in result.outlines:
        if match := re.match(r"(PASSED|FAILED|ERROR) \S+::(\w+)", line):
            found.setdefault(match[1], set()).add(match[2])
    return found


@pytest.fixture
def run_suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> RunSuite:
    """Run one of the suites in ``tests/programs/testing``, with options for pytest.

    The other plugins that are installed here take seconds to import.
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(name: str, *options: str) -> pytest.RunResult:
        for path in SUITES / "shop.py", SUITES / f"{name}.py":
            shutil.copy(path, pytester.path)
        pytester.makeini(f"[pytest]\npythonpath = {ROOT / 'examples'}\nfilterwarnings = error\n")
        pytester.plugins = [PLUGIN]
        given = "-rA", *WITHOUT_CACHE, *options, f"{name}.py"
        return pytester.runpytest_subprocess(*given, timeout=DEADLINE)

    return run
