"""``track()``, the properties and the counts of an SDK, against a real HTTPS server."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import Any

import pytest

from paltabrain_fast import ErrorInfo, InMemoryTransport, PaltabrainSdk

from .support.answers import Answer
from .support.api_server import ApiServer
from .support.collection import without_finalizers
from .support.events import TextContext, TextEvent, UnserializableEvent
from .support.probe import foreign_classes_unreported
from .support.sdk import MakeSdk, assert_balanced, texts

# track()


def test_event_and_upload_times_are_unix_milliseconds(api: ApiServer, make_sdk: MakeSdk) -> None:
    before = time.time_ns() // 1_000_000
    sdk = make_sdk(api.hostname)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    after = time.time_ns() // 1_000_000
    request = api.requests[0]
    tracked = request.batch.events[0].common.event_ts
    uploaded = int(request.headers["X-SDK-Client-Upload-TS"])
    assert before <= tracked <= uploaded <= after


def test_tracked_event_is_a_snapshot(api: ApiServer, make_sdk: MakeSdk) -> None:
    context, event = TextContext("before"), TextEvent("before")
    sdk = make_sdk(api.hostname, context=context)
    sdk.track(event)
    context.text = event.text = "after"
    assert sdk.flush(timeout=30)
    assert api.batches[0].context == b"before"
    assert texts(api) == [["before"]]


def test_bad_event_is_logged_and_harms_no_neighbour(
    api: ApiServer, make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    errors: queue.SimpleQueue[tuple[Exception, ErrorInfo]] = queue.SimpleQueue()
    sdk = make_sdk(api.hostname, on_error=lambda *told: errors.put(told), session_id=1)
    sdk.track(TextEvent("first"))
    sdk.track(UnserializableEvent())
    strange: Any
    for strange in object(), None:
        sdk.track(strange)
    sdk.track(TextEvent("second"))
    assert sdk.flush(timeout=30)
    assert texts(api) == [["first", "second"]]
    error, info = errors.get(timeout=30)
    assert isinstance(error, ValueError)
    assert info == ErrorInfo("serialization_error", 1, event_class="UnserializableEvent")
    assert isinstance(sdk.last_serialization_error, AttributeError)
    record = next(r for r in caplog.records if "[UnserializableEvent]" in r.getMessage())
    assert record.name == "paltabrain_sdk.sdk"
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "Event [UnserializableEvent] was skipped due to serialization error"
    )
    assert record.exc_info is not None
    assert sdk.stats().dropped == {"serialization_error": 3}
    assert sdk.session_event_seq_num == 2


def test_serialize_method_that_does_not_return_bytes_is_a_serialization_error(
    api: ApiServer, make_sdk: MakeSdk
) -> None:
    class TextInsteadOfBytes(TextEvent):
        def serialize_payload(self) -> Any:
            return "text"

    sdk = make_sdk(api.hostname)
    sdk.track(TextInsteadOfBytes())
    sdk.track(TextEvent("good"))
    assert sdk.flush(timeout=30)
    assert isinstance(sdk.last_serialization_error, TypeError)
    assert texts(api) == [["good"]]


def test_raising_log_handler_and_callback_do_not_escape(make_sdk: MakeSdk) -> None:
    def explode(*_arguments: object) -> bool:
        raise RuntimeError("handler")

    sdk = make_sdk(transport=InMemoryTransport(), on_error=explode)
    sdk.logger.addFilter(explode)
    try:
        sdk.track(UnserializableEvent())
    finally:
        sdk.logger.removeFilter(explode)
    assert isinstance(sdk.last_serialization_error, ValueError)


def test_base_exception_passes(make_sdk: MakeSdk) -> None:
    class Interrupted(TextEvent):
        def serialize_payload(self) -> bytes:
            raise KeyboardInterrupt

    sdk = make_sdk(transport=InMemoryTransport())
    with pytest.raises(KeyboardInterrupt):
        sdk.track(Interrupted())


def test_track_does_not_raise_at_the_limit_of_recursion(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    event = TextEvent()
    escaped = []

    def probe() -> None:
        """There is room for one more call."""

    def deeper() -> None:
        probe()
        try:
            sdk.track(event)
        except RecursionError as error:
            escaped.append(error)
        deeper()

    with without_finalizers(), pytest.raises(RecursionError):
        deeper()
    assert not escaped


def test_track_completes_while_no_request_is_answered(api: ApiServer, make_sdk: MakeSdk) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname, flush_buffer_size=1, max_in_flight=2)
    try:
        for number in range(100):
            sdk.track(TextEvent(str(number)), TextContext(str(number % 2)))
        api.wait_for(2)
        assert sdk.stats().batches_in_flight == 2
        assert sdk.stats().accepted == 100
        assert_balanced(sdk)
    finally:
        release.set()
    assert sdk.flush(timeout=30)
    assert {text for batch in texts(api) for text in batch} == {str(n) for n in range(100)}
    assert sdk.stats().delivered == 100


@foreign_classes_unreported()
def test_events_on_other_base_classes_are_sent_with_one_hint(
    api: ApiServer,
    make_sdk: MakeSdk,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class ForeignEvent:
        def serialize_header(self) -> bytes:
            return b""

        def serialize_payload(self) -> bytes:
            return b"foreign"

    class AnotherForeignEvent(ForeignEvent):
        pass

    sdk = make_sdk(api.hostname)
    sdk.track(ForeignEvent())
    sdk.track(ForeignEvent())
    sdk.track(AnotherForeignEvent())
    assert sdk.flush(timeout=30)
    assert texts(api) == [["foreign"] * 3]
    hints = [r for r in caplog.records if "install_as_paltabrain_sdk" in r.getMessage()]
    assert len(hints) == 1


def test_same_event_can_be_tracked_twice(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)
    event = TextEvent("twice")
    sdk.track(event)
    sdk.track(event)
    assert sdk.flush(timeout=30)
    assert texts(transport) == [["twice", "twice"]]


def test_overrides_are_obeyed(make_sdk: MakeSdk) -> None:
    class Louder(TextEvent):
        def serialize_payload(self) -> bytes:
            return super().serialize_payload().upper()

        def serialize_header(self) -> bytes:
            return b"header"

    class OtherContext(TextContext):
        def serialize_context(self) -> bytes:
            return b"overridden"

    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=OtherContext())
    sdk.track(Louder("quiet"))
    assert sdk.flush(timeout=30)
    (batch,) = transport.batches
    assert (batch.context, batch.events[0].payload) == (b"overridden", b"QUIET")
    assert batch.events[0].header == b"header"


# Properties and counts


def test_assigned_options_hold_for_later_batches(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk("localhost:1", flush_max_retries=1)
    sdk.hostname = api.hostname
    sdk.api_key = "other key"
    sdk.instance_id = "other instance"
    sdk.session_id = 9
    sdk.context = TextContext("other context")
    sdk.flush_interval_ms = 1000
    sdk.flush_max_retries = 3
    sdk.flush_buffer_size = 1
    sdk.track(TextEvent())
    (request,) = api.wait_for(1)
    assert request.headers["X-API-Key"] == "other key"
    assert request.batch.common.instance_id == "other instance"
    assert request.batch.events[0].common.session_id == 9
    assert request.batch.context == b"other context"
    assert (sdk.hostname, sdk.api_key, sdk.session_id) == (api.hostname, "other key", 9)
    assert (sdk.flush_interval_ms, sdk.flush_max_retries, sdk.flush_buffer_size) == (1000, 3, 1)


def test_assigned_interval_holds_at_once(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk(api.hostname)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    sdk.flush_interval_ms = 1
    sdk.track(TextEvent())
    api.wait_for(2)


def test_assigned_options_are_checked(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    for name, value in {
        "hostname": "a/b",
        "flush_buffer_size": float("nan"),
        "session_id": "x",
    }.items():
        before = getattr(sdk, name)
        with pytest.raises(ValueError, match=name):
            setattr(sdk, name, value)
        assert getattr(sdk, name) == before
    with pytest.raises(TypeError, match="context"):
        sdk.context = "context"


def test_batch_status_names() -> None:
    assert (
        PaltabrainSdk.BATCH_STATUS_SUCCESS,
        PaltabrainSdk.BATCH_STATUS_REJECT,
        PaltabrainSdk.BATCH_STATUS_EXCEPTION,
    ) == ("SUCCESS", "REJECT", "EXCEPTION")


def test_stats_balance_at_all_times(api: ApiServer, make_sdk: MakeSdk) -> None:
    api.answer = lambda count, _request: Answer((200, 400, 503)[count % 3])
    sdk = make_sdk(api.hostname, flush_buffer_size=5, max_in_flight=3, flush_max_retries=2)
    done = threading.Event()

    def work() -> None:
        for number in range(2000):
            sdk.track(TextEvent(str(number)))
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        assert_balanced(sdk)
    thread.join()
    assert sdk.flush(timeout=60)
    assert_balanced(sdk)
    assert sdk.stats().pending_events == 0
    assert sdk.stats().pending_bytes <= len(b"context")  # which may be kept for the next event
    answered = sum(len(r.batch.events) for i, r in enumerate(api.requests) if i % 3 == 0)
    assert sdk.stats().delivered == answered
