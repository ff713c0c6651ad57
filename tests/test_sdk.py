"""The public API, behaviour by behaviour, against a real HTTPS server."""

from __future__ import annotations

import copy
import inspect
import logging
import pickle
import queue
import threading
import time
from typing import Any
from uuid import UUID

import pytest

import paltabrain_fast
from paltabrain_fast import ErrorInfo, InMemoryTransport, PaltabrainSdk

from .support.answers import Answer
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent, UnserializableEvent
from .support.probe import foreign_classes_unreported
from .support.sdk import MakeSdk, assert_balanced, texts

# The constructor


def test_signature_is_the_original_then_keyword_only_options() -> None:
    parameters = list(inspect.signature(PaltabrainSdk).parameters.values())
    positional = [(p.name, p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == [
        ("hostname", None),  # the environment may have it, and the key
        ("api_key", None),
        ("context", ...),  # must be given
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
        ("hostname", "https://host/path", ValueError),
        ("hostname", "user:secret@host", ValueError),
        ("hostname", "host/path", ValueError),
        ("hostname", "host\r\n", ValueError),
        ("hostname", "http://example.com", ValueError),
        ("hostname", None, TypeError),
        ("context", "context", TypeError),
        ("instance_id", 5, TypeError),
        ("session_id", "not a uuid", ValueError),
        ("session_id", 2**63, ValueError),
        ("session_id", 1.5, ValueError),
        ("flush_buffer_size", "100", TypeError),
        ("flush_interval_ms", None, TypeError),
        ("flush_max_retries", float("nan"), ValueError),
        ("buffer_bytes", 1, ValueError),
        ("overflow", "explode", ValueError),
        ("block_timeout_ms", -1, ValueError),
        ("max_in_flight", 0, ValueError),
        ("request_timeout", 0, ValueError),
        ("request_timeout", float("nan"), ValueError),
        ("shutdown_timeout", -1, ValueError),
        ("exit_timeout", None, TypeError),
        ("transport", object(), TypeError),
        ("on_error", "call me", TypeError),
        ("on_error", lambda _only_one: None, TypeError),
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


@pytest.mark.parametrize("key", ["", " s3cret", "s3cret\n", "s3crét", "s3cret\n "])
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


def test_each_context_has_a_batch_in_the_order_of_their_first_events(api: ApiServer, make_sdk: MakeSdk) -> None:
    sdk = make_sdk(api.hostname, max_in_flight=1)
    other = TextContext("other")
    for text, context in [("1", None), ("2", None), ("3", other), ("4", None), ("5", None)]:
        sdk.track(TextEvent(text), context)
    sdk.context.text = "changed"
    sdk.track(TextEvent("6"))
    assert sdk.flush(timeout=30)
    assert [b.context for b in api.batches] == [b"context", b"other", b"changed"]
    assert texts(api) == [["1", "2", "4", "5"], ["3"], ["6"]]
    assert len({batch.common.batch_id for batch in api.batches}) == 3


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
