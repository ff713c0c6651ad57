"""The counts of a collector: what is told of them, and which types of events are asked for."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from paltabrain_fast.collector import tally as module
from paltabrain_fast.collector.api import EventReading
from paltabrain_fast.collector.filters import Filter, Page
from paltabrain_fast.collector.tally import Tally


def _stored(tally: Tally, last_id: int, *types: str) -> None:
    tally.last_id = last_id
    tally.stored("instance", dict.fromkeys(types, 1))


def test_of_what_arrived_after_an_event_only_its_types_are_seen() -> None:
    tally = Tally(last_id=5)
    tally.of_type("Old").events = 1  # as from the file
    _stored(tally, 10, "A", "B")
    _stored(tally, 20, "B", "C")
    assert tally.types_seen() == tally.types_seen(after=4) == {"Old", "A", "B", "C"}
    assert tally.types_seen(after=5) == tally.types_seen(after=9) == {"A", "B", "C"}
    assert tally.types_seen(after=10) == {"B", "C"}
    assert tally.types_seen(after=20) == frozenset()


def test_what_is_too_long_ago_has_any_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECENT", 3)
    tally = Tally()
    for last_id, name in ((10, "A"), (20, "B"), (30, "C"), (40, "D")):
        _stored(tally, last_id, name)
    assert tally.types_seen(after=19) == {"A", "B", "C", "D"}
    assert tally.types_seen(after=20) == {"C", "D"}


@pytest.mark.parametrize("asks", ["find", "count"])
def test_the_other_tables_are_not_read(asks: str) -> None:
    tally = Tally()
    _stored(tally, 10, "A")
    _stored(tally, 20, "B")
    seen: list[Any] = []

    def read(_wanted: Filter, _page: Page, types: frozenset[str], *_: int) -> None:
        seen.append(types)

    reader: Any = SimpleNamespace(events=read, count=read)
    store: Any = SimpleNamespace(tally=tally)
    with ThreadPoolExecutor(1) as executor:
        reading = EventReading(store, [reader], executor)
        asyncio.run(getattr(reading, asks)(Filter(), Page(after=10)))
    assert seen == [{"B"}]


def test_the_newest_instances_only_are_told_each_second() -> None:
    tally = Tally()
    for number in range(module.INSTANCES + 1):
        tally.stored(f"instance-{number}", {})
    told = tally.document()["instances"]
    assert (len(told), told[0], told[-1]) == (100, "instance-1", "instance-100")
