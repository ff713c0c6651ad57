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


def test_enough_is_due_at_once_when_there_was_no_flush() -> None:
    schedule = Schedule()
    schedule.begin(100.0)
    assert schedule.enough_due_at(5.0, 0.05) <= 100.0


@pytest.mark.parametrize(
    ("pace", "due"), [(0.0, 102.0), (0.05, 102.05), (60.0, 107.0)], ids=["none", "short", "long"]
)
def test_enough_is_due_when_the_pace_allows_it_or_the_interval_is_over(
    pace: float, due: float
) -> None:
    schedule = Schedule()
    schedule.begin(100.0)
    schedule.framed(102.0, was_busy=True)
    assert schedule.enough_due_at(5.0, pace) == due


def test_look_at_an_empty_buffer_is_no_flush() -> None:
    schedule = Schedule()
    schedule.begin(100.0)
    schedule.framed(102.0, was_busy=False)
    schedule.begin(102.0)
    assert schedule.enough_due_at(5.0, 0.05) <= 102.0


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
