"""Assertions on what was tracked, where their texts or arguments are out of the ordinary."""

from __future__ import annotations

import re
import threading
import unittest
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from paltabrain_fast.delivery import diversion
from paltabrain_fast.schema.load import load_schema
from paltabrain_fast.testing import PaltabrainEvents, capture_events

from ..schema.packages import generated, imported, without_config_modules
from ..support.sdk import ROOT

MakeSdk = Callable[..., PaltabrainSdk[Any]]

SCHEMA = """
context: {User: {id: 1, properties: {user_id: {id: 1, type: string}}}}
header: {Parent: {id: 1, properties: {class: {id: 1, type: string}}}}
event:
  Meeting:
    id: 1
    properties:
      times: {id: 1, type: integer}
      header: {id: 2, type: string}
      context: {id: 3, type: string}
"""


@pytest.fixture
def config() -> Iterator[Any]:
    with without_config_modules(), imported(ROOT / "examples" / "config") as module:
        yield module


@pytest.fixture
def events() -> Iterator[PaltabrainEvents]:
    with capture_events() as events:
        yield events


def text_of(call: Callable[..., object], *arguments: Any, **options: Any) -> list[str]:
    with pytest.raises(AssertionError) as raised:
        call(*arguments, **options)
    return str(raised.value).splitlines()


def test_captures_that_end_in_the_order_in_which_they_began(make_sdk: MakeSdk, config: Any) -> None:
    """As those of two tasks may."""
    sdk, first, second = make_sdk(), ExitStack(), ExitStack()
    first.enter_context(capture_events())
    events = second.enter_context(capture_events())
    first.close()
    sdk.track(config.EventSessionStart())
    assert len(events) == 1
    second.close()
    assert diversion.current() is None


def test_many_events(events: PaltabrainEvents, make_sdk: MakeSdk, config: Any) -> None:
    sdk = make_sdk()
    for _ in range(22):
        sdk.track(config.EventSessionStart())
    sdk.track(config.EventPageOpen(page_id="a"))
    lines = text_of(events.assert_tracked, config.EventPageOpen, page_id="b")
    assert lines[:2] == [
        "EventPageOpen(page_id='b') was not tracked.",
        "The nearest is EventPageOpen(page_id='a'):",
    ]
    assert lines[-2:] == ["  20. EventSessionStart()", "  and 3 more"]


def test_nearest_has_the_fewest_differences(
    events: PaltabrainEvents, make_sdk: MakeSdk, config: Any
) -> None:
    sdk = make_sdk()
    for properties in {"currency": "EUR"}, {"currency": "USD", "items": ["a"]}, {"items": ["a"]}:
        sdk.track(config.EventPurchase(**properties))
    lines = text_of(events.assert_tracked, config.EventPurchase(currency="USD", items=["b"]))
    assert lines[1:6] == [
        "The nearest is event 2:",
        "",
        "  property  expected  tracked",
        "  items     ['b']     ['a']",
        "",
    ]


def test_nearest_has_rather_another_context_than_other_contents(
    events: PaltabrainEvents, make_sdk: MakeSdk, config: Any
) -> None:
    sdk, user = make_sdk(), config.Context().set_user(user_id="u-1")
    sdk.track(config.EventPageOpen(page_id="a"), user)
    sdk.track(config.EventPageOpen(page_id="b"), config.Context().set_user(user_id="u-2"))
    lines = text_of(events.assert_tracked, config.EventPageOpen, page_id="b", context=user)
    assert lines[1] == "The nearest is event 2:"


def test_nothing_of_that_type(events: PaltabrainEvents, make_sdk: MakeSdk, config: Any) -> None:
    make_sdk().track(config.EventSessionStart())
    assert text_of(events.assert_tracked, config.EventPageOpen, page_id="a", times=2) == [
        "EventPageOpen(page_id='a') was not tracked, but should have been 2 times.",
        "All events, in order:",
        "  1. EventSessionStart()",
    ]
    assert text_of(events.assert_tracked, config.EventSessionStart, times=0)[0] == (
        "EventSessionStart was tracked once, but should not have been."
    )


def test_event_that_cannot_be_serialized(
    events: PaltabrainEvents, make_sdk: MakeSdk, config: Any
) -> None:
    make_sdk().track(config.EventPageOpen(page_id=5))
    lines = text_of(events.assert_tracked, config.EventPageOpen)
    assert lines[1] == "1 event was dropped by the SDK: serialization_error."
    assert re.fullmatch(
        rf"  event \[EventPageOpen\] tracked at {re.escape(__file__)}:\d+ cannot be serialized"
        r" \(TypeError: \w*PageOpen\.page_id is a string, and was given an int.*\)",
        lines[2],
    )
    assert text_of(events.assert_not_tracked, config.EventPageOpen) == [
        "Nobody can tell whether EventPageOpen would have been tracked.",
        *lines[1:3],
    ]
    assert text_of(events.assert_tracked, config.EventPageOpen, times=0) == text_of(
        events.assert_not_tracked, config.EventPageOpen
    )
    events.assert_not_tracked(config.EventSessionStart)
    events.clear()
    assert len(text_of(events.assert_tracked, config.EventPageOpen)) == 2
    events.assert_not_tracked(config.EventPageOpen)


