"""What was sent, decoded by the config module that has the class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.testing import TrackedEvent, capture_events

from .schema.packages import imported, without_config_modules
from .support.events import TextContext, TextEvent
from .support.sdk import ROOT

EXAMPLE = ROOT / "examples" / "config"
MakeSdk = Callable[..., PaltabrainSdk[Any]]


@pytest.fixture
def config() -> Iterator[Any]:
    with without_config_modules(), imported(EXAMPLE) as module:
        yield module


def tracked(make_sdk: MakeSdk, *events: Any, context: Any = None) -> list[TrackedEvent]:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=context or TextContext())
    for event in events:
        sdk.track(event)
    assert sdk.flush(10)
    return transport.events


def test_event_of_no_config_module(make_sdk: MakeSdk) -> None:
    (event,) = tracked(make_sdk, TextEvent("text"))
    assert (event.type, event.name) == (None, "event 14")
    assert (event.properties, event.header, event.context) == ({}, {}, {})
    assert event.serialized[:3] == (b"context", b"", b"text")
    assert event == TextEvent("text")
    assert event != TextEvent("other")
    assert event != "text"
    assert repr(event) == "event 14()"


def test_event_and_context(make_sdk: MakeSdk, config: Any) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    sent = config.EventPageOpen(page_id="a").set_parent(parent_elements=["main"])
    (event,) = tracked(make_sdk, sent, context=config.Context().set_user(user_id="u"))
    assert (event.type, event.name) == (type(sent), "EventPageOpen")
    assert event.time >= before
    assert repr(event) == (
        "EventPageOpen(page_id='a', header={'parent': {'parent_elements': ['main']}})"
        " with Context(user={'user_id': 'u'})"
    )
    assert event == config.EventPageOpen(page_id="a").set_parent(parent_elements=["main"])
    assert event != config.EventPageOpen(page_id="a")
    assert event != config.EventPageOpen(page_id="b").set_parent(parent_elements=["main"])
    assert event != config.EventSessionStart()


def test_values_that_the_module_does_not_know_stay_as_they_are(
    make_sdk: MakeSdk, config: Any
) -> None:
    sent = config.EventEverything(theme=77, price="much", happened_ts=-1, themes=[2, 78])
    (event,) = tracked(make_sdk, sent)
    assert event.properties == {
        "theme": 77,
        "price": "much",
        "happened_ts": datetime(1969, 12, 31, 23, 59, 59, 999000, UTC),
        "themes": [config.EnumTheme.DARK, 78],
    }


def test_number_of_two_modules_is_told_apart_by_the_class_that_a_test_names(
    make_sdk: MakeSdk, config: Any
) -> None:
    with imported(EXAMPLE) as other, capture_events() as events:
        make_sdk().track(config.EventPurchase(price=Decimal("1.5")))
        assert [event.type for event in events] == [None]
        (event,) = events.assert_tracked(config.EventPurchase, price=Decimal("1.50"))
        assert event.type is config.EventPurchase
        events.assert_tracked(other.EventPurchase, price=Decimal("1.50"))


FOREIGN = "from tests.programs.testing.foreign import BaseContext, BaseEvent\n"


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Any]:
    """The same module, on base classes that are not ours."""
    directory = tmp_path / "config"
    directory.mkdir()
    for path in EXAMPLE.glob("*.py"):
        source = path.read_text("utf-8").replace(
            "from paltabrain_fast import BaseContext, BaseEnum, BaseEvent, BaseSentinel, set_proto",
            FOREIGN + "from paltabrain_fast import BaseEnum, BaseSentinel, set_proto",
        )
        (directory / path.name).write_text(source, "utf-8")
    with without_config_modules(), imported(directory) as module:
        yield module


def test_event_on_base_classes_of_others(make_sdk: MakeSdk, foreign: Any) -> None:
    sent = foreign.EventPurchase(price=Decimal("1.5"))
    (event,) = tracked(make_sdk, sent, context=foreign.Context().set_user(user_id="u"))
    assert event.type is foreign.EventPurchase
    assert event.properties == {"price": Decimal("1.5")}
    assert event.context == {"user": {"user_id": "u"}}


@pytest.mark.parametrize("session_id", [None, 2])
def test_events_are_in_order_over_a_change_of_the_session(
    make_sdk: MakeSdk, config: Any, session_id: int | None
) -> None:
    """Also within a millisecond, in which only numbers tell, and they begin anew."""
    for _ in range(20):
        sdk = make_sdk(session_id=1)
        with capture_events() as events:
            for page in "abcdef":
                if page == "d":
                    sdk.session_id = session_id
                    sdk.session_event_seq_num = 0
                sdk.track(config.EventPageOpen(page_id=page))
            assert "".join(event.properties["page_id"] for event in events) == "abcdef"


def test_events_of_an_sdk_are_in_order_by_their_numbers(make_sdk: MakeSdk, config: Any) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, start_session=True)
    contexts = [config.Context().set_user(user_id=str(number)) for number in range(3)]
    for number in range(30):
        sdk.track(config.EventPageOpen(page_id=str(number)), contexts[number % 3])
    assert sdk.flush(10)
    assert len(transport.batches) == 3
    assert [event.properties["page_id"] for event in transport.events] == [*map(str, range(30))]
    assert [event.session_event_seq_num for event in transport.events] == [*range(1, 31)]


def test_class_derived_in_a_program_counts_as_the_one_of_the_module(
    make_sdk: MakeSdk, config: Any
) -> None:
    class Page(config.EventPageOpen):  # type: ignore[misc]
        pass

    with capture_events() as events:
        make_sdk().track(Page(page_id="a"))
        events.assert_tracked(config.EventPageOpen, page_id="a")
        events.assert_tracked(Page, page_id="a")
        assert [event.type for event in events] == [config.EventPageOpen]


def test_numbers_given_for_the_order_are_taken_back(make_sdk: MakeSdk, config: Any) -> None:
    sdk, numbered = make_sdk(), make_sdk()
    sdk.session_event_seq_num = 7
    with capture_events() as events:
        sdk.track(config.EventSessionStart())
        numbered.session_id = 5
        numbered.track(config.EventSessionStart())
        assert {(event.session_id, event.session_event_seq_num) for event in events} == {
            (None, None),
            (5, 1),
        }
    assert (sdk.session_id, sdk.session_event_seq_num) == (None, 7)
    assert (numbered.session_id, numbered.session_event_seq_num) == (5, 1)
