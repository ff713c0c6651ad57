"""What events, contexts and ``UNDEFINED`` look like to a person, on both engines."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

import paltabrain_fast

from ..schema.packages import EXAMPLE, imported


@pytest.fixture(scope="module")
def config() -> Iterator[Any]:
    with imported(EXAMPLE.parent / "config") as module:
        yield module


def test_event_is_the_call_that_makes_it(config: Any) -> None:
    assert repr(config.EventSessionStart()) == "EventSessionStart()"
    event = config.EventPageOpen(page_id="abc")
    assert repr(event) == "EventPageOpen(page_id='abc')"
    event.set_parent(parent_elements=["main", "block"]).set_screen(screen_name=None)
    assert repr(event) == (
        "EventPageOpen(page_id='abc',"
        " header={'parent': {'parent_elements': ['main', 'block']}, 'screen': {}})"
    )
    purchase = config.EventPurchase(
        price=Decimal("1.50"),
        result=config.EnumPaymentResult.PAID,
        prices={"tea": Decimal(1), "water": None},
    )
    assert repr(purchase) == (
        "EventPurchase(price=Decimal('1.50'), result=<EnumPaymentResult.PAID: 1>,"
        " prices={'tea': Decimal('1'), 'water': None})"
    )
    assert str(event) == f"{event}" == repr(event)


def test_context_is_its_groups(config: Any) -> None:
    assert repr(config.Context()) == "Context()"
    context = config.Context().set_application(app_id="a", app_version=None)
    context.set_identify(first_seen_ts=datetime(2024, 2, 29), experiments={"blue": "b"})
    assert repr(context) == (
        "Context(application={'app_id': 'a'}, identify="
        "{'first_seen_ts': datetime.datetime(2024, 2, 29, 0, 0), 'experiments': {'blue': 'b'}})"
    )


def test_undefined_is_itself(config: Any) -> None:
    assert repr(config.UNDEFINED) == "UNDEFINED"
    shown = str(inspect.signature(config.Context.set_application)).replace("typing.", "")
    assert "app_id: Optional[str] = UNDEFINED" in shown.replace("str | None", "Optional[str]")
    assert isinstance(config.UNDEFINED, paltabrain_fast.BaseSentinel)


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def endless() -> dict[str, Any]:
    itself: dict[str, Any] = {}
    itself["itself"] = [itself, itself]
    return itself


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10_000_000,
        ["x" * 1_000_000] * 1_000_000,
        {str(number): "x" * 1000 for number in range(100_000)},
        10**10_000,
        Hostile(),
        endless(),
        b"x" * 1_000_000,
        "\ud800",
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_value_has_a_short_text(config: Any, value: Any) -> None:
    event = config.EventPageOpen(page_id=value).set_parent(parent_elements=value)
    context = config.Context().set_application(app_id=value).set_identify(experiments=value)
    for each in event, context:
        assert type(each).__name__ in repr(each)
        assert len(repr(each)) <= 1000


@pytest.mark.parametrize(
    "strange", [None, 5, [], {5: 6}, {"a": 5}, Hostile()], ids=lambda value: type(value).__name__
)
def test_strange_state_is_no_error(config: Any, strange: Any) -> None:
    event, context = config.EventPageOpen(), config.Context()
    event._payload = event._header = context._context = strange
    for each in event, context:
        assert type(each).__name__ in repr(each)
    unborn = config.EventPageOpen.__new__(config.EventPageOpen)
    assert "EventPageOpen" in repr(unborn)


def test_repr_changes_nothing(config: Any) -> None:
    event, context = config.EventPageOpen(page_id="a"), config.Context()
    before = event.serialize_payload(), event.serialize_header(), context.serialize_context()
    repr(event), repr(context)
    assert before == (
        event.serialize_payload(),
        event.serialize_header(),
        context.serialize_context(),
    )
    assert event.asdict() == {"header": {}, "payload": {"page_id": "a", "title": None}}
    assert context.asdict() == {}


def test_equality_and_hash_are_by_identity(config: Any) -> None:
    for make in config.EventPageOpen, config.Context, paltabrain_fast.BaseSentinel:
        first, second = make(), make()
        assert first == first
        assert first != second
        assert hash(first) != hash(second)
        assert len({first, second, first}) == 2
