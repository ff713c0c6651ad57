"""When the buffer is framed, by a clock and a buffer of the test's own."""

from __future__ import annotations

import pytest

from paltabrain_fast.delivery.schedule import Schedule


def test_interval_begins_with_the_first_event() -> None:
    schedule = Schedule()
    assert schedule.is_idle
    schedule.begin(100.0)
    schedule.begin(103.0)
    assert schedule.due_at(5.0) == 105.0


@pytest.mark.parametrize(
    ("now", "buffered", "is_due"),
    [(104.9, 99, False), (104.9, 100, True), (105.0, 1, True)],
    ids=["neither", "enough is buffered", "the interval is over"],
)
def test_due(now: float, buffered: int, is_due: bool) -> None:
    schedule = Schedule()
    schedule.begin(100.0)
    assert schedule.is_due(now, 5.0, buffered, 100) is is_due


def test_next_interval_begins_with_the_flush() -> None:
    schedule = Schedule()
    schedule.begin(100.0)
    schedule.framed(105.0, was_busy=True)
    assert schedule.due_at(5.0) == 110.0


def test_no_interval_follows_one_without_events() -> None:
    schedule = Schedule()
    schedule.begin(100.0)
    schedule.framed(105.0, was_busy=False)
    assert schedule.is_idle
