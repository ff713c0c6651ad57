"""What ``before_send`` raises, and what it returns that is no event: who is told, what is lost."""

from __future__ import annotations

import logging
import queue
from typing import Any, NoReturn

import pytest

from paltabrain_fast import ErrorInfo, InMemoryTransport

from ..support.collection import without_finalizers
from ..support.events import TextEvent, UnserializableEvent
from ..support.sdk import MakeSdk, sent
from ..support.threads import DEADLINE

SECRET = "jane@example.com"


def fail(_event: Any, _context: Any) -> NoReturn:
    raise ValueError(SECRET)


@pytest.mark.parametrize("returned", [True, "event", TextEvent, object(), [TextEvent()]])
def test_what_is_no_event_is_an_error(
    make_sdk: MakeSdk, transport: InMemoryTransport, returned: Any
) -> None:
    sdk = make_sdk(transport=transport, before_send=lambda _event, _context: returned)
    sdk.track(TextEvent())
    assert sent(sdk, transport) == []
    assert sdk.stats().dropped == {"before_send_error": 1}
    error = sdk.last_serialization_error
    assert isinstance(error, TypeError)
    assert "before_send" in str(error)


def test_error_drops_the_event_and_is_told(
    make_sdk: MakeSdk, transport: InMemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    told: queue.SimpleQueue[tuple[Exception, ErrorInfo]] = queue.SimpleQueue()
    sdk = make_sdk(transport=transport, before_send=fail, on_error=lambda *error: told.put(error))
    for _ in range(3):
        sdk.track(TextEvent())
    for _ in range(3):
        error, info = told.get(timeout=DEADLINE)
        assert isinstance(error, ValueError)
        assert info == ErrorInfo("before_send_error", 1, event_class="TextEvent")
    assert sent(sdk, transport) == []
    assert sdk.stats().dropped == {"before_send_error": 3}
    assert isinstance(sdk.last_serialization_error, ValueError)
    (note,) = sdk.last_serialization_error.__notes__
    assert "in fail" in note
    (line,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "Event [TextEvent] was dropped" in line.getMessage()
    assert "before_send" in line.getMessage()
    assert line.exc_info is not None  # with its traceback


def test_warning_says_where_the_hook_has_failed_and_not_with_which_text(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), before_send=fail)
    for _ in range(3):
        sdk.track(TextEvent())
    sdk.shutdown(DEADLINE)
    (line,) = [text for text in caplog.messages if text.startswith("before_send raised")]
    place = f"{__file__}:{fail.__code__.co_firstlineno + 1}"
    assert line.startswith(f"before_send raised ValueError at {place}: 3 events lost; ")
    assert SECRET not in line


def test_each_kind_of_error_is_logged(make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture) -> None:
    errors = [ValueError("a"), KeyError("b"), ValueError("c"), KeyError("d")]

    def fail_in_turn(_event: Any, _context: Any) -> NoReturn:
        raise errors.pop(0)

    sdk = make_sdk(transport=InMemoryTransport(), before_send=fail_in_turn)
    for _ in range(4):
        sdk.track(TextEvent())
    lines = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [type(line.exc_info[1]) for line in lines if line.exc_info] == [ValueError, KeyError]


def test_server_is_told_how_many_events_an_error_has_cost_and_not_its_text(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    def check(event: TextEvent, _context: Any) -> TextEvent:
        return fail(event, None) if SECRET in event.text else event

    sdk = make_sdk(transport=transport, before_send=check)
    sdk.track(TextEvent(SECRET))
    sdk.track(TextEvent("harmless"))
    assert sent(sdk, transport) == ["harmless"]
    (batch,) = transport.batches
    assert batch.telemetry.events_dropped == 1
    assert SECRET.encode() not in transport.requests[0].body


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_passes(
    make_sdk: MakeSdk, transport: InMemoryTransport, raised: type[BaseException]
) -> None:
    def interrupt(event: TextEvent, _context: Any) -> TextEvent:
        if event.text == "interrupted":
            raise raised
        return event

    sdk = make_sdk(transport=transport, before_send=interrupt)
    with pytest.raises(raised):
        sdk.track(TextEvent("interrupted"))
    sdk.track(TextEvent("next"))
    assert sent(sdk, transport) == ["next"]
    assert sdk.stats().dropped == {}


def test_event_that_cannot_be_serialized_is_skipped_after_it(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), before_send=lambda event, _context: event)
    sdk.track(UnserializableEvent())
    assert sdk.stats().dropped == {"serialization_error": 1}


def test_recursion_limit_in_it_sends_nothing(
    make_sdk: MakeSdk, transport: InMemoryTransport
) -> None:
    def endless(event: Any, context: Any) -> Any:
        return endless(event, context)

    sdk = make_sdk(transport=transport, before_send=endless)
    with without_finalizers():
        sdk.track(TextEvent())
    assert sent(sdk, transport) == []
    assert sdk.stats().dropped == {"before_send_error": 1}
