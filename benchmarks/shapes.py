"""Events and loops that the benchmarks measure, and an SDK that delivers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import copy_context
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from examples.config import (
    Context,
    EnumTheme,
    Event,
    EventEverything,
    EventPageOpen,
    EventSessionStart,
)
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.explanation import recognise_loaded_classes

Loop = Callable[[Iterable[str]], None]
"""Does its work once for each string that it is given."""

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PARENTS = ["main_screen", "first_block"]

EVENTS: dict[str, Callable[[], Event]] = {
    "no properties": EventSessionStart,
    "string + header": lambda: EventPageOpen(page_id="page-12345").set_parent(
        parent_elements=PARENTS
    ),
    "everything": lambda: EventEverything(
        flag=True,
        price=Decimal("9.99"),
        rate=Decimal("0.000000001"),
        theme=EnumTheme.DARK,
        count=1_234_567,
        label="primary button",
        happened_ts=NOON,
        flags=[True, False],
        amounts=[Decimal("1"), Decimal("2.50")],
        themes=[EnumTheme.LIGHT, EnumTheme.AUTO],
        counts=[1, -1, 1_000_000],
        labels=["left", "right", "naïve ☕"],
        moments=[NOON, NOON],
        label_by_name={"left": "right", "top": "bottom"},
    ),
}


def make_context() -> Context:
    """Return a context of four groups with nine strings and a bool."""
    return (
        Context()
        .set_application(app_id="com.example.shop", app_platform="web", app_version="1.2.3")
        .set_os(os_name="Linux", os_version="6.1")
        .set_user(user_id="user-12345", country_code="GB", is_trial=True)
        .set_identify(advertising_id="38400000-8cf0-11bd-b23e-10b96e40000d", country_code="DE")
    )


def undrained_sdk() -> PaltabrainSdk[Context]:
    """Return an SDK that never delivers: its control thread waits for more events than come."""
    sdk = PaltabrainSdk[Context](
        "localhost",
        "key",
        make_context(),
        start_session=True,
        buffer_bytes=1 << 28,
        transport=InMemoryTransport(),
    )
    sdk._engine.arm(1 << 40)  # its control thread starts with the event that wakes it
    recognise_loaded_classes()  # or an event would wake it for that
    return sdk


def empty_loop(values: Iterable[str]) -> None:
    """Do nothing in each turn: the cost of the loop itself."""
    for _ in values:
        pass


def tracking(sdk: Any, event: object) -> Loop:
    def loop(values: Iterable[str]) -> None:
        for _ in values:
            sdk.track(event)

    return loop


def constructing(sdk: PaltabrainSdk[Context]) -> Loop:
    def loop(values: Iterable[str]) -> None:
        for value in values:
            sdk.track(EventPageOpen(page_id=value).set_parent(parent_elements=PARENTS))

    return loop


def changing(sdk: PaltabrainSdk[Context]) -> Loop:
    event = EventSessionStart()

    def loop(values: Iterable[str]) -> None:
        for value in values:
            sdk.context.set_user(user_id=value)
            sdk.track(event)

    return loop


def serializing(sdk: PaltabrainSdk[Context], event: Event) -> Loop:
    """Make only the protobuf calls that a ``track()`` of the reference engine makes."""

    def loop(values: Iterable[str]) -> None:
        context = sdk.context
        for _ in values:
            context.serialize_context()
            event.serialize_header()
            event.serialize_payload()

    return loop


SHAPES: dict[str, Callable[[PaltabrainSdk[Context]], Loop]] = {
    "no properties": lambda sdk: tracking(sdk, EVENTS["no properties"]()),
    "string + header": lambda sdk: tracking(sdk, EVENTS["string + header"]()),
    "everything": lambda sdk: tracking(sdk, EVENTS["everything"]()),
    "construct + header": constructing,
    "context changed": changing,
}


def tracking_in_context(sdk: PaltabrainSdk[Context]) -> Loop:
    event, context = EVENTS["no properties"](), make_context()

    def loop(values: Iterable[str]) -> None:
        for _ in values:
            sdk.track(event, context)

    return loop


def tracking_in_scope(sdk: PaltabrainSdk[Context]) -> Loop:
    variables, scope = copy_context(), sdk.scoped_context()
    tracking_loop = tracking(sdk, EVENTS["no properties"]())
    is_entered = False

    def loop(values: Iterable[str]) -> None:
        nonlocal is_entered
        if not is_entered:  # only now, as it costs the events outside something, too
            is_entered = True
            variables.run(scope.__enter__)
        variables.run(tracking_loop, values)

    return loop


CONTEXTS: dict[str, Callable[[PaltabrainSdk[Context]], Loop]] = {
    "given context": tracking_in_context,
    "in a scope": tracking_in_scope,
}
"""The ways to have a context for each request. To be measured after the others."""


def make_values(count: int) -> list[str]:
    return [f"page-{number:05}" for number in range(count)]


def take_all(sdk: PaltabrainSdk[Context]) -> int:
    """Empty the buffer; return the bytes of all its batches."""
    size = 0
    sdk._engine.mark()
    while (batch := sdk._engine.take("instance")) is not None:
        size += len(batch.body)
    return size