def test_capture_ends_with_what_cannot_be_serialized(make_sdk: MakeSdk, config: Any) -> None:
    sdk = make_sdk()

    def capture(*page_ids: Any, error: Exception | None = None) -> None:
        with capture_events():
            for page_id in page_ids:
                sdk.track(config.EventPageOpen(page_id=page_id))
            if error is not None:
                raise error

    lines = text_of(capture, 5, "a", 5, *(type(f"T{i}", (), {})() for i in range(12)))
    assert lines[0] == "14 events were dropped by the SDK: serialization_error."
    assert lines[1].startswith("  2 × event [EventPageOpen] tracked at ")
    assert lines[11] == "  and 3 more"
    assert lines[12].startswith("In production, that is a loss.")
    with pytest.raises(OSError, match="its own"):
        capture(5, error=OSError("its own"))
    capture("a")


def fails_by_itself(case: unittest.TestCase) -> None:
    case.fail("its own")


def fails_in_a_part(case: unittest.TestCase) -> None:
    with case.subTest():
        case.fail("its own")


def ends_well(_case: unittest.TestCase) -> None: ...


def skips(case: unittest.TestCase) -> None:
    case.skipTest("its own")


@pytest.mark.parametrize("base", [unittest.TestCase, unittest.IsolatedAsyncioTestCase])
@pytest.mark.parametrize(
    ("end", "text"),
    [
        (fails_by_itself, "AssertionError: its own"),
        (fails_in_a_part, "AssertionError: its own"),
        (ends_well, "AssertionError: 1 event was dropped by the SDK: serialization_error."),
        (skips, "AssertionError: 1 event was dropped by the SDK: serialization_error."),
    ],
)
def test_unittest_fails_once(
    make_sdk: MakeSdk,
    config: Any,
    base: type[unittest.TestCase],
    end: Callable[[unittest.TestCase], None],
    text: str,
) -> None:
    sdk = make_sdk()

    class Test(base):  # type: ignore[misc, valid-type]
        def runTest(self) -> None:  # noqa: N802
            self.enterContext(capture_events())
            sdk.track(config.EventPageOpen(page_id=5))
            end(self)

    result = unittest.TestResult()
    Test().run(result)
    assert result.errors == []
    ((_, traceback),) = result.failures
    assert text in traceback


def test_class_in_place_of_an_event_is_named(make_sdk: MakeSdk, config: Any) -> None:
    with capture_events() as events:
        make_sdk().track(config.EventPageOpen)
        with pytest.raises(AssertionError, match="EventPageOpen"):
            events.assert_not_tracked(config.EventPageOpen)
        events.clear()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"page": "a"}, "EventPageOpen has no property 'page': did you mean 'page_id'?"),
        ({"xyz": "a"}, "EventPageOpen has no property 'xyz': it has page_id, title"),
        ({"context": {"usr": {}}}, "the context has no group 'usr': did you mean 'user'?"),
        (
            {"context": {"user": {"id": 1}}},
            "group 'user' of the context has no property 'id': it has user_id, country_code,"
            " is_trial, is_paying, birth_year",
        ),
        ({"header": {"parents": {}}}, "the header has no group 'parents': did you mean 'parent'?"),
        (
            {"context": {"user_id": "u"}},
            "give properties by group, as {'user': {'user_id': 'u-1'}}: {'user_id': 'u'}",
        ),
    ],
)
def test_mistakes(
    events: PaltabrainEvents, config: Any, options: dict[str, Any], text: str
) -> None:
    for check in events.assert_tracked, events.assert_not_tracked:
        with pytest.raises(TypeError) as raised:
            check(config.EventPageOpen, **options)
        assert str(raised.value) == text


def test_what_is_no_event(events: PaltabrainEvents, config: Any) -> None:
    wrongs: list[Any] = [config.Context, 5, "EventPageOpen"]
    for wrong in wrongs:
        with pytest.raises(TypeError, match="is neither an event nor the class of one"):
            events.assert_tracked(wrong)
    with pytest.raises(TypeError, match="give either an event, or a class"):
        events.assert_tracked(config.EventPageOpen(), page_id="a")


def test_properties_that_are_named_like_arguments(
    events: PaltabrainEvents, make_sdk: MakeSdk, tmp_path: Path
) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text(SCHEMA, "utf-8")
    with generated(load_schema(path)) as config:
        event = config.EventMeeting(times=3, header="h", context="c").set_parent(class_="x")
        make_sdk().track(event, config.Context().set_user(user_id="u"))
        given: dict[str, Any] = {"times_": 3, "header_": "h", "context_": "c"}
        events.assert_tracked(config.EventMeeting, **given, times=1)
        events.assert_tracked(config.EventMeeting, header={"parent": {"class": "x"}})
        events.assert_tracked(config.EventMeeting, header={"parent": {"class_": "x"}})
        events.assert_not_tracked(config.EventMeeting, times_=4)


def test_batch_that_waits_for_another_attempt_makes_it_now(
    events: PaltabrainEvents, make_sdk: MakeSdk, config: Any
) -> None:
    answers = [SendResult(status=503, retry_after=30), SendResult(status=200)]
    answered = threading.Event()

    def answer(_request: Request) -> SendResult:
        answered.set()
        return answers.pop(0)

    sdk = make_sdk(transport=InMemoryTransport(answer))
    sdk.track(config.EventSessionStart())
    sdk.flush()
    assert answered.wait(30)
    assert len(events) == 1
    assert answers == []
    assert sdk.stats().delivered == 1


def test_text_of_the_events(events: PaltabrainEvents, make_sdk: MakeSdk, config: Any) -> None:
    make_sdk().track(config.EventSessionStart())
    assert repr(events) == "<PaltabrainEvents [EventSessionStart()]>"
