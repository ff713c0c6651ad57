"""How ``--help`` looks."""

from __future__ import annotations

from itertools import pairwise, takewhile

import pytest

from ..support.scarce import needs
from .commands import output

pytestmark = needs("duckdb", "starlette", "uvicorn")

WIDTH = 80


@pytest.mark.parametrize(
    "command",
    ["generate", "dev", "tail", "sql", "export", "ddl", "reset", "check", "run"],
)
def test_lines_end_where_the_terminal_does(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not where those of the docstring do, which is another place."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    shown = [line.strip() for line in output(command, "--help").splitlines()]
    text = list(takewhile(lambda line: not line.startswith("╭"), shown))
    assert len([line for line in text if line]) > 2
    for line, following in pairwise(text):
        if line and following:
            word, *_ = following.split(maxsplit=1)
            assert len(f" {line} {word} ") > WIDTH, line
