"""A server that cannot be reached for a while: nothing is lost, and one batch at a time knocks."""

from __future__ import annotations

import threading
import time

import pytest

from paltabrain_fast import HttpsTransport, InMemoryTransport, SendResult
from paltabrain_fast.transport import Request

from ..support.probe import (
    Delivery,
    JumpingClock,
    await_delivery,
    jumping_clock,
    parked_batches,
    retrying_after,
)
from ..support.sdk import MakeSdk, assert_balanced
from .conftest import Comings
from .watching import BATCHES, Watching, await_parked, track_batches


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("retries", [1, 2])
def test_outage_that_outlasts_all_attempts_loses_nothing(
    comings: Comings, make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture, retries: int
) -> None:
    watching = Watching(HttpsTransport())
    sdk = make_sdk(comings.hostname, transport=watching, flush_max_retries=retries)
    track_batches(sdk)
    watching.await_attempts(BATCHES * retries * 5)
    assert sdk.stats().dropped == {}
    assert sdk.stats().outages == 1
    assert (sdk.stats().outage_age or 0) > 0
    comings.come()
    assert sdk.flush(timeout=30)
    stats = sdk.stats()
    assert (stats.delivered, stats.dropped) == (BATCHES, {})
    assert (stats.outages, stats.outage_age) == (1, None)
    assert stats.requests == watching.attempts.total()
    assert_balanced(sdk)
    assert caplog.text.count("events are kept for up to") == 1
    assert caplog.text.count(" s: 0 events lost") == 1


@pytest.mark.usefixtures("quick")
def test_one_batch_at_a_time_tries_and_the_others_use_up_nothing(make_sdk: MakeSdk) -> None:
    is_down = threading.Event()
    is_down.set()
    watching = Watching(InMemoryTransport(lambda _: SendResult(503 if is_down.is_set() else 200)))
    sdk = make_sdk(transport=watching, flush_max_retries=1)
    track_batches(sdk)
    await_parked(sdk, watching, BATCHES - 1)
    watching.forget()
    watching.await_attempts(BATCHES * 5)
    assert watching.most == 1
    attempts = watching.attempts.values()
    assert max(attempts) - min(attempts) <= 1  # each in its turn
    assert len(Delivery(sdk).threads()) <= 4  # one of them frames
    is_down.clear()
    assert sdk.flush(timeout=30)
    assert sdk.stats().delivered == BATCHES


@pytest.mark.usefixtures("quick")
def test_what_comes_during_an_outage_waits_without_an_attempt(make_sdk: MakeSdk) -> None:
    holding, arrived, go_on = threading.Event(), threading.Semaphore(0), threading.Event()

    def answer(_request: Request) -> SendResult:
        if holding.is_set():
            arrived.release()
            assert go_on.wait(30)
        return SendResult(200 if go_on.is_set() else 503)

    watching = Watching(InMemoryTransport(answer))
    sdk = make_sdk(transport=watching, flush_max_retries=1)
    try:
        track_batches(sdk, 1)
        watching.await_attempts(5)
        holding.set()
        assert arrived.acquire(timeout=30)
        track_batches(sdk, BATCHES)
        deadline = time.monotonic() + 10
        while parked_batches(sdk) < BATCHES:
            assert time.monotonic() < deadline
        assert not arrived.acquire(blocking=False)
    finally:
        go_on.set()
    assert sdk.flush(timeout=30)
    assert sorted(watching.attempts.values())[:-1] == [1] * BATCHES


@pytest.mark.usefixtures("quick")
def test_ever_more_follow_when_the_server_is_back(make_sdk: MakeSdk) -> None:
    is_down, go_on, arrived = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
    is_down.set()

    def answer(_request: Request) -> SendResult:
        if is_down.is_set():
            return SendResult(error=ConnectionError("nobody there"))
        arrived.release()
        assert go_on.acquire(timeout=30)
        return SendResult(200)

    watching = Watching(InMemoryTransport(answer))
    sdk = make_sdk(transport=watching)
    track_batches(sdk, 15)
    await_parked(sdk, watching, 14)
    is_down.clear()
    left = 14
    for wave in (1, 2, 4, 8):
        for _ in range(wave):
            assert arrived.acquire(timeout=30)
        assert parked_batches(sdk) == left
        left = max(0, left - 2 * wave)
        for _ in range(wave):
            go_on.release()
    await_delivery(sdk, 15)


def test_frozen_process_gives_nothing_up_when_it_goes_on(make_sdk: MakeSdk) -> None:
    """It makes at least one more attempt, and no time has passed."""
    with jumping_clock() as clock, retrying_after(lambda *_: 0.001):
        _freeze_in_an_outage(make_sdk, clock)


def _freeze_in_an_outage(make_sdk: MakeSdk, clock: JumpingClock) -> None:
    is_down, jumps = threading.Event(), iter([10_000.0])
    is_down.set()

    def answer(_request: Request) -> SendResult:
        if watching.attempts.total() > 20:
            clock.jump(next(jumps, 0.0))
        return SendResult(503 if is_down.is_set() else 200)

    watching = Watching(InMemoryTransport(answer))
    sdk = make_sdk(transport=watching, flush_max_retries=1)
    track_batches(sdk, 3)
    watching.await_attempts(60)
    assert sdk.stats().dropped == {}
    is_down.clear()
    assert sdk.flush(timeout=20_000.0)
    assert sdk.stats().delivered == 3
