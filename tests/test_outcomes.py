"""What becomes of a batch: delivered, refused, retried, given up; and what is said of it."""

from __future__ import annotations

import gc
import logging
import queue
import threading
import weakref
from dataclasses import dataclass

import pytest

from paltabrain_fast import (
    BatchRejectedError,
    ErrorInfo,
    EventTooLargeError,
    InMemoryTransport,
    PaltabrainSdk,
    RetriesExhaustedError,
    SendResult,
)
from paltabrain_fast.transport import Request

from .support.answers import Answer, Fault
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent, UnserializableEvent
from .support.probe import await_end_of_other_senders, before_telling_ends
from .support.sdk import MakeSdk, Sdk, assert_balanced


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
    errors: queue.SimpleQueue[tuple[Exception, ErrorInfo]] = queue.SimpleQueue()
    api.answer = lambda _count, _request: Answer(503)
    sdk = make_sdk(
        api.hostname,
        flush_max_retries=retries,
        outage_seconds=0,
        on_error=lambda *told: errors.put(told),
    )
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert len(api.requests) == attempts
    assert sdk.batch_counters == {"SUCCESS": 0, "REJECT": 0, "EXCEPTION": 1}
    assert isinstance(sdk.last_request_error, RetriesExhaustedError)
    batch_id = api.batches[0].common.batch_id
    info = ErrorInfo("retries_exhausted", 1, batch_id=batch_id)
    assert errors.get(timeout=30) == (sdk.last_request_error, info)
    assert sdk.stats().dropped == {"retries_exhausted": 1}
    assert (
        "paltabrain_sdk.sdk",
        logging.WARNING,
        f"Batch: {batch_id}, Status: EXCEPTION, Reason: HTTP status 503 after {attempts} attempts",
    ) in caplog.record_tuples
    assert_balanced(sdk)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 413])
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
    sdk = make_sdk("localhost:1", flush_max_retries=2, outage_seconds=0)
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
    shown = [sdk, *vars(sdk).values(), transport, *transport.requests, sdk.stats()]
    assert "s3cret" not in "".join(map(repr, shown))


def test_transport_that_raises_is_an_exception(make_sdk: MakeSdk) -> None:
    def explode(_request: Request) -> SendResult:
        raise LookupError("transport")

    sdk = make_sdk(transport=InMemoryTransport(explode), flush_max_retries=1, outage_seconds=0)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert isinstance(sdk.last_request_error, LookupError)


@pytest.mark.parametrize("error", [SystemExit("out"), GeneratorExit()])
def test_on_error_is_told_of_a_batch_that_is_lost_to_a_fault(
    make_sdk: MakeSdk, error: BaseException
) -> None:
    def fail(_request: Request) -> SendResult:
        raise error

    told: list[tuple[Exception, ErrorInfo]] = []
    sdk = make_sdk(
        transport=InMemoryTransport(fail), on_error=lambda *arguments: told.append(arguments)
    )
    sdk.track(TextEvent())
    assert sdk.shutdown(timeout=30)
    ((failure, info),) = told
    assert failure is sdk.last_request_error
    assert type(error).__name__ in str(failure)
    assert (info.reason, info.events) == ("internal_error", 1)


def test_failed_event_does_not_keep_the_sdk_that_is_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The traceback of the error that is kept would lead to the caller, who has the SDK."""

    def track() -> tuple[weakref.ref[Sdk], Exception | None]:
        sdk: Sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
        sdk.track(TextEvent())
        sdk.track(UnserializableEvent())
        return weakref.ref(sdk), sdk.last_serialization_error

    caplog.set_level(logging.CRITICAL, "paltabrain_sdk.sdk")  # whose records have the traceback
    forgotten, error = track()
    gc.collect()
    assert isinstance(error, ValueError)
    assert forgotten() is None


def test_exception_that_is_being_handled_keeps_its_traceback(make_sdk: MakeSdk) -> None:
    """The service raises it again after it has tracked: the event's error is ours, this is not."""
    sdk = make_sdk(transport=InMemoryTransport())

    def fail() -> None:
        raise LookupError

    def handle() -> None:
        try:
            fail()
        except LookupError:
            sdk.track(UnserializableEvent())
            raise

    with pytest.raises(LookupError) as raised:
        handle()
    assert raised.traceback[-1].name == "fail"


