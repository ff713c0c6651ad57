"""How ``--help`` looks."""

from __future__ import annotations

import re
from itertools import pairwise, takewhile

import pytest

from ..support.scarce import needs
from .commands import output, run

pytestmark = needs("duckdb", "starlette", "uvicorn")

WIDTH = 80
COMMANDS = ["generate", "dev", "tail", "sql", "export", "ddl", "reset", "check", "run"]


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))


@pytest.mark.parametrize("command", COMMANDS)
def test_lines_end_where_the_terminal_does(command: str) -> None:
    """And not where those of the docstring do, which is another place."""
    shown = [line.strip() for line in output(command, "--help").splitlines()]
    text = list(takewhile(lambda line: line not in ("Arguments:", "Options:"), shown))
    assert len([line for line in text if line]) > 2
    for line, following in pairwise(text):
        if line and following:
            word, *_ = following.split(maxsplit=1)
            assert len(f"  {line} {word}  ") > WIDTH, line


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
def test_the_value_of_an_option_has_a_name_and_a_flag_has_no_value(command: list[str]) -> None:
    """Where a value has no name, typer shows its type: ``<list[str]>``, for a flag ``<bool>``."""
    options = re.findall(r"(?m)^\W+-.*", output(*command, "--help"))
    assert options
    assert not [line for line in options if re.search(r" (<\w+[>\[ ]|TEXT|INTEGER|PATH)", line)]


def test_the_list_of_commands_tells_each_one_whole() -> None:
    assert "..." not in output("--help").replace("[ARGS]...", "")


def test_a_wrong_call_is_told_in_few_lines() -> None:
    done = run("generat")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith("Error: No such command 'generat'")
    assert len(done.stderr.splitlines()) <= 4
