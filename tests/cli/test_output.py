"""Rows on a terminal: they fit its width, whatever it is, and nothing is cut off."""

from __future__ import annotations

import os
import pty
import re
import sys
from collections.abc import Callable

import pytest

from paltabrain_fast.cli.output import Result, write_table

Shown = Callable[[Result, int], list[str]]

PURCHASES = Result(
    [
        ("user", "VARCHAR"),
        ("at", "TIMESTAMP_MS"),
        ("price", "DECIMAL(18,2)"),
        ("items", "VARCHAR[]"),
    ],
    [
        ["u-1", "2026-11-24T12:00:00.000Z", "12.50", ["a cup of tea", "кофе"]],
        ["u-22", "2026-11-24T12:00:01.000Z", "1200.00", None],
    ],
)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Return the lines that a terminal of some width shows of rows."""

    def shown(result: Result, width: int) -> list[str]:
        leader, follower = pty.openpty()
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm")
        with (
            open(leader, "rb") as screen,
            open(follower, "w") as terminal,
            monkeypatch.context() as patched,
        ):
            patched.setattr(sys, "stdout", terminal)
            write_table(result)
            print("END", flush=True, file=terminal)
            text = b""
            while b"END" not in text:
                text += os.read(screen.fileno(), 65536)
        plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text.decode())
        return [line.rstrip() for line in plain.splitlines()][:-1]

    return shown


def test_a_table_if_the_columns_fit(shown: Shown) -> None:
    assert shown(PURCHASES, 80) == [
        "╭──────┬──────────────────────────┬─────────┬──────────────────────────╮",
        "│ user │ at                       │   price │ items                    │",
        "├──────┼──────────────────────────┼─────────┼──────────────────────────┤",
        '│ u-1  │ 2026-11-24T12:00:00.000Z │   12.50 │ ["a cup of tea", "кофе"] │',
        "│ u-22 │ 2026-11-24T12:00:01.000Z │ 1200.00 │                          │",
        "╰──────┴──────────────────────────┴─────────┴──────────────────────────╯",
        "2 rows",
    ]


def test_long_texts_are_folded_before_that(shown: Shown) -> None:
    lines = shown(PURCHASES, 62)
    assert max(map(len, lines)) <= 62
    assert "2026-11-24T12:00:00.000Z" in lines[3]
    assert "".join(line.split("│")[-2].strip() for line in lines[3:6]).startswith('["a cup of')


def test_a_row_below_the_other_if_they_do_not_fit(shown: Shown) -> None:
    lines = shown(PURCHASES, 40)
    assert [line.rstrip("─") for line in lines] == [
        "row 1 ",
        "user   u-1",
        "at     2026-11-24T12:00:00.000Z",
        "price  12.50",
        'items  ["a cup of tea", "кофе"]',
        "row 2 ",
        "user   u-22",
        "at     2026-11-24T12:00:01.000Z",
        "price  1200.00",
        "2 rows; columns that are not set are",
        "left out",
    ]


def test_no_rows_are_a_table_too(shown: Shown) -> None:
    lines = shown(Result(PURCHASES.columns, []), 80)
    assert "items" in lines[1]
    assert lines[-1] == "0 rows"
