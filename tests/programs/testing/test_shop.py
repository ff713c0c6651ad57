"""Tests of a service, all of which pass; each asks for what another may have left."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import unittest
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import ANY, create_autospec

import pytest
import shop
from config import (
    Context,
    EnumPaymentResult,
    EnumTheme,
    EventElementRender,
    EventEverything,
    EventPageOpen,
    EventPurchase,
    EventSessionEnd,
    EventSessionStart,
    EventTransfer,
)
from freezegun import freeze_time

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from paltabrain_fast.testing import PaltabrainEvents, TrackedEvent, capture_events, same_event


def test_first(paltabrain_events: PaltabrainEvents) -> None:
    shop.open_page("abc")
    paltabrain_events.assert_tracked(EventPageOpen, page_id="abc")


def test_events_of_another_test_are_not_here(paltabrain_events: PaltabrainEvents) -> None:
    assert list(paltabrain_events) == []
    paltabrain_events.assert_not_tracked(EventPageOpen)


def test_values_are_those_of_the_module(paltabrain_events: PaltabrainEvents) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901)
    sent = EventEverything(
        flag=False,
        price=Decimal("1.50"),
        theme=EnumTheme.DARK,
        count=-3,
        label="ü",
        happened_ts=moment,
        amounts=[Decimal("1"), Decimal("2.0")],
        themes=[EnumTheme.LIGHT],
        moments=[moment],
        labels=[],
        amount_by_name={"a": Decimal("7")},
        theme_by_name={"b": EnumTheme.AUTO},
    )
    sent.set_screen(theme=EnumTheme.LIGHT)
    shop.sdk.track(sent, Context().set_identify(first_seen_ts=moment, experiments={"x": "y"}))
    (event,) = paltabrain_events
    milliseconds = moment.replace(microsecond=678000, tzinfo=UTC)
    assert event.type is EventEverything
    assert event.properties == {
        "flag": False,
        "price": Decimal("1.50"),
        "theme": EnumTheme.DARK,
        "count": -3,
        "label": "ü",
        "happened_ts": milliseconds,
        "amounts": [Decimal("1"), Decimal("2.0")],
        "themes": [EnumTheme.LIGHT],
        "moments": [milliseconds],
        "amount_by_name": {"a": Decimal("7")},
        "theme_by_name": {"b": EnumTheme.AUTO},
    }
    assert type(event.properties["theme"]) is type(event.properties["themes"][0]) is EnumTheme
    assert type(event.header["screen"]["theme"]) is EnumTheme
    assert event.context["identify"] == {"first_seen_ts": milliseconds, "experiments": {"x": "y"}}
    assert event == sent
    paltabrain_events.assert_tracked(sent, context=Context().set_identify(first_seen_ts=moment))
    paltabrain_events.assert_tracked(
        EventEverything,
        price=Decimal("1.5"),
        theme=2,
        happened_ts=moment,
        moments=[moment],
        labels=[],
        counts=None,
        header={"screen": {"theme": EnumTheme.LIGHT}},
        context={"identify": {"first_seen_ts": moment}},
    )


def test_properties_with_names_of_python(paltabrain_events: PaltabrainEvents) -> None:
    shop.sdk.track(EventTransfer(from_="a", to="b"))
    shop.sdk.track(EventElementRender(class_="c", self_=True, int=5))
    paltabrain_events.assert_tracked(EventTransfer, from_="a", to="b")
    paltabrain_events.assert_tracked(EventElementRender, class_="c", self_=True, int=5)
    assert [event.properties for event in paltabrain_events] == [
        {"from": "a", "to": "b"},
        {"class": "c", "self": True, "int": 5},
    ]


def test_order_is_that_of_tracking_whatever_the_contexts(
    paltabrain_events: PaltabrainEvents,
) -> None:
    for number in range(50):
        shop.sdk.track(
            EventPageOpen(page_id=str(number)), Context().set_user(user_id="u" * (number % 3))
        )
    assert [event.properties["page_id"] for event in paltabrain_events] == [*map(str, range(50))]
    assert {event.session_id for event in paltabrain_events} == {None}
    assert {event.session_event_seq_num for event in paltabrain_events} == {None}


def test_no_session_is_left_behind(paltabrain_events: PaltabrainEvents) -> None:
    assert shop.sdk.session_id is None
    with PaltabrainSdk[Context]("localhost", "key", Context(), session_id=5) as sdk:
        sdk.track(EventSessionStart())
    (event,) = paltabrain_events
    assert (event.session_id, event.session_event_seq_num) == (5, 1)
    assert (event.instance_id, bool(event.batch_id)) == (sdk.instance_id, True)


def test_header_context_and_times(paltabrain_events: PaltabrainEvents) -> None:
    shop.sdk.track(EventPageOpen(page_id="a").set_parent(parent_elements=["main"]))
    shop.open_page("a")
    shop.sign_in("u-1")
    matches = paltabrain_events.assert_tracked(EventPageOpen, page_id="a", times=2)
    assert [event.header for event in matches] == [{"parent": {"parent_elements": ["main"]}}, {}]
    header = {"parent": {"parent_elements": ["main"]}}
    paltabrain_events.assert_tracked(EventPageOpen, header=header, times=1)
    paltabrain_events.assert_tracked(EventSessionStart, context={"user": {"user_id": ANY}})
    paltabrain_events.assert_not_tracked(EventSessionStart, context={"user": {"user_id": "u-2"}})
    paltabrain_events.assert_tracked(EventPageOpen(page_id="a"), times=1)
    paltabrain_events.assert_not_tracked(EventPageOpen())
    paltabrain_events.assert_tracked(EventSessionEnd, times=0)


def test_sequence(paltabrain_events: PaltabrainEvents) -> None:
    shop.sign_in("u-1")
    shop.open_page("a")
    assert list(paltabrain_events) == [EventSessionStart(), EventPageOpen(page_id="a")]
    assert (len(paltabrain_events), paltabrain_events[-1].name) == (2, "EventPageOpen")
    assert paltabrain_events[:1] == [EventSessionStart()]
    assert EventPageOpen(page_id="b") not in paltabrain_events
    paltabrain_events.clear()
    assert not paltabrain_events
    shop.open_page("b")
    assert list(paltabrain_events) == [EventPageOpen(page_id="b")]


def test_scope(paltabrain_events: PaltabrainEvents) -> None:
    with shop.sdk.scoped_context() as context:
        context.set_user(user_id="u-1")
        shop.open_page("a")
    shop.open_page("b")
    assert [event.context for event in paltabrain_events] == [
        {"application": {"app_id": "shop"}, "user": {"user_id": "u-1"}},
        {"application": {"app_id": "shop"}},
    ]


def test_threads(paltabrain_events: PaltabrainEvents) -> None:
    threads = [threading.Thread(target=shop.open_page, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pages = [event.properties["page_id"] for event in paltabrain_events]
    assert sorted(pages) == [*map(str, range(8))]


def test_asyncio(paltabrain_events: PaltabrainEvents) -> None:
    async def main() -> None:
        async with PaltabrainSdk[Context]("localhost", "key", Context()) as sdk:
            await asyncio.gather(*(asyncio.to_thread(shop.open_page, str(n)) for n in range(3)))
            sdk.track(EventSessionEnd())
            paltabrain_events.assert_tracked(EventSessionEnd)
        paltabrain_events.assert_tracked(EventPageOpen, times=3)

    asyncio.run(main())


def test_sdk_that_was_shut_down(paltabrain_events: PaltabrainEvents) -> None:
    with PaltabrainSdk[Context]("localhost", "key", Context()) as sdk:
        sdk.track(EventSessionStart())
    assert sdk.stats().delivered == 1
    paltabrain_events.assert_tracked(EventSessionStart)


def test_sdk_that_is_gone(paltabrain_events: PaltabrainEvents) -> None:
    sdk = PaltabrainSdk[Context]("localhost", "key", Context())
    sdk.track(EventSessionStart())
    del sdk
    gc.collect()
    paltabrain_events.assert_tracked(EventSessionStart, times=1)


def test_before_send(paltabrain_events: PaltabrainEvents) -> None:
    def scrub(event: Any, _context: Any) -> Any:
        if isinstance(event, EventSessionStart):
            return None
        event.asdict()["payload"]["title"] = None
        return event

    with PaltabrainSdk[Context]("localhost", "key", Context(), before_send=scrub) as sdk:
        sdk.track(EventSessionStart())
        sdk.track(EventPageOpen(page_id="a", title="secret"))
        assert list(paltabrain_events) == [EventPageOpen(page_id="a")]


def test_transport_in_memory(paltabrain_events: PaltabrainEvents) -> None:
    answers = [503, 200]

    def answer(_request: Request) -> SendResult:
        return SendResult(status=answers.pop(0))

    transport = InMemoryTransport(answer)
    with PaltabrainSdk[Context]("localhost", "key", Context(), transport=transport) as sdk:
        sdk.track(EventPageOpen(page_id="a"))
    paltabrain_events.assert_tracked(EventPageOpen, times=1)
    assert len(transport.requests) == 2
    assert transport.events == [EventPageOpen(page_id="a")]


def test_the_service_counts_as_always(paltabrain_events: PaltabrainEvents) -> None:
    before = shop.sdk.stats()
    shop.open_page("a")
    result = shop.sdk.flush(10)
    assert (bool(result), result.delivered) == (True, 1)
    assert shop.sdk.stats().delivered == before.delivered + 1
    assert len(paltabrain_events) == 1


@pytest.fixture
def app_that_tracks() -> Iterator[None]:
    shop.open_page("set up")
    yield
    shop.open_page("torn down")


def test_what_fixtures_track_before_and_after(
    app_that_tracks: None,  # noqa: ARG001
    paltabrain_events: PaltabrainEvents,
) -> None:
    assert list(paltabrain_events) == []


def test_clock_that_stands_still(paltabrain_events: PaltabrainEvents) -> None:
    with freeze_time("2001-02-03"):
        shop.open_page("a")
        shop.sign_in("u")
        shop.open_page("b")
        names = [event.name for event in paltabrain_events]
    assert names == ["EventPageOpen", "EventSessionStart", "EventPageOpen"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks beside threads
def test_forked_child_has_events_of_its_own(paltabrain_events: PaltabrainEvents) -> None:
    shop.open_page("parent")
    child = os.fork()
    if child == 0:
        try:
            paltabrain_events.clear()
            shop.open_page("child")
            is_right = list(paltabrain_events) == [EventPageOpen(page_id="child")]
            os._exit(0 if is_right else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert list(paltabrain_events) == [EventPageOpen(page_id="parent")]


def test_mock() -> None:
    sdk = create_autospec(PaltabrainSdk, instance=True)
    sdk.track(EventPurchase(result=EnumPaymentResult.PAID, price=Decimal("1.5")))
    sdk.track.assert_called_once_with(
        same_event(EventPurchase(price=Decimal("1.5"), result=EnumPaymentResult.PAID))
    )


def test_context_manager() -> None:
    with capture_events() as outer:
        shop.open_page("a")
        with capture_events() as inner:
            shop.open_page("b")
            assert list(inner) == [EventPageOpen(page_id="b")]
        shop.open_page("c")
        pages: list[TrackedEvent] = list(outer)
    assert [event.properties["page_id"] for event in pages] == ["a", "c"]


@pytest.mark.usefixtures("paltabrain_events")
class TestInUnittestStyle(unittest.TestCase):
    paltabrain_events: PaltabrainEvents

    def setUp(self) -> None:
        shop.sign_in("u-1")

    def test_one(self) -> None:
        shop.open_page("a")
        assert list(self.paltabrain_events) == [EventSessionStart(), EventPageOpen(page_id="a")]

    def test_two(self) -> None:
        shop.open_page("b")
        self.paltabrain_events.assert_tracked(EventPageOpen, page_id="b")
        self.paltabrain_events.assert_tracked(EventSessionStart, times=1)


class TestWithoutPytest(unittest.TestCase):
    def test_one(self) -> None:
        events = self.enterContext(capture_events())
        shop.open_page("a")
        events.assert_tracked(EventPageOpen, page_id="a", times=1)
