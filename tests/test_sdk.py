"""The public API, behaviour by behaviour, against a real HTTPS server."""

from __future__ import annotations

import copy
import inspect
import logging
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import paltabrain_fast
from paltabrain_fast import (
    BatchRejectedError,
    InMemoryTransport,
    PaltabrainSdk,
    RetriesExhaustedError,
    SendResult,
)
from paltabrain_fast._protocol import FramedBatch
from paltabrain_fast.transport import Request

from .support.answers import Answer, Fault
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent

Sdk = PaltabrainSdk[Any]
MakeSdk = Callable[..., Sdk]


def texts(api: ApiServer | InMemoryTransport) -> list[list[str]]:
    return [[event.payload.decode() for event in batch.events] for batch in api.batches]


def assert_balanced(sdk: Sdk) -> None:
    stats = sdk.stats()
    assert (
        stats.accepted == stats.delivered + stats.dropped_after_acceptance + stats.pending_events
    ), stats


class UnserializableEvent(TextEvent):
    def serialize_payload(self) -> bytes:
        raise ValueError("no such value")


# The constructor


def test_signature_is_the_original_then_keyword_only_options() -> None:
    parameters = list(inspect.signature(PaltabrainSdk).parameters.values())
    positional = [(p.name, p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == [
        ("hostname", inspect.Parameter.empty),
        ("api_key", inspect.Parameter.empty),
        ("context", inspect.Parameter.empty),
        ("instance_id", None),
        ("session_id", None),
        ("start_session", False),
        ("flush_buffer_size", 100),
        ("flush_interval_ms", 5000),
        ("flush_max_retries", 5),
    ]
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters[len(positional) :])


def test_subscripted_class_constructs() -> None:
    sdk = PaltabrainSdk[TextContext](
        "localhost", "key", TextContext(), transport=InMemoryTransport()
    )
    assert isinstance(sdk, PaltabrainSdk)
    assert sdk.shutdown()


def test_instance_id_is_given_or_a_new_uuid(make_sdk: MakeSdk) -> None:
    assert make_sdk(instance_id="mine").instance_id == "mine"
    first, second = make_sdk().instance_id, make_sdk().instance_id
    assert UUID(first).version == UUID(second).version == 7
    assert first != second


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("hostname", "https://host", ValueError),
        ("hostname", "user:secret@host", ValueError),
        ("hostname", "host/path", ValueError),
        ("hostname", "host\r\n", ValueError),
        ("hostname", "http://example.com", ValueError),
        ("hostname", None, TypeError),
        ("context", None, TypeError),
        ("instance_id", 5, TypeError),
        ("session_id", "not a uuid", ValueError),
        ("session_id", 2**63, ValueError),
        ("session_id", 1.5, ValueError),
        ("flush_buffer_size", 0, ValueError),
        ("flush_buffer_size", "100", TypeError),
        ("flush_interval_ms", True, TypeError),
        ("flush_max_retries", -1, ValueError),
        ("buffer_bytes", 1, ValueError),
        ("overflow", "explode", ValueError),
        ("max_in_flight", 0, ValueError),
        ("request_timeout", 0, ValueError),
        ("request_timeout", float("nan"), ValueError),
        ("shutdown_timeout", -1, ValueError),
        ("exit_timeout", None, TypeError),
        ("transport", object(), TypeError),
        ("on_error", "call me", TypeError),
    ],
)
def test_bad_option_is_named_with_its_value(
    option: str, value: object, error: type[Exception]
) -> None:
    options: dict[str, Any] = {"hostname": "host", "api_key": "s3cret", "context": TextContext()}
    with pytest.raises(error, match=option) as caught:
        PaltabrainSdk(**options | {option: value})
    assert repr(value) in str(caught.value) or type(value).__name__ in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("key", ["", " s3cret", "s3cret\n", "s3crét"])
def test_bad_api_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="api_key") as caught:
        PaltabrainSdk("host", key, TextContext())
    assert "s3c" not in str(caught.value)


