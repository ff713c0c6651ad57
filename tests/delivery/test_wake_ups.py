"""The control thread sleeps without polling, and misses no wake-up."""

from __future__ import annotations

import random
import threading
from functools import partial

import pytest

from paltabrain_fast import InMemoryTransport

from ..support.events import TextContext, TextEvent
from ..support.probe import Sleep, await_delivery, watching_events
from ..support.sdk import MakeSdk
from .control import Sleeps, answering_after, await_sleep


def test_empty_ring_means_no_wake_ups(make_sdk: MakeSdk, sleeps: Sleeps) -> None:
    """After an interval without events it sleeps for ever, and the next event still counts."""
    sdk = make_sdk(transport=InMemoryTransport(), flush_interval_ms=1)
    for number in range(1, 4):
        sdk.track(TextEvent())
        await_sleep(sleeps, Sleep(-1, taken=number, buffered=0).__eq__)
        await_delivery(sdk, number)


def sleeps_after(count: int, sleep: Sleep) -> bool:
    return sleep.seconds != 0 and sleep.taken == count and not sleep.buffered


@pytest.mark.parametrize(
    "options", [{"flush_interval_ms": 0}, {"flush_interval_ms": -1}, {"flush_buffer_size": 0}]
)
def test_nothing_to_wait_for_means_no_busy_loop(
    make_sdk: MakeSdk, sleeps: Sleeps, options: dict[str, int]
) -> None:
    """Each event is delivered at once, and the thread sleeps as soon as there is none."""
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, **options)
    for number in range(1, 11):
        sdk.track(TextEvent())
        times = await_sleep(sleeps, partial(sleeps_after, number))
        await_delivery(sdk, number)
        assert times <= 4
        assert len(transport.batches) == number


@pytest.mark.parametrize("interval", [1e18, float("inf"), 10**400], ids=["1e18", "inf", "huge"])
def test_interval_beyond_what_can_be_waited_for(
    make_sdk: MakeSdk, sleeps: Sleeps, interval: float, caplog: pytest.LogCaptureFixture
) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), flush_interval_ms=interval)
    sdk.track(TextEvent())
    await_sleep(sleeps, lambda sleep: 3600 < sleep.seconds < threading.TIMEOUT_MAX)
    sdk.flush_interval_ms = 1
    await_delivery(sdk, 1)
    assert not [each for each in caplog.messages if "serialized by its own" not in each]


def has_taken(count: int, sleep: Sleep) -> bool:
    return sleep.taken == count


def test_busy_buffer_costs_one_wake_up_a_flush(make_sdk: MakeSdk, sleeps: Sleeps) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, flush_buffer_size=10, flush_pace_ms=0)
    wake_ups: list[int] = []
    times = 0
    with watching_events(sdk, lambda: wake_ups.append(number)):
        for number in range(1, 101):
            sdk.track(TextEvent())
            if number % 10 == 0:
                times += await_sleep(sleeps, partial(has_taken, number))
    await_delivery(sdk, 100)
    assert len(transport.batches) == 10
    assert times <= 12
    # the first event of all may have another one
    assert [number for number in wake_ups if number > 10] == list(range(20, 101, 10))


def test_no_wake_up_is_lost(make_sdk: MakeSdk) -> None:
    """Events at all times, on an SDK that flushes only when woken."""
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, flush_buffer_size=1, max_in_flight=1)
    for number in range(2000):
        sdk.track(TextEvent(), TextContext(str(chance.randrange(2))))
        if chance.random() < 0.2:
            await_delivery(sdk, number + 1)
    await_delivery(sdk, 2000)


def test_backlog_waits_for_a_settled_batch_without_polling(
    make_sdk: MakeSdk, sleeps: Sleeps
) -> None:
    release = threading.Event()
    sdk = make_sdk(
        transport=answering_after(release),
        max_in_flight=1,
        flush_buffer_size=1,
        flush_interval_ms=1,
    )
    try:
        for number in range(10):
            sdk.track(TextEvent(), TextContext(str(number)))
        await_sleep(sleeps, lambda sleep: sleep.seconds == -1 and sleep.buffered > 0)
    finally:
        release.set()
    await_delivery(sdk, 10)


def test_events_that_come_while_there_is_no_room_are_not_forgotten(
    make_sdk: MakeSdk, sleeps: Sleeps
) -> None:
    """They are not due yet when the thread goes to sleep, until a batch is settled."""
    answering = threading.Event()
    sdk = make_sdk(transport=answering_after(answering), max_in_flight=1)
    sdk.track(TextEvent())
    sdk.flush()
    sdk.track(TextEvent())
    sdk.flush_interval_ms = 3_000_000  # which wakes it
    await_sleep(sleeps, Sleep(-1, taken=1, buffered=1).__eq__)
    sdk.flush_interval_ms = 1
    await_sleep(sleeps, Sleep(-1, taken=1, buffered=1).__eq__)
    answering.set()
    await_delivery(sdk, 2)
