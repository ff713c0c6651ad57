"""What ``dev`` prints of many refusals: each at least in a sum, and never more than can be read."""

from __future__ import annotations

import io
import queue
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from paltabrain_fast.cli.dev_text import MOST_LINES, NoticePrinter, introduction
from paltabrain_fast.collector.notices import Notice
from paltabrain_fast.collector.server import Collector
from paltabrain_fast.collector.tally import Tally
from paltabrain_fast.schema.model import Group, Schema

_DEADLINE = 30


class _Lines(io.StringIO):
    """A file whose lines can be waited for; while it is not ``open``, nobody can write."""

    def __init__(self) -> None:
        super().__init__()
        self._written: queue.Queue[str] = queue.Queue()
        self._begun = ""
        self.is_asked = threading.Event()
        self.open = threading.Event()
        self.open.set()

    def write(self, text: str) -> int:
        self.is_asked.set()
        assert self.open.wait(_DEADLINE)
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._written.put(line)
        return len(text)

    def next(self) -> str:
        return self._written.get(timeout=_DEADLINE)

    def rest(self) -> list[str]:
        return list(self._written.queue)


@pytest.fixture
def lines() -> _Lines:
    return _Lines()


@pytest.fixture
def printer(lines: _Lines) -> Iterator[NoticePrinter]:
    with NoticePrinter(Console(file=lines, soft_wrap=True, highlight=False)) as printer:
        yield printer


@contextmanager
def _held_up(lines: _Lines, printer: NoticePrinter) -> Iterator[None]:
    """Let the printer have the first line to print, which it can do only at the end."""
    lines.open.clear()
    printer.print_soon(Notice("422 PageOpen", "first"))
    assert lines.is_asked.wait(_DEADLINE)
    yield
    lines.open.set()
    assert lines.next() == "✗ 422 PageOpen: first"


@pytest.mark.parametrize(("number", "types"), [(1, "1 type of events"), (2, "2 types of events")])
def test_the_first_line_says_how_many_types_there_are(number: int, types: str) -> None:
    schema = Schema(events=tuple(Group(f"Event{each}", each) for each in range(number)))
    collector = Collector(8080, 8443, Path("ca.pem"), Path("bundle.pem"), Tally())
    text = introduction(collector, schema, Path("x.duckdb"), (), key_source=None).plain
    assert text.startswith(f"Collecting {types} into x.duckdb, with any API key.\n")


def _number(line: str) -> int:
    more = re.fullmatch(r"✗ and ([\d,]+) more; the page shows what was refused", line)
    times = re.search(r" \(([\d,]+) times\)$", line)
    found = more or times
    return int(found[1].replace(",", "")) if found else 1


def test_the_first_refusal_is_printed_at_once(lines: _Lines, printer: NoticePrinter) -> None:
    printer.print_soon(Notice("422 PageOpen", "it is [bold]wrong"))
    assert lines.next() == "✗ 422 PageOpen: it is [bold]wrong"


def test_equal_refusals_become_one_line(lines: _Lines, printer: NoticePrinter) -> None:
    with _held_up(lines, printer):
        for _ in range(2000):
            printer.print_soon(Notice("422 PageOpen", "second"))
    assert lines.next() == "✗ 422 PageOpen: second (2,000 times)"


def test_of_many_different_ones_the_most_frequent_are_printed(
    lines: _Lines, printer: NoticePrinter
) -> None:
    with _held_up(lines, printer):
        for number in range(5000):
            printer.print_soon(Notice("422 PageOpen", f"reason {number}"))
            printer.print_soon(Notice("422 PageOpen", "reason 7"))
    printed = [lines.next() for _ in range(MOST_LINES + 1)]
    assert printed[0] == "✗ 422 PageOpen: reason 7 (5,001 times)"
    assert _number(printed[-1]) > 1
    assert sum(map(_number, printed)) == 10_000
    assert lines.rest() == []


def test_the_end_prints_what_waits(lines: _Lines) -> None:
    with NoticePrinter(Console(file=lines, soft_wrap=True, highlight=False)) as printer:
        printer.print_soon(Notice("422 PageOpen", "first"))
        assert lines.next() == "✗ 422 PageOpen: first"
        printer.print_soon(Notice("422 PageOpen", "second"))
    assert lines.next() == "✗ 422 PageOpen: second"
