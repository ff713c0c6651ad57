"""What is tried again, when, and what is not."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from paltabrain_fast import (
    BatchRejectedError,
    ErrorInfo,
    InMemoryTransport,
    RetriesExhaustedError,
    SendResult,
)
from paltabrain_fast.sdk_pb2 import Batch
from paltabrain_fast.transport import Request

from .support.answers import Answer, Fault, Received
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent
from .support.probe import (
    attempts_within,
    await_delivery,
    await_stats,
    backoff_drawn_from,
    retry_delay,
    retrying_after,
)
from .support.sdk import MakeSdk, assert_balanced, texts

# When


def delays(attempts: int, retry_after: float | None = None, times: int = 300) -> list[float]:
    return [retry_delay(attempts, retry_after) for _ in range(times)]


@pytest.mark.parametrize(
    ("attempts", "most"), [(1, 0.2), (2, 0.4), (5, 3.2), (10, 10.0), (100_000, 10.0)]
)
def test_backoff_is_exponential_with_full_jitter(attempts: int, most: float) -> None:
    """Delays are spread over the whole range, from 0 on."""
    drawn = delays(attempts)
    assert 0 <= min(drawn) < most * 0.1
    assert most * 0.9 < max(drawn) <= most


@pytest.mark.parametrize(
    ("asked", "delay"), [(7.0, 7.0), (30.0, 30.0), (31.0, 30.0), (float("inf"), 30.0)]
)
def test_retry_after_is_honoured_and_capped(asked: float, delay: float) -> None:
    assert set(delays(1, asked)) == {delay}


@pytest.mark.parametrize("asked", [0.0, 0.5, -1.0, float("nan")])
def test_retry_after_never_shortens_the_backoff(asked: float) -> None:
    with backoff_drawn_from(random.Random(1)):
        backoffs = delays(5)
    least = asked if asked > 0 else 0.0
    with backoff_drawn_from(random.Random(1)):
        assert delays(5, asked) == [max(backoff, least) for backoff in backoffs]


@pytest.mark.parametrize(
    "value",
    ["3000", format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)],
    ids=["seconds", "date"],
)
def test_retry_after_of_a_real_answer(api: ApiServer, make_sdk: MakeSdk, value: str) -> None:
    asked = []

    def shorter(attempts: int, retry_after: float | None) -> float:
        asked.append((attempts, retry_after))
        return 0.0

    api.answer = lambda count, _request: Answer(503 if not count else 200, {"Retry-After": value})
    sdk = make_sdk(api.hostname)
    with retrying_after(shorter):
        sdk.track(TextEvent())
        assert sdk.flush(timeout=30)
    ((attempts, retry_after),) = asked
    assert attempts == 1
    assert retry_after is not None
    assert retry_after >= 3000


def test_upload_time_is_taken_for_each_attempt(make_sdk: MakeSdk) -> None:
    def answer(_request: Request) -> SendResult:
        before = time.time_ns() // 1_000_000
        while time.time_ns() // 1_000_000 == before:
            pass
        return SendResult(status=503, retry_after=0.0)

    transport = InMemoryTransport(answer)
    sdk = make_sdk(transport=transport, flush_max_retries=3, outage_seconds=0)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    times = [int(request.headers["X-SDK-Client-Upload-TS"]) for request in transport.requests]
    assert times[0] < times[1] < times[2]


# What


def test_retry_after_a_lost_answer_repeats_bytes_and_id(api: ApiServer, make_sdk: MakeSdk) -> None:
    """The server has the batch already, which the client cannot know."""
    api.answer = lambda count, _request: Answer(fault=Fault.RESET if count < 2 else None)
    sdk = make_sdk(api.hostname)
    for number in range(10):
        sdk.track(TextEvent(str(number)))
    assert sdk.flush(timeout=30)
    first, second, third = (request.body for request in api.requests)
    assert first == second == third
    assert sdk.stats().delivered == 10


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_status_of_success_is_success(api: ApiServer, make_sdk: MakeSdk, status: int) -> None:
    api.answer = lambda _count, _request: Answer(status)
    sdk = make_sdk(api.hostname)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert sdk.stats().delivered == 1


@attempts_within(20.0)
def test_batch_has_a_deadline_over_all_attempts(make_sdk: MakeSdk) -> None:
    told: list[tuple[Exception, ErrorInfo]] = []
    transport = InMemoryTransport(lambda _request: SendResult(status=503, retry_after=25.0))
    sdk = make_sdk(
        transport=transport,
        flush_max_retries=1000,
        outage_seconds=0,
        request_timeout=60,
        on_error=lambda *arguments: told.append(arguments),
    )
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)  # at once: the next attempt would be after the deadline
    (request,) = transport.requests
    assert request.timeout <= 20.0
    assert sdk.stats().dropped == {"deadline": 1}
    assert sdk.shutdown()
    ((error, info),) = told
    assert isinstance(error, RetriesExhaustedError)
    assert (info.reason, info.events) == ("deadline", 1)


@attempts_within(0.1)
@retrying_after(lambda _attempts, _retry_after: 0.03)
def test_waits_between_attempts_take_the_time_of_the_batch(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport(lambda _request: SendResult(status=503))
    sdk = make_sdk(transport=transport, flush_max_retries=1000, outage_seconds=0)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert 1 < len(transport.requests) <= 4  # 0.1 s are three waits
    assert sdk.stats().dropped == {"deadline": 1}


# Beside each other


def test_hanging_requests_do_not_hold_up_the_rest(api: ApiServer, make_sdk: MakeSdk) -> None:
    release = threading.Event()

    def answer(_count: int, request: Received) -> Answer:
        hangs = request.batch.events[0].payload == b"hang"
        return Answer(release=release if hangs else None)

    api.answer = answer
    sdk = make_sdk(api.hostname, flush_buffer_size=1, max_in_flight=20)
    try:
        for number in range(19):
            sdk.track(TextEvent("hang"), TextContext(str(number)))
        api.wait_for(19)
        for number in range(100):
            sdk.track(TextEvent("go"), TextContext(str(number)))
        api.wait_for(119)
        stats = sdk.stats()
        assert stats.batches_in_flight in (19, 20)
    finally:
        release.set()
    assert sdk.flush(timeout=30)
    assert sdk.stats().delivered == 119


def test_waiting_for_a_retry_holds_no_thread(api: ApiServer, make_sdk: MakeSdk) -> None:
    later = {"Retry-After": "30"}
    api.answer = lambda count, _request: Answer(503, later) if count < 40 else Answer()
    sdk = make_sdk(api.hostname, max_in_flight=100, outage_seconds=0)
    for number in range(60):
        sdk.track(TextEvent(), TextContext(str(number)))
    sdk.flush()
    await_delivery(sdk, 20)
    assert not sdk.shutdown(timeout=0)
    stats = sdk.stats()
    assert (stats.delivered, stats.dropped) == (20, {"deadline": 40})


@retrying_after(lambda *_: 0.05)
def test_retries_come_when_they_are_due_while_new_batches_hang(make_sdk: MakeSdk) -> None:
    release, retried, hanging = threading.Event(), threading.Event(), threading.Semaphore(0)
    seen = []

    def answer(request: Request) -> SendResult:
        (event,) = Batch.FromString(request.body).events
        if event.payload == b"hang":
            hanging.release()
            release.wait(60)
        seen.append(event.payload)
        if seen.count(b"retry") == 1:
            return SendResult(503)
        retried.set()
        return SendResult(200)

    sdk = make_sdk(transport=InMemoryTransport(answer))
    try:
        sdk.track(TextEvent("retry"))
        sdk.flush()
        for number in range(19):
            sdk.track(TextEvent("hang"), TextContext(str(number)))
            sdk.flush()
        assert all(hanging.acquire(timeout=30) for _ in range(19))
        assert retried.wait(30)
        assert seen == [b"retry", b"retry"]
    finally:
        release.set()


# Too large for the API


def refuse_above(events: int) -> Callable[[int, Received], Answer]:
    return lambda _count, request: Answer(413 if len(request.batch.events) > events else 200)


def test_batch_too_large_for_the_api_is_split(api: ApiServer, make_sdk: MakeSdk) -> None:
    api.answer = refuse_above(3)
    sdk = make_sdk(api.hostname, session_id=5, flush_buffer_size=1000)
    for number in range(10):
        sdk.track(TextEvent(str(number)))
    assert sdk.flush(timeout=30)
    accepted = [request for request in api.batches if len(request.events) <= 3]
    events = sorted(
        (event for batch in accepted for event in batch.events),
        key=lambda event: event.common.session_event_seq_num,
    )
    assert [event.payload for event in events] == [b"%d" % n for n in range(10)]
    assert [event.common.session_event_seq_num for event in events] == list(range(1, 11))
    assert {batch.context for batch in api.batches} == {b"context"}
    assert {batch.common.instance_id for batch in api.batches} == {sdk.instance_id}
    ids = [batch.common.batch_id for batch in api.batches]
    assert len(set(ids)) == len(ids)
    stats = sdk.stats()
    assert (stats.delivered, stats.dropped) == (10, {})
    assert stats.batches == {"SUCCESS": len(accepted), "REJECT": 0, "EXCEPTION": 0}
    assert_balanced(sdk)


def test_single_event_too_large_for_the_api_is_dropped(api: ApiServer, make_sdk: MakeSdk) -> None:
    """The other events of its batch are delivered."""
    api.answer = lambda _count, request: Answer(
        413 if any(len(event.payload) > 9 for event in request.batch.events) else 200
    )
    sdk = make_sdk(api.hostname, flush_buffer_size=1000)
    for number in range(8):
        sdk.track(TextEvent("x" * (10 if number == 3 else 1) + str(number)))
    assert sdk.flush(timeout=30)
    stats = sdk.stats()
    assert (stats.delivered, stats.dropped) == (7, {"rejected": 1})
    assert isinstance(sdk.last_request_error, BatchRejectedError)
    assert sdk.last_request_error.status == 413
    assert_balanced(sdk)


def test_flush_waits_for_both_halves(make_sdk: MakeSdk) -> None:
    release = threading.Event()

    def answer(request: Request) -> SendResult:
        texts_ = [event.payload for event in Batch.FromString(request.body).events]
        if texts_ == [b"2"]:
            release.wait(60)
        return SendResult(413 if len(texts_) == 2 else 200)

    transport = InMemoryTransport(answer)
    sdk = make_sdk(transport=transport)
    sdk.track(TextEvent("1"))
    sdk.track(TextEvent("2"))
    try:
        sdk.flush()
        await_delivery(sdk, 1)
        assert not sdk.flush(timeout=0)
        assert_balanced(sdk)
    finally:
        release.set()
    assert sdk.flush(timeout=30)
    assert sorted(texts(transport)) == [["1"], ["1", "2"], ["2"]]


@retrying_after(lambda *_: 0.0)
def test_attempts_that_flush_cuts_short_do_not_exhaust_the_retries(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no thread may start, ``flush()`` sends, and its own timeout ends attempts."""
    monkeypatch.setattr("paltabrain_fast.process.lifetime.may_start_threads", lambda: False)
    results = [SendResult(error=TimeoutError())] * 5 + [SendResult(status=200)]
    sdk = make_sdk(transport=InMemoryTransport(lambda _: results.pop(0)), flush_max_retries=2)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=5)  # less than request_timeout
    assert sdk.stats().delivered == 1


