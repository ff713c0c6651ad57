"""What ``before_send`` may do with an event, and what it is given."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import paltabrain_fast
from paltabrain_fast import InMemoryTransport, PaltabrainSdk

from ..support.events import TextContext, TextEvent
from ..support.sdk import MakeSdk, sent
from ..support.threads import DEADLINE

SECRET = "jane@example.com"


def test_event_that_it_changes_in_place_is_sent_changed(
    make_sdk: MakeSdk, transport: InMemoryTransport, config: Any
) -> None:
    def scrub(event: Any, _context: Any) -> Any:
        page = event.asdict()["payload"].get("page_id")
        if page and "@" in page:
            event.asdict()["payload"]["page_id"] = "***"
        return event

    sdk = make_sdk(transport=transport, context=config.Context(), before_send=scrub)
    sdk.track(config.EventPageOpen(page_id=SECRET))
    sdk.track(config.EventPageOpen(page_id="start"))
    assert sdk.flush(timeout=DEADLINE)
    payloads = [event.payload for batch in transport.batches for event in batch.events]
    messages = [config.EventPayloadMessage.FromString(payload) for payload in payloads]
    number = config.EventPageOpen.event_type_id
    assert [getattr(m, f"event_{number}").page_id for m in messages] == ["***", "start"]
    assert not any(SECRET.encode() in request.body for request in transport.requests)
    assert sdk.stats().dropped == {}


def test_it_may_return_another_event(make_sdk: MakeSdk, transport: InMemoryTransport) -> None:
    class Foreign:
        def serialize_header(self) -> bytes:
            return b""

        def serialize_payload(self) -> bytes:
            return b"foreign"

    sdk = make_sdk(transport=transport, before_send=lambda _event, _context: Foreign())
    sdk.track(TextEvent("own"))
    assert sent(sdk, transport) == ["foreign"]


def test_event_that_it_drops_is_counted_and_told_to_nobody(
    make_sdk: MakeSdk, transport: InMemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[object] = []
    sdk = make_sdk(
        transport=transport,
        before_send=lambda event, _context: None if event.text == "secret" else event,
        on_error=lambda *error: told.append(error),
    )
    for text in "a", "secret", "b", "secret":
        sdk.track(TextEvent(text))
    assert sent(sdk, transport) == ["a", "b"]
    assert sdk.shutdown(timeout=DEADLINE)
    stats = sdk.stats()
    assert stats.dropped == {"before_send": 2}
    assert (stats.accepted, stats.delivered, stats.dropped_after_acceptance) == (2, 2, 0)
    assert not any(batch.HasField("telemetry") for batch in transport.batches)
    assert told == []
    assert sdk.last_serialization_error is None
    assert not [line for line in caplog.messages if "before_send" in line or "drop" in line]


def noting(contexts: list[Any]) -> Callable[[Any, Any], Any]:
    """Return a hook that changes nothing, and notes the contexts that it is given."""

    def note(event: Any, context: Any) -> Any:
        contexts.append(context)
        return event

    return note


def test_it_gets_the_context_that_the_event_will_carry(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    seen: list[Any] = []
    own, given, later = TextContext("own"), TextContext("given"), TextContext("later")
    sdk = make_sdk(transport=transport, context=own, before_send=noting(seen))
    sdk.track(TextEvent("1"))
    sdk.track(TextEvent("2"), given)
    sdk.context = later
    sdk.track(TextEvent("3"), context=None)
    assert seen == [own, given, later]
    assert sdk.flush(timeout=DEADLINE)
    assert {batch.context.decode() for batch in transport.batches} == {"own", "given", "later"}


def test_it_gets_none_where_there_is_no_context(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    seen: list[Any] = []
    sdk = make_sdk(transport=transport, context=None, before_send=noting(seen))
    sdk.track(TextEvent())
    assert seen == [None]
    assert sdk.stats().dropped == {"serialization_error": 1}
    assert "no context: give track() one" in str(sdk.last_serialization_error)


def test_it_gets_the_context_that_a_subclass_names(transport: InMemoryTransport) -> None:
    class Own(PaltabrainSdk[Any]):
        @property
        def context(self) -> Any:
            return just_now

        @context.setter
        def context(self, _context: Any) -> None:
            pass

    seen: list[Any] = []
    just_now = TextContext("just now")
    with Own("localhost", "key", None, transport=transport, before_send=noting(seen)) as sdk:
        sdk.track(TextEvent())
    assert seen == [just_now]
    assert [batch.context for batch in transport.batches] == [b"just now"]


def test_it_gets_the_context_of_the_scope_before_that_of_a_subclass(
    transport: InMemoryTransport,
) -> None:
    class Own(PaltabrainSdk[Any]):
        @property
        def context(self) -> Any:
            return TextContext("of the class")

        @context.setter
        def context(self, _context: Any) -> None:
            pass

    seen: list[str] = []

    def note(event: Any, context: Any) -> Any:
        seen.append(context.text)
        return event

    with Own("localhost", "key", None, transport=transport, before_send=note) as sdk:
        sdk.track(TextEvent())
        with sdk.scoped_context() as context:
            context.text = "of the scope"
            sdk.track(TextEvent())
    assert seen == ["of the class", "of the scope"]
    assert [batch.context.decode() for batch in transport.batches] == seen


def test_events_are_encoded_natively_after_it(make_sdk: MakeSdk, config: Any) -> None:
    def serialized() -> int:
        calls = 0

        def count(frame: FrameType, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event == "call" and frame.f_code.co_name == "serialize_payload"

        sys.setprofile(count)
        try:
            sdk.track(config.EventPageOpen(page_id="again"))
        finally:
            sys.setprofile(None)
        return calls

    sdk = make_sdk(
        transport=InMemoryTransport(),
        context=config.Context(),
        before_send=lambda event, _context: event,
    )
    is_native = paltabrain_fast.engine == "native"
    assert paltabrain_fast.explain(config.EventPageOpen).accelerated == is_native
    sdk.track(config.EventPageOpen(page_id="first"))  # which is compared with its own bytes
    assert serialized() == (0 if is_native else 1)
    assert sdk.stats().accepted == 2


def test_context_that_cannot_be_asked_is_a_serialization_error(make_sdk: MakeSdk) -> None:
    class Odd(TextContext):
        def __bool__(self) -> bool:
            raise ValueError("neither true nor false")

    sdk = make_sdk(transport=InMemoryTransport(), before_send=lambda event, _context: event)
    sdk.track(TextEvent(), Odd())
    assert sdk.stats().dropped == {"serialization_error": 1}