def test_error_of_an_event_keeps_its_traceback_as_text(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    """In a note, once, however often the same error is raised; the log line has the real one."""
    same = ValueError("raised again and again")
    same.add_note("the user's own")
    told: queue.SimpleQueue[Exception] = queue.SimpleQueue()

    class FailingEvent(TextEvent):
        def serialize_payload(self) -> bytes:
            return self.look_up()

        def look_up(self) -> bytes:
            try:
                return dict[str, bytes]()["missing"]
            except KeyError as error:
                raise same from error

    sdk = make_sdk(transport=InMemoryTransport(), on_error=lambda error, _: told.put(error))
    for _ in range(3):
        sdk.track(FailingEvent())
        assert told.get(timeout=30) is same is sdk.last_serialization_error
        assert (same.__traceback__, same.__cause__, same.__context__) == (None, None, None)
        own, note = same.__notes__
        assert own == "the user's own"
        assert "Traceback (most recent call last)" in note
        assert 'return dict[str, bytes]()["missing"]' in note
        assert "raise same from error" in note
        assert note.count("in look_up") == 2
    record = next(each for each in caplog.records if each.exc_text)
    assert "in look_up" in str(record.exc_text)
    assert "Where the event was skipped" not in str(record.exc_text)


def test_traceback_in_a_note_has_an_end(make_sdk: MakeSdk) -> None:
    class DeepEvent(TextEvent):
        def serialize_payload(self) -> bytes:
            return self.even(300)

        def even(self, depth: int) -> bytes:
            return self.odd(depth - 1)

        def odd(self, depth: int) -> bytes:
            if not depth > 0:
                raise ValueError("deep")
            return self.even(depth)

    sdk = make_sdk(transport=InMemoryTransport())
    sdk.track(DeepEvent())
    assert sdk.last_serialization_error is not None
    (note,) = sdk.last_serialization_error.__notes__
    assert note.endswith("ValueError: deep")
    assert note.count("in even") == 25


def test_error_that_cannot_be_changed_is_told(make_sdk: MakeSdk) -> None:
    @dataclass(frozen=True)
    class FrozenError(Exception):
        pass

    class FrozenEvent(TextEvent):
        def serialize_payload(self) -> bytes:
            raise FrozenError

    errors: queue.Queue[Exception] = queue.Queue()
    sdk = make_sdk(transport=InMemoryTransport(), on_error=lambda error, _: errors.put(error))
    sdk.track(FrozenEvent())
    assert isinstance(errors.get(timeout=30), FrozenError)


def test_on_error_is_told_of_a_batch_that_fails_after_the_shutdown(make_sdk: MakeSdk) -> None:
    """``shutdown()`` does not give up a batch whose outcome is known, and only being logged."""
    logged, release = threading.Event(), threading.Event()

    def hold(record: logging.LogRecord) -> bool:
        if "REJECT" in record.getMessage():
            logged.set()
            release.wait(60)
        return True

    told: queue.SimpleQueue[ErrorInfo] = queue.SimpleQueue()
    sdk = make_sdk(
        transport=InMemoryTransport(lambda _request: SendResult(400)),
        on_error=lambda _error, info: told.put(info),
    )
    level = sdk.logger.level
    sdk.logger.setLevel(logging.INFO)
    sdk.logger.addFilter(hold)
    try:
        sdk.track(TextEvent())
        sdk.flush()
        assert logged.wait(30)
        assert not sdk.shutdown(timeout=0)
        release.set()
        assert told.get(timeout=30).reason == "rejected"
    finally:
        release.set()
        sdk.logger.removeFilter(hold)
        sdk.logger.setLevel(level)
    assert sdk.stats().dropped == {"rejected": 1}


def test_error_that_comes_while_on_error_returns_is_told_before_shutdown_returns(
    make_sdk: MakeSdk,
) -> None:
    """Other threads leave it to the one that tells, which must look once more at its end."""
    told: list[Exception] = []
    sdk: Sdk = make_sdk(
        transport=InMemoryTransport(), on_error=lambda error, _info: told.append(error)
    )
    shutting_down, ended = threading.Thread(target=sdk.shutdown), threading.Event()

    def track_and_shut_down() -> None:
        if len(told) == 1:
            tracking = threading.Thread(target=sdk.track, args=(UnserializableEvent(),))
            tracking.start()
            tracking.join(30)
            shutting_down.start()
            await_end_of_other_senders(sdk)
            ended.set()

    with before_telling_ends(sdk, track_and_shut_down):
        sdk.track(UnserializableEvent())
        assert ended.wait(60)
        shutting_down.join(30)
    assert not shutting_down.is_alive()
    assert len(told) == 2


@pytest.mark.parametrize("large", ["event", "context", "both"])
def test_event_that_is_too_large_is_named_and_told(
    make_sdk: MakeSdk,
    caplog: pytest.LogCaptureFixture,
    large: str,
) -> None:
    """Refused by ``track()``, or found only when a batch is cut: then its class is not known."""
    told: queue.Queue[tuple[Exception, ErrorInfo]] = queue.Queue()
    sdk = make_sdk(
        transport=InMemoryTransport(), on_error=lambda error, info: told.put((error, info))
    )
    text, context = "x", TextContext("y")
    if large != "context":
        text = "x" * (600_000 if large == "event" else 300_000)
    if large != "event":
        context = TextContext("y" * (600_000 if large == "context" else 300_000))
    sdk.track(TextEvent(text), context)
    assert sdk.flush(timeout=30)
    error, info = told.get(timeout=30)
    assert isinstance(error, EventTooLargeError)
    assert error.limit == 524_288
    if large == "both":
        assert (info, error.size) == (ErrorInfo("too_large", 1), None)
        line = "event too large (524288 fit into a batch)"
    else:
        assert info == ErrorInfo("too_large", 1, event_class="TextEvent")
        assert error.size == 600_001
        line = (
            "event [TextEvent] too large (600001 bytes with its context, 524288 fit into a batch)"
        )
    assert sdk.shutdown()
    assert f"{line}: 1 event lost; make the event or its context smaller" in caplog.messages
    assert sdk.stats().dropped == {"too_large": 1}
    assert_balanced(sdk)