@attempts_within(20.0)
def test_halves_have_the_deadline_of_the_whole(make_sdk: MakeSdk) -> None:
    deadlines: list[float] = []

    def refuse(request: Request) -> SendResult:
        deadlines.append(time.monotonic() + request.timeout)
        if len(deadlines) > 1:
            return SendResult(status=200)
        others.enter_context(attempts_within(300.0))
        return SendResult(status=413)

    sdk = make_sdk(transport=InMemoryTransport(refuse), request_timeout=60)
    with ExitStack() as others:
        sdk.track(TextEvent())
        sdk.track(TextEvent())
        assert sdk.flush(timeout=30)
    assert deadlines == [pytest.approx(deadlines[0], abs=10)] * 3


def test_halves_of_a_batch_that_was_given_up_are_given_up(make_sdk: MakeSdk) -> None:
    """The batch is split while ``shutdown()`` gives up all batches."""
    splitting, given_up = threading.Event(), threading.Event()

    def hold(record: logging.LogRecord) -> bool:
        """No handler, since it is locked while it waits, and ``shutdown()`` logs as well."""
        if "sent in two" in record.getMessage():
            splitting.set()
            assert given_up.wait(30)
        return True

    transport = InMemoryTransport(
        lambda request: SendResult(413 if len(Batch.FromString(request.body).events) > 1 else 503)
    )
    sdk = make_sdk(transport=transport)
    level = sdk.logger.level
    sdk.logger.addFilter(hold)
    sdk.logger.setLevel(logging.INFO)
    try:
        sdk.track(TextEvent())
        sdk.track(TextEvent())
        sdk.flush()
        assert splitting.wait(30)
        assert not sdk.shutdown(timeout=0)
    finally:
        given_up.set()
        sdk.logger.setLevel(level)
        sdk.logger.removeFilter(hold)
    await_stats(sdk, lambda stats: not stats.batches_in_flight)
    assert sdk.stats().dropped == {"deadline": 2}


def test_half_carries_the_telemetry_of_the_whole(api: ApiServer, make_sdk: MakeSdk) -> None:
    api.answer = refuse_above(1)
    sdk = make_sdk(api.hostname, flush_buffer_size=1000)
    sdk.track(TextEvent("x" * 600_000))
    for number in range(4):
        sdk.track(TextEvent(str(number)))
    assert sdk.flush(timeout=30)
    arrived = [batch for batch in api.batches if len(batch.events) == 1]
    assert len(arrived) == 4
    assert sum(batch.telemetry.events_dropped for batch in arrived) == 1
