"""Names, at the end of the run, the old interpreters that are missing on this machine."""

from __future__ import annotations

import pytest

from .old_pythons import FOUND, MISSING

collect_ignore = [] if FOUND else ["test_old_pythons.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for version in MISSING:
        terminalreporter.write_line(
            f"NOT RUN tests/schema/test_old_pythons.py: there is no Python {version} here"
        )
