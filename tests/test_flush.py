"""``flush()``: what it waits for, and for how long."""

from __future__ import annotations

import queue
import threading

import pytest

from paltabrain_fast import DeliveryResult, InMemoryTransport, Request, SendResult
from paltabrain_fast.sdk_pb2 import Batch

from .support.answers import Answer
from .support.api_server import ApiServer
from .support.events import TextEvent
from .support.interruption import everywhere
from .support.sdk import MakeSdk


def test_flush_does_not_wait_and_flush_with_timeout_does(api: ApiServer, make_sdk: MakeSdk) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname)
    try:
        sdk.track(TextEvent())
        assert not sdk.flush()
        assert len(sdk.event_buffer) == 0
        api.wait_for(1)
        assert not sdk.flush(timeout=0.05)
    finally:
        release.set()
    assert sdk.flush(timeout=30)


def test_flush_waits_only_for_what_was_tracked_before(api: ApiServer, make_sdk: MakeSdk) -> None:
    first, second = threading.Event(), threading.Event()
    api.answer = lambda count, _request: Answer(release=second if count else first)
    sdk = make_sdk(api.hostname, flush_buffer_size=1)
    flushed: queue.SimpleQueue[DeliveryResult] = queue.SimpleQueue()
    sdk.track(TextEvent("before"))
    api.wait_for(1)
    waiter = threading.Thread(target=lambda: flushed.put(sdk.flush(timeout=30)))
    waiter.start()
    try:
        sdk.track(TextEvent("after"))
        api.wait_for(2)
        first.set()
        assert flushed.get(timeout=30)
        assert sdk.stats().batches_in_flight == 1
    finally:
        first.set()
        second.set()
        waiter.join()


def test_event_is_settled_at_no_moment_before_it_is_delivered(make_sdk: MakeSdk) -> None:
    """A signal handler that comes anywhere in ``flush`` is told so, by a ``flush`` of its own."""
    arrived: list[str] = []
    told: list[tuple[bool, bool]] = []

    def answer(request: Request) -> SendResult:
        arrived.extend(e.payload.decode() for e in Batch.FromString(request.body).events)
        return SendResult(200)

    def look() -> None:
        settled = sdk.flush()
        told.append((bool(settled), name in arrived))

    sdk = make_sdk(transport=InMemoryTransport(answer))
    for number, interruption in enumerate(everywhere(look)):
        name = str(number)
        sdk.track(TextEvent(name))
        with interruption:
            assert sdk.flush(timeout=30)
        assert name in arrived
    assert not [place for place, (settled, delivered) in enumerate(told) if settled > delivered]
    assert (False, False) in told


@pytest.mark.parametrize("timeout", [-5, 0, 1e10, float("inf")])
def test_any_number_is_a_timeout(make_sdk: MakeSdk, timeout: float) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    assert sdk.flush(timeout=timeout)
    assert sdk.shutdown(timeout=timeout)


def test_deadlines_hold_inside_a_wait_for_a_retry(make_sdk: MakeSdk) -> None:
    """Flush comes back without an outcome, shutdown without waiting it out."""
    retried = InMemoryTransport(lambda _request: SendResult(status=503, retry_after=10.0))
    sdk = make_sdk(transport=retried)
    sdk.track(TextEvent())
    assert not sdk.flush(timeout=0.1)
    assert not sdk.shutdown(timeout=0.1)
    assert len(retried.requests) == 1  # or it would have been made again meanwhile
    assert sdk.stats().dropped == {"deadline": 1}
