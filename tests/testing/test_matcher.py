"""``same_event()``: what it equals, and how it looks in the failure of a mock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from paltabrain_fast.testing import same_event

from ..schema.packages import imported
from ..support.events import TextEvent, UnserializableEvent
from ..support.sdk import ROOT


@pytest.fixture
def config() -> Iterator[Any]:
    with imported(ROOT / "examples" / "config") as module:
        yield module


def test_same_contents(config: Any) -> None:
    event = config.EventPageOpen(page_id="a").set_parent(parent_elements=["x"])
    same = config.EventPageOpen(page_id="a", title=None).set_parent(parent_elements=["x"])
    assert same_event(event) == same
    assert same == same_event(event)
    assert same_event(event) == same_event(same)
    assert same_event(TextEvent("a")) == TextEvent("a")


def test_other_contents(config: Any) -> None:
    event = same_event(config.EventPageOpen(page_id="a"))
    assert event != config.EventPageOpen(page_id="b")
    assert event != config.EventPageOpen(page_id="a").set_parent(parent_elements=["x"])
    assert event != config.EventSessionStart()
    assert event != config.EventPageOpen(page_id=5)
    assert event != UnserializableEvent()
    assert event != "EventPageOpen(page_id='a')"
    assert event != config.EventPageOpen
    assert same_event(TextEvent("a")) != TextEvent("b")


def test_maps_are_equal_whatever_their_order(config: Any) -> None:
    event = config.EventPurchase(prices={"a": 1, "b": 2})
    with pytest.raises(TypeError):
        same_event(event)  # integers are no decimals
    first = config.EventEverything(count_by_name={"a": 1, "b": 2})
    assert same_event(first) == config.EventEverything(count_by_name={"b": 2, "a": 1})


def test_text_in_the_failure_of_a_mock(config: Any) -> None:
    mock = Mock()
    mock.track(config.EventPageOpen(page_id="b"))
    with pytest.raises(AssertionError) as raised:
        mock.track.assert_called_once_with(same_event(config.EventPageOpen(page_id="a")))
    assert "track(same_event(EventPageOpen(page_id='a')))" in str(raised.value)
    assert "track(EventPageOpen(page_id='b'))" in str(raised.value)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (TextEvent, "same_event() takes an object, not a class: TextEvent()"),
        (5, "same_event() takes an event, not int"),
    ],
)
def test_what_is_no_event_is_refused(given: Any, text: str) -> None:
    with pytest.raises(TypeError) as raised:
        same_event(given)
    assert str(raised.value) == text
