"""What ``flush()`` asks of the control thread: all that was tracked before, and nothing later."""

from __future__ import annotations

import queue
import threading

import pytest

from paltabrain_fast import InMemoryTransport

from ..support.events import TextContext, TextEvent
from ..support.probe import (
    after_framing,
    after_next_hand_over,
    await_delivery,
    await_nothing_in_flight,
    control_thread_busy,
    overtaking_flush,
)
from ..support.sdk import MakeSdk
from ..support.threads import control_threads
from .control import HOUR_MS, Sleeps, answering_after, await_sleep


def test_flush_is_not_lost_when_another_is_requested_at_the_same_time(make_sdk: MakeSdk) -> None:
    """The one that knows of fewer events does not take back what the other one asked for."""
    sdk, release = (
        make_sdk(transport=InMemoryTransport(), flush_interval_ms=HOUR_MS),
        threading.Event(),
    )
    with control_thread_busy(release):
        sdk.track(TextEvent())
        assert sdk.flush(timeout=30)
        with overtaking_flush(sdk, lambda: sdk.track(TextEvent())):
            sdk.flush()
        release.set()
        await_delivery(sdk, 2)


@pytest.mark.parametrize("max_in_flight", [1, 7])
def test_flush_hands_over_the_rest_when_there_is_room(
    make_sdk: MakeSdk, max_in_flight: int
) -> None:
    """It waits for nothing, and neither does the rest wait for the interval, which is an hour."""
    answering = threading.Event()
    sdk = make_sdk(transport=answering_after(answering), max_in_flight=max_in_flight)
    for number in range(20):
        sdk.track(TextEvent(), TextContext(str(number)))  # each makes a batch
    assert not sdk.flush()
    assert len(sdk.running_requests) == max_in_flight + 1
    assert sdk.running_requests["buffered"] == f"{20 - max_in_flight} events"
    answering.set()
    await_delivery(sdk, 20)


def test_rest_of_a_flush_follows_though_room_is_made_before_the_thread_sleeps(
    make_sdk: MakeSdk,
) -> None:
    """Nobody has to wake it then, and the interval is an hour."""
    sdk = make_sdk(transport=InMemoryTransport(), max_in_flight=1, flush_buffer_size=20)
    with after_framing(lambda: await_nothing_in_flight(sdk)):
        for number in range(20):
            sdk.track(TextEvent(), TextContext(str(number)))  # each makes a batch
        await_delivery(sdk, 20)


def test_rest_of_a_flush_takes_along_nothing_that_came_later(
    make_sdk: MakeSdk, sleeps: Sleeps
) -> None:
    """Or else a server that does not keep up would get a batch for each event or two."""
    answering = threading.Event()
    sdk = make_sdk(transport=answering_after(answering), max_in_flight=1, flush_interval_ms=HOUR_MS)
    for number in range(3):
        sdk.track(TextEvent(), TextContext(str(number)))
    assert not sdk.flush()
    sdk.track(TextEvent(), TextContext("later"))
    answering.set()
    await_sleep(sleeps, lambda sleep: sleep.seconds > 60 and sleep.taken == 3)
    await_delivery(sdk, 3)
    assert len(sdk.event_buffer) == 1
    assert sdk.flush(timeout=30)


def test_flush_has_framed_when_it_returns(make_sdk: MakeSdk) -> None:
    """What is assigned after it is for later events."""
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, max_in_flight=50)
    for number in range(50):
        sdk.instance_id = str(number)
        sdk.track(TextEvent())
        sdk.flush()
    sdk.instance_id = "later"
    assert sdk.flush(timeout=30)
    ids = sorted(int(batch.common.instance_id) for batch in transport.batches)
    assert ids == list(range(50))


@pytest.mark.parametrize("timeout", [None, 30])
def test_flush_returns_when_no_batch_is_being_cut(make_sdk: MakeSdk, timeout: float | None) -> None:
    """That batch would have an event tracked later, with what was assigned before."""
    sdk = make_sdk(transport=InMemoryTransport())
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)  # so that there is a thread that sends
    returned = threading.Event()
    was_cutting: queue.SimpleQueue[bool] = queue.SimpleQueue()
    after_next_hand_over(lambda: was_cutting.put(returned.wait(0.2)))
    sdk.track(TextEvent())
    sdk.flush(timeout)
    returned.set()
    assert not was_cutting.get(timeout=30)


def test_flush_of_nothing_starts_no_thread(make_sdk: MakeSdk) -> None:
    before = control_threads()
    sdk = make_sdk(transport=InMemoryTransport())
    assert sdk.flush()
    assert sdk.flush(timeout=600)
    assert sdk.shutdown(timeout=600)
    assert control_threads() == before