def test_disabled_starts_nothing_and_drops_silently(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = InMemoryTransport()
    disabled = make_sdk(transport=transport, disabled=True, flush_buffer_size=1)
    monkeypatch.setenv("PALTABRAIN_SDK_DISABLED", "1")
    disabled_too = make_sdk(transport=transport, flush_buffer_size=1)
    threads = threading.active_count()
    for sdk in disabled, disabled_too:
        sdk.track(UnserializableEvent())
        sdk.track(TextEvent())
        assert sdk.flush(timeout=10)
        assert sdk.stats().accepted == 0
    assert threading.active_count() == threads
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file")
    make_sdk(disabled=True)
    assert transport.requests == []


# Sessions


@pytest.mark.parametrize(
    ("given", "on_the_wire"),
    [
        (5, 5),
        (-(2**63), -(2**63)),
        (2**63 - 1, 2**63 - 1),
        ("01890a5d-ac96-774b-bcce-b302099a8057", 0x01890A5DAC96),
        ("f1a1d6ae-0369-496a-8de9-2afcc964207b", 0xF1A1D6AE0369496A >> 1),
        (0, None),
        (None, None),
    ],
)
def test_session_id_on_the_wire(
    api: ApiServer, make_sdk: MakeSdk, given: int | str | None, on_the_wire: int | None
) -> None:
    sdk = make_sdk(api.hostname, session_id=given)
    assert sdk.session_id == given
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    common = api.batches[0].events[0].common
    assert common.HasField("session_id") == (on_the_wire is not None)
    assert common.session_id == (on_the_wire or 0)
    assert common.session_event_seq_num == (0 if on_the_wire is None else 1)


def test_start_session_makes_a_uuid_whose_time_is_sent(api: ApiServer, make_sdk: MakeSdk) -> None:
    before = time.time_ns() // 1_000_000
    sdk = make_sdk(api.hostname, start_session=True)
    assert isinstance(sdk.session_id, str)
    assert UUID(sdk.session_id).version == 7
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    sent = api.batches[0].events[0].common.session_id
    assert before <= sent <= time.time_ns() // 1_000_000
    assert sent == UUID(sdk.session_id).int >> 80
    assert make_sdk(session_id=7, start_session=True).session_id == 7


def test_events_are_numbered_over_all_threads(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk(api.hostname, session_id=1, flush_buffer_size=50)
    start = threading.Barrier(4)

    def work(thread: int) -> None:
        start.wait(30)
        for number in range(250):
            sdk.track(TextEvent(f"{thread}:{number}"))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sdk.flush(timeout=30)
    events = sorted(
        (event for batch in api.batches for event in batch.events),
        key=lambda event: event.common.session_event_seq_num,
    )
    assert [event.common.session_event_seq_num for event in events] == list(range(1, 1001))
    assert sdk.session_event_seq_num == 1000
    for thread_index in range(4):  # the numbers keep each thread's own order
        own = [event.payload.decode() for event in events]
        own = [text for text in own if text.startswith(f"{thread_index}:")]
        assert own == [f"{thread_index}:{number}" for number in range(250)]


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
    errors: list[Exception] = []
    sdk = make_sdk(api.hostname, on_error=errors.append, session_id=1)
    sdk.track(TextEvent("first"))
    sdk.track(UnserializableEvent())
    sdk.track(object())
    sdk.track(None)
    sdk.track(TextEvent("second"))
    assert sdk.flush(timeout=30)
    assert texts(api) == [["first", "second"]]
    assert isinstance(errors[0], ValueError)
    assert isinstance(sdk.last_serialization_error, AttributeError)
    record = next(r for r in caplog.records if "UnserializableEvent" in r.getMessage())
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
    def explode(_argument: object) -> bool:
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


def test_full_buffer_drops_the_new_event_and_says_so_once(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, buffer_bytes=65_536, flush_buffer_size=10**9)
    for number in range(200):
        sdk.track(TextEvent(f"{number:01000}"))
    stats = sdk.stats()
    assert stats.pending_bytes <= 65_536
    assert 0 < stats.accepted < 200
    assert stats.dropped == {"buffer_full": 200 - stats.accepted}
    assert [r.levelname for r in caplog.records].count("WARNING") == 1
    assert sdk.flush(timeout=30)
    kept = [text for batch in texts(transport) for text in batch]
    assert kept == [f"{number:01000}" for number in range(stats.accepted)]
    sdk.track(TextEvent("room again"))
    assert sdk.flush(timeout=30)
    assert_balanced(sdk)


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


def test_events_on_other_base_classes_are_sent_with_one_hint(
    api: ApiServer,
    make_sdk: MakeSdk,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class ForeignEvent:
        def serialize_header(self) -> bytes:
            return b""

        def serialize_payload(self) -> bytes:
            return b"foreign"

    monkeypatch.setattr("paltabrain_fast.sdk._foreign_classes_reported", False)
    sdk = make_sdk(api.hostname)
    sdk.track(ForeignEvent())
    sdk.track(ForeignEvent())
    assert sdk.flush(timeout=30)
    assert texts(api) == [["foreign", "foreign"]]
    hints = [r for r in caplog.records if "install_as_paltabrain_sdk" in r.getMessage()]
    assert len(hints) == 1


# Batches


def test_request_is_as_the_protocol_says(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk(api.hostname, api_key="the key", instance_id="the instance")
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    (request,) = api.requests
    assert (request.method, request.path) == ("POST", "/v2/paltabrain")
    headers = {name: value for name, value in request.headers.items() if "X-" in name}
    del headers["X-SDK-Client-Upload-TS"]
    assert headers == {
        "X-API-Key": "the key",
        "X-SDK-Name": "PALTABRAIN_PYTHON",
        "X-SDK-Version": paltabrain_fast.__version__,
    }
    assert request.headers["Content-Type"] == "application/protobuf"
    common = request.batch.common
    assert common.instance_id == "the instance"
    assert UUID(common.batch_id).version == 7
    assert not request.batch.HasField("telemetry")


def test_change_of_context_starts_a_batch_in_order(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk(api.hostname, max_in_flight=1)
    other = TextContext("other")
    for text, context in [("1", None), ("2", None), ("3", other), ("4", None), ("5", None)]:
        sdk.track(TextEvent(text), context)
    sdk.context.text = "changed"
    sdk.track(TextEvent("6"))
    assert sdk.flush(timeout=30)
    assert [b.context for b in api.batches] == [b"context", b"other", b"context", b"changed"]
    assert texts(api) == [["1", "2"], ["3"], ["4", "5"], ["6"]]
    assert len({batch.common.batch_id for batch in api.batches}) == 4


def test_flush_starts_when_the_buffer_has_the_given_size(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk(api.hostname, flush_buffer_size=3)
    sdk.track(TextEvent("1"))
    sdk.track(TextEvent("2"))
    assert len(sdk.event_buffer) == 2
    sdk.track(TextEvent("3"))
    api.wait_for(1)
    assert texts(api) == [["1", "2", "3"]]


def test_flush_starts_when_the_interval_is_over(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk(api.hostname, flush_interval_ms=1)
    sdk.track(TextEvent())
    api.wait_for(1)


def test_twenty_requests_run_in_parallel(api: ApiServer, make_sdk: MakeSdk) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname, max_in_flight=30)
    try:
        for number in range(25):
            sdk.track(TextEvent(), TextContext(str(number)))
        assert not sdk.flush()
        api.wait_for(20)
        assert sdk.stats().requests == 20
        assert sdk.stats().batches_in_flight == 25
    finally:
        release.set()
    assert sdk.flush(timeout=30)
    assert len(api.requests) == 25
    assert api.connections <= 20


def test_connections_are_reused(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk(api.hostname, max_in_flight=2)
    for number in range(100):
        sdk.track(TextEvent(), TextContext(str(number)))
    assert sdk.flush(timeout=30)
    assert len(api.requests) == 100
    assert api.connections <= 2


# Outcomes


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_retry_has_the_same_bytes_and_id(api: ApiServer, make_sdk: MakeSdk, status: int) -> None:
    api.answer = lambda count, _request: Answer(status if count == 0 else 200)
    sdk = make_sdk(api.hostname)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    first, second = api.requests
    assert first.body == second.body
    stats = sdk.stats()
    assert (stats.requests, stats.retries, stats.delivered) == (2, 1, 1)
    assert sdk.batch_counters == {"SUCCESS": 1, "REJECT": 0, "EXCEPTION": 0}
    assert sdk.last_request_error is None


def test_reset_connection_is_retried(api: ApiServer, make_sdk: MakeSdk) -> None:
    api.answer = lambda count, _request: Answer(fault=None if count else Fault.RESET)
    sdk = make_sdk(api.hostname)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert len(api.requests) == 2
    assert sdk.stats().delivered == 1


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 1), (3, 3)])
def test_exhausted_retries_are_an_exception(
    api: ApiServer,
    make_sdk: MakeSdk,
    caplog: pytest.LogCaptureFixture,
    retries: int,
    attempts: int,
) -> None:
    errors: queue.SimpleQueue[Exception] = queue.SimpleQueue()
    api.answer = lambda _count, _request: Answer(503)
    sdk = make_sdk(api.hostname, flush_max_retries=retries, on_error=errors.put)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert len(api.requests) == attempts
    assert sdk.batch_counters == {"SUCCESS": 0, "REJECT": 0, "EXCEPTION": 1}
    assert isinstance(sdk.last_request_error, RetriesExhaustedError)
    assert errors.get(timeout=30) is sdk.last_request_error
    assert sdk.stats().dropped == {"exception": 1}
    batch_id = api.batches[0].common.batch_id
    assert (
        "paltabrain_sdk.sdk",
        logging.WARNING,
        f"Batch: {batch_id}, Status: EXCEPTION, Reason: HTTP status 503 after {attempts} attempts",
    ) in caplog.record_tuples
    assert_balanced(sdk)


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 401, 403, 404, 413])
def test_refusal_is_not_retried(
    api: ApiServer, make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.INFO, "paltabrain_sdk")
    target = {"Location": f"https://{api.hostname}/elsewhere"} if 300 <= status < 400 else {}
    api.answer = lambda _count, _request: Answer(status, headers=target)
    sdk = make_sdk(api.hostname)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert len(api.requests) == 1
    assert sdk.batch_counters == {"SUCCESS": 0, "REJECT": 1, "EXCEPTION": 0}
    assert isinstance(sdk.last_request_error, BatchRejectedError)
    assert sdk.last_request_error.status == status
    batch_id = api.batches[0].common.batch_id
    assert (
        "paltabrain_sdk.sdk",
        logging.INFO,
        f"Batch {batch_id}, Status: REJECT, Code: {status}",
    ) in caplog.record_tuples
    assert_balanced(sdk)


def test_unreachable_server_is_an_exception(make_sdk: MakeSdk) -> None:
    sdk = make_sdk("localhost:1", flush_max_retries=2)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert sdk.batch_counters["EXCEPTION"] == 1
    assert isinstance(sdk.last_request_error, Exception)
    assert sdk.stats().requests == 2


def test_success_is_logged(
    api: ApiServer, make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "paltabrain_sdk")
    sdk = make_sdk(api.hostname, api_key="s3cret", instance_id="the instance")
    sdk.track(TextEvent("the payload"))
    assert sdk.flush(timeout=30)
    assert sdk.shutdown()
    batch_id = api.batches[0].common.batch_id
    messages = [(r.levelname, r.getMessage()) for r in caplog.records]
    assert any(
        level == "INFO" and text.startswith(f"Batch {batch_id}, Status: SUCCESS, Time: ")
        for level, text in messages
    )
    assert any(
        level == "DEBUG" and "the instance" in text and "the payload" in text
        for level, text in messages
    )
    assert "s3cret" not in caplog.text


def test_api_key_is_in_no_repr(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, api_key="s3cret")
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    shown = [sdk, sdk._options, transport, *transport.requests, sdk.stats(), sdk._control]
    assert "s3cret" not in "".join(map(repr, shown))


def test_transport_that_raises_is_an_exception(make_sdk: MakeSdk) -> None:
    def explode(_request: Request) -> SendResult:
        raise LookupError("transport")

    sdk = make_sdk(transport=InMemoryTransport(explode), flush_max_retries=1)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert isinstance(sdk.last_request_error, LookupError)


# flush() and shutdown()


def test_flush_does_not_wait_and_flush_with_timeout_does(api: ApiServer, make_sdk: MakeSdk) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname)
    try:
        sdk.track(TextEvent())
        assert sdk.flush() is False
        assert len(sdk.event_buffer) == 0
        api.wait_for(1)
        assert sdk.flush(timeout=0.05) is False
    finally:
        release.set()
    assert sdk.flush(timeout=30) is True


def test_flush_waits_only_for_what_was_tracked_before(api: ApiServer, make_sdk: MakeSdk) -> None:
    first, second = threading.Event(), threading.Event()
    api.answer = lambda count, _request: Answer(release=second if count else first)
    sdk = make_sdk(api.hostname, flush_buffer_size=1)
    flushed: queue.SimpleQueue[bool] = queue.SimpleQueue()
    sdk.track(TextEvent("before"))
    api.wait_for(1)
    waiter = threading.Thread(target=lambda: flushed.put(sdk.flush(timeout=30)))
    waiter.start()
    try:
        sdk.track(TextEvent("after"))
        api.wait_for(2)
        first.set()
        assert flushed.get(timeout=30) is True
        assert sdk.stats().batches_in_flight == 1
    finally:
        first.set()
        second.set()
        waiter.join()


def test_event_is_not_settled_between_buffer_and_ledger(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    sender = sdk._control._sender
    submit, seen = sender.submit, []

    def look_then_submit(batch: FramedBatch) -> None:
        seen.append(sdk._control._is_settled(1))
        submit(batch)

    monkeypatch.setattr(sender, "submit", look_then_submit)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert seen == [False]


def test_shutdown_delivers_all_and_ends_the_threads(api: ApiServer, make_sdk: MakeSdk) -> None:
    before = {thread.name for thread in threading.enumerate()}
    sdk = make_sdk(api.hostname)
    for number in range(1000):
        sdk.track(TextEvent(str(number)))
    assert not sdk.is_shutdown
    assert sdk.shutdown()
    assert sdk.is_shutdown
    sent = [text for batch in texts(api) for text in batch]  # batches may overtake each other
    assert sorted(sent, key=int) == [str(n) for n in range(1000)]
    assert not {t.name for t in threading.enumerate() if "paltabrain" in t.name} - before
    assert sdk.shutdown()
    assert sdk.flush(timeout=1)


def test_shutdown_gives_up_at_its_deadline(
    api: ApiServer, make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname, max_in_flight=1)
    try:
        sdk.track(TextEvent("in flight"))
        sdk.flush()
        api.wait_for(1)
        sdk.track(TextEvent("buffered"))
        sdk.track(TextEvent("buffered"))
        assert sdk.shutdown(timeout=0.05) is False
        assert sdk.shutdown() is False
    finally:
        release.set()
    stats = sdk.stats()
    assert stats.dropped == {"shutdown_timeout": 3}
    assert stats.pending_events == 0
    assert_balanced(sdk)
    given_up = [r for r in caplog.records if "not delivered" in r.getMessage()]
    assert [r.getMessage() for r in given_up] == [
        "3 events were not delivered before the shutdown timeout"
    ]


def test_shutdown_interrupts_the_wait_for_a_retry(api: ApiServer, make_sdk: MakeSdk) -> None:
    api.answer = lambda _count, _request: Answer(503, headers={"Retry-After": "3000"})
    sdk = make_sdk(api.hostname)
    sdk.track(TextEvent())
    sdk.flush()
    api.wait_for(1)
    assert sdk.shutdown(timeout=0.2) is False
    sdk._control._sender.stop(time.monotonic() + 30)
    assert not [t for t in threading.enumerate() if "paltabrain-sender" in t.name]
    assert len(api.requests) == 1


def test_after_shutdown_events_are_dropped_with_one_warning(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)
    sdk.shutdown()
    for _ in range(5):
        sdk.track(TextEvent())
    assert sdk.stats().dropped == {"already_shutdown": 5}
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1
    assert len(sdk.event_buffer) == 0
    assert transport.requests == []


def test_context_manager_shuts_down_and_hides_no_exception(api: ApiServer) -> None:
    sdk = PaltabrainSdk(api.hostname, "key", TextContext())

    def use() -> None:
        with sdk:
            sdk.track(TextEvent("sent all the same"))
            raise LookupError("the user's own")

    with pytest.raises(LookupError, match="the user's own"):
        use()
    assert sdk.is_shutdown
    assert texts(api) == [["sent all the same"]]


FORGETFUL = """
import atexit, sys, threading
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent
sdk = PaltabrainSdk(sys.argv[1], "key", TextContext(), exit_timeout=float(sys.argv[2]))
for number in range(10):
    sdk.track(TextEvent(str(number)))

def refuse(_thread):
    raise RuntimeError("can't create new thread at interpreter shutdown")

# as Python 3.12 and later do; exit handlers run last in, first out
atexit.register(setattr, threading.Thread, "start", refuse)
"""


def run_forgetful(hostname: str, exit_timeout: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FORGETFUL, hostname, str(exit_timeout)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parent.parent,
        check=False,
    )


def test_forgotten_shutdown_is_made_up_for_at_exit(api: ApiServer) -> None:
    done = run_forgetful(api.hostname, 30)
    assert (done.returncode, done.stderr) == (0, "")
    assert [text for batch in texts(api) for text in batch] == [str(n) for n in range(10)]


def test_exit_is_bounded_when_nobody_answers(api: ApiServer) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    try:
        done = run_forgetful(api.hostname, 0.1)
    finally:
        release.set()
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


RE_ENTRANT = """
import os, signal, sys, threading
from paltabrain_fast import InMemoryTransport, PaltabrainSdk, SendResult
from tests.support.events import TextContext, TextEvent

class Interrupting(InMemoryTransport):
    def send(self, request):
        if not self.requests:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().send(request)

sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=Interrupting())
nested = []

def handler(_signal, _frame):
    sdk.track(TextEvent())
    nested.append(sdk.shutdown())

signal.signal(signal.SIGTERM, handler)
sdk.track(TextEvent())
"""

INSIDE_SHUTDOWN = """
assert sdk.shutdown() is True
assert nested == [False] and sdk.shutdown() is True, nested
"""

INSIDE_FLUSH = """
take = sdk._engine.take
class Engine:
    def __getattr__(self, name):
        return getattr(sdk._engine, name)
    def __len__(self):
        return len(sdk._engine)
    def take(self, instance_id):
        if not nested:
            os.kill(os.getpid(), signal.SIGTERM)
        return take(instance_id)
sdk._control._engine = Engine()
sdk.flush()
assert set(nested) == {False}, nested
assert sdk.shutdown() is True
assert sdk.stats().delivered == sdk.stats().accepted >= 1
"""


@pytest.mark.parametrize("inside", [INSIDE_SHUTDOWN, INSIDE_FLUSH], ids=["shutdown", "flush"])
def test_shutdown_in_a_signal_handler_does_not_hang(inside: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RE_ENTRANT + inside],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parent.parent,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("timeout", [-5, 0, 1e10, float("inf")])
def test_any_number_is_a_timeout(make_sdk: MakeSdk, timeout: float) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    assert sdk.flush(timeout=timeout)
    assert sdk.shutdown(timeout=timeout)


def test_on_error_may_shut_down(make_sdk: MakeSdk) -> None:
    done: queue.SimpleQueue[bool] = queue.SimpleQueue()
    sdk: Sdk = make_sdk(
        transport=InMemoryTransport(lambda _request: SendResult(status=400)),
        on_error=lambda _error: done.put(sdk.shutdown(timeout=30)),
    )
    sdk.track(TextEvent())
    sdk.flush()
    assert done.get(timeout=30) is True


@pytest.mark.parametrize("where", ["transport", "on_error"])
def test_exit_in_a_sender_thread_costs_one_batch_at_most(make_sdk: MakeSdk, where: str) -> None:
    answers = iter([400])

    def leave(_argument: object) -> SendResult:
        if next(answers, None):
            raise SystemExit(1)
        return SendResult(status=200)

    if where == "transport":
        sdk = make_sdk(transport=InMemoryTransport(leave), max_in_flight=1)
    else:
        statuses = iter([400])
        refuse_once = InMemoryTransport(lambda _request: SendResult(next(statuses, 200)))
        sdk = make_sdk(transport=refuse_once, max_in_flight=1, on_error=leave)
    for text in "first", "second":
        sdk.track(TextEvent(text))
        assert sdk.flush(timeout=30)
    assert sdk.stats().delivered == 1
    assert sdk.stats().dropped_after_acceptance == 1
    assert sdk.shutdown(timeout=30)


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

    with pytest.raises(RecursionError):
        deeper()
    assert not escaped


# Properties


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
        "flush_buffer_size": -1,
        "session_id": "x",
    }.items():
        before = getattr(sdk, name)
        with pytest.raises(ValueError, match=name):
            setattr(sdk, name, value)
        assert getattr(sdk, name) == before
    with pytest.raises(TypeError, match="context"):
        sdk.context = None


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


# Events and contexts


@pytest.mark.parametrize("value", [TextEvent("x"), TextContext("x")])
def test_copies(value: TextEvent | TextContext) -> None:
    for clone in copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value)):
        assert clone.text == "x"
        assert clone.asdict() == value.asdict()


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
