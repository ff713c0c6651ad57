"""What ``flush()`` and ``shutdown()`` return: what was delivered, what was lost, and why."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import threading
from dataclasses import asdict, replace
from typing import Any

import pytest

from paltabrain_fast import (
    BatchRejectedError,
    DeliveryResult,
    EventTooLargeError,
    InMemoryTransport,
    Request,
    RetriesExhaustedError,
    SendResult,
)
from paltabrain_fast.errors import AttemptFailedError, AttemptTimedOutError, Diagnosis

from .support.answers import Answer
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent, UnserializableEvent
from .support.interruption import everywhere
from .support.probe import cutting_a_batch, no_threads
from .support.programs import start_program
from .support.sdk import MakeSdk, Sdk
from .support.threads import running


class Refusing(InMemoryTransport):
    """Refuses the batches of one context."""

    def send(self, request: Request) -> SendResult:
        result = super().send(request)
        return SendResult(400) if self.batches[-1].context == b"refused" else result


def test_flush_tells_what_was_delivered_and_what_was_lost_and_why(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=Refusing(), max_in_flight=1)
    for text in "a", "b", "c":
        sdk.track(TextEvent(text))
    sdk.track(TextEvent(), TextContext("refused"))
    result = sdk.flush(timeout=30)
    assert result
    assert result.settled is True
    assert (result.delivered, dict(result.lost), result.pending) == (3, {"rejected": 1}, 0)
    assert isinstance(result.error, BatchRejectedError)


def test_a_person_reads_the_result() -> None:
    assert str(DeliveryResult(True)) == "0 events delivered; 0 lost; 0 pending"
    assert str(DeliveryResult(False, 1, pending=2)) == "1 event delivered; 0 lost; 2 pending"
    result = DeliveryResult(
        True, 412, {"rejected": 3, "too_large": 1}, 0, BatchRejectedError(status=400)
    )
    assert str(result) == (
        "412 events delivered; 4 lost (rejected: 3, too_large: 1); 0 pending; last error: the API"
        " refused the batch with HTTP status 400"
    )


def test_result_cannot_be_changed(make_sdk: MakeSdk) -> None:
    result: Any = make_sdk(transport=InMemoryTransport()).flush()
    with pytest.raises(AttributeError):
        result.settled = True
    with pytest.raises(TypeError, match="cannot be changed"):
        result.lost["rejected"] = 1
    for change in "clear", "pop", "popitem", "setdefault", "update", "__delitem__", "__ior__":
        with pytest.raises(TypeError, match="cannot be changed"):
            getattr(result.lost, change)()


def test_result_and_stats_may_be_kept_anywhere(make_sdk: MakeSdk) -> None:
    """In sets, in other processes, in copies and in JSON."""
    sdk = make_sdk(transport=Refusing())
    sdk.track(TextEvent(), TextContext("refused"))
    result = replace(sdk.flush(timeout=30), error=None)
    for told, counts in (result, "lost"), (sdk.stats(), "dropped"):
        assert getattr(told, counts) == {"rejected": 1}
        for same in pickle.loads(pickle.dumps(told)), copy.copy(told), copy.deepcopy(told):
            assert {told: 1}[same] == 1
            with pytest.raises(TypeError, match="cannot be changed"):
                getattr(same, counts)["rejected"] = 2
        assert json.loads(json.dumps(asdict(told)))[counts] == {"rejected": 1}


@pytest.mark.parametrize(
    "error",
    [
        AttemptFailedError("no answer", Diagnosis("connection", "cause", "remedy")),
        AttemptTimedOutError("no answer in time"),
        BatchRejectedError(400, "schema"),
        RetriesExhaustedError(503, 5),
        EventTooLargeError(None, 5),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_of_a_result_may_be_kept_anywhere(error: Exception) -> None:
    for same in pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error):
        assert type(same) is type(error)
        assert (str(same), same.args, vars(same)) == (str(error), error.args, vars(error))


def test_each_call_tells_of_its_own_time(make_sdk: MakeSdk) -> None:
    answers = iter([400, 200])
    sdk = make_sdk(transport=InMemoryTransport(lambda _request: SendResult(next(answers, 200))))
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30).lost == {"rejected": 1}
    sdk.track(TextEvent())
    result = sdk.flush(timeout=30)
    assert result == DeliveryResult(True, delivered=1)
    assert sdk.flush(timeout=30) == DeliveryResult(True)


def test_events_that_were_refused_meanwhile_are_among_the_lost(make_sdk: MakeSdk) -> None:
    sending, release = threading.Event(), threading.Event()

    def answer(_request: Request) -> SendResult:
        sending.set()
        release.wait(60)
        return SendResult(200)

    sdk = make_sdk(transport=InMemoryTransport(answer))
    sdk.track(UnserializableEvent())  # before the call, and so not in its result
    sdk.track(TextEvent())
    with running(lambda: sdk.flush(timeout=30)) as (flush,):
        assert sending.wait(30)
        sdk.track(UnserializableEvent())
        sdk.track(TextEvent("after"))
        release.set()
        result = flush.result(30)
    assert result == DeliveryResult(True, 1, {"serialization_error": 1}, 1)


def test_flush_without_timeout_tells_what_is_pending(api: ApiServer, make_sdk: MakeSdk) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname)
    try:
        sdk.track(TextEvent())
        assert sdk.flush() == DeliveryResult(False, pending=1)
        sdk.track(TextEvent())
        assert sdk.flush(timeout=0) == DeliveryResult(False, pending=2)
    finally:
        release.set()
    assert sdk.flush(timeout=30) == DeliveryResult(True, delivered=2)


def test_error_says_why_a_batch_is_pending(make_sdk: MakeSdk) -> None:
    fault = ConnectionError("nobody listens")
    sdk = make_sdk(
        transport=InMemoryTransport(lambda _request: SendResult(error=fault, retry_after=1000.0)),
        shutdown_timeout=0,
    )
    sdk.track(TextEvent())
    results = (sdk.flush(timeout=0.01) for _ in range(1000))  # the first may come before the fault
    result = next(result for result in results if result.error)
    assert (bool(result), result.pending) == (False, 1)
    assert result.error is fault
    assert str(result).endswith("1 pending; last error: nobody listens")
    ended = sdk.shutdown(timeout=0)
    assert ended == DeliveryResult(False, 0, {"deadline": 1}, 0, fault)


def test_attempt_that_failed_before_another_succeeded_is_no_error(make_sdk: MakeSdk) -> None:
    answers = iter([503])
    sdk = make_sdk(transport=InMemoryTransport(lambda _request: SendResult(next(answers, 200))))
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30) == DeliveryResult(True, delivered=1)
    assert sdk.stats().retries == 1


def test_last_attempt_is_the_error(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport(lambda _request: SendResult(503))
    sdk = make_sdk(transport=transport, flush_max_retries=2, outage_seconds=0)
    sdk.track(TextEvent())
    result = sdk.flush(timeout=30)
    assert (bool(result), dict(result.lost)) == (True, {"retries_exhausted": 1})
    assert isinstance(result.error, RetriesExhaustedError)
    assert result.error is sdk.last_request_error


def test_what_was_refused_before_is_no_error_of_this_call(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport(lambda _request: SendResult(400)))
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30).error
    sdk.track(UnserializableEvent())
    assert sdk.flush(timeout=30).error is None
    assert sdk.shutdown() == DeliveryResult(True)


def test_shutdown_has_one_result_for_all_who_call_it(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=Refusing())
    sdk.track(TextEvent())
    sdk.track(TextEvent(), TextContext("refused"))
    with running(*[sdk.shutdown] * 4) as shutdowns:
        results = [shutdown.result(60) for shutdown in shutdowns]
    result = sdk.shutdown()
    assert (result.delivered, dict(result.lost), result.pending) == (1, {"rejected": 1}, 0)
    assert all(other is result for other in results)
    assert sdk.flush(timeout=1) == DeliveryResult(True)


def test_shutdown_that_waits_in_vain_for_another_tells_what_it_has_seen(
    make_sdk: MakeSdk,
) -> None:
    sending, release = threading.Event(), threading.Event()

    def hang(_request: Request) -> SendResult:
        sending.set()
        release.wait(60)
        return SendResult(200)

    sdk = make_sdk(transport=InMemoryTransport(hang))
    sdk.track(TextEvent())
    with running(sdk.shutdown) as (first,):
        assert sending.wait(30)
        assert sdk.shutdown(timeout=0.05) == DeliveryResult(False, pending=1)
        release.set()
        assert first.result(30) == DeliveryResult(True, delivered=1)


def test_shutdown_without_threads_has_a_result(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=Refusing())
    with no_threads():
        sdk.track(TextEvent(), TextContext("refused"))
        assert sdk.flush(timeout=30).lost == {"rejected": 1}
        sdk.track(TextEvent())
        assert sdk.shutdown() == DeliveryResult(True, delivered=1)


def test_disabled_sdk_has_nothing_to_tell(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(disabled=True)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30) == sdk.shutdown() == DeliveryResult(True)


@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_handler_that_may_not_wait_gets_a_result_at_once(make_sdk: MakeSdk, call: str) -> None:
    """Whatever thread takes events from the buffer just now."""

    class Calling(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            results.append(getattr(sdk, call)(timeout=60))

    results: list[DeliveryResult] = []
    sdk = make_sdk(transport=InMemoryTransport())
    sdk.logger = logging.Logger("calling", logging.WARNING)
    sdk.logger.addHandler(Calling())
    sdk.track(TextEvent())
    with cutting_a_batch(sdk):
        sdk.track(UnserializableEvent())
    assert results[0] == DeliveryResult(False, pending=1)


def test_child_that_returns_into_the_flush_of_its_parent_is_told_of_nothing() -> None:
    done = start_program("fork/result_in_child")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "child: 0 events delivered; 0 lost; 0 pending",
        "parent: 1 event delivered; 1 lost (serialization_error: 1); 0 pending",
    ]


def test_exit_of_a_sender_thread_is_an_error(make_sdk: MakeSdk) -> None:
    def leave(_request: Request) -> SendResult:
        raise SystemExit(7)

    sdk = make_sdk(transport=InMemoryTransport(leave))
    sdk.track(TextEvent())
    result = sdk.flush(timeout=30)
    assert result.lost == {"internal_error": 1}
    assert str(result.error) == "SystemExit(7)"


def test_handler_anywhere_in_flush_gets_a_result_at_once(make_sdk: MakeSdk) -> None:
    """Of its own time, in which less can have happened than in that of the call around it."""

    def look() -> None:
        results.append(sdk.flush(timeout=30))

    sdk: Sdk = make_sdk(transport=InMemoryTransport())
    results: list[DeliveryResult] = []
    for interruption in everywhere(look):
        results.clear()
        sdk.track(TextEvent())
        with interruption:
            outer = sdk.flush(timeout=30)
        assert outer
        for result in results:
            assert result.delivered <= 1
            assert result.delivered + result.pending <= 1
            assert not result.lost
