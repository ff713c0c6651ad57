"""Tests of events that are not tracked, for reasons that the failure names."""

from __future__ import annotations

import shop
from config import Context, EventPageOpen, EventSessionStart

from paltabrain_fast import PaltabrainSdk
from paltabrain_fast.testing import PaltabrainEvents


def test_shut_down(paltabrain_events: PaltabrainEvents) -> None:
    with PaltabrainSdk[Context]("localhost", "key", Context()) as sdk:
        pass
    sdk.track(EventPageOpen())
    paltabrain_events.assert_tracked(EventPageOpen)


def test_dropped_by_the_hook(paltabrain_events: PaltabrainEvents) -> None:
    with PaltabrainSdk[Context](
        "localhost", "key", Context(), before_send=lambda _event, _context: None
    ) as sdk:
        sdk.track(EventPageOpen())
        sdk.track(EventPageOpen())
        paltabrain_events.assert_tracked(EventPageOpen)


def test_disabled(paltabrain_events: PaltabrainEvents) -> None:
    with PaltabrainSdk[Context]("localhost", "key", Context(), disabled=True) as sdk:
        sdk.track(EventPageOpen())
        paltabrain_events.assert_tracked(EventPageOpen)


def test_too_often(paltabrain_events: PaltabrainEvents) -> None:
    shop.open_page("a")
    shop.open_page("a")
    paltabrain_events.assert_tracked(EventPageOpen, page_id="a", times=1)


def test_not_wanted(paltabrain_events: PaltabrainEvents) -> None:
    shop.sdk.track(EventSessionStart())
    paltabrain_events.assert_not_tracked(EventSessionStart)


def test_other_header(paltabrain_events: PaltabrainEvents) -> None:
    shop.sdk.track(EventPageOpen(page_id="a").set_parent(parent_elements=["main"]))
    header = {"parent": {"parent_elements": ["menu"]}}
    paltabrain_events.assert_tracked(EventPageOpen, header=header)


def test_unknown_property(paltabrain_events: PaltabrainEvents) -> None:
    paltabrain_events.assert_not_tracked(EventPageOpen, page="a")


def test_unknown_group(paltabrain_events: PaltabrainEvents) -> None:
    paltabrain_events.assert_tracked(EventPageOpen, context={"usr": {"user_id": "u"}})
