"""The control thread: sleeps without polling, misses nothing, survives what it meets."""

from __future__ import annotations

import contextlib
import ctypes
import inspect
import logging
import queue
import random
import threading
from collections.abc import Callable, Iterator
from functools import partial
from threading import Event

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast.transport import Request

from ..support.events import TextContext, TextEvent, UnserializableEvent
from ..support.probe import (
    Sleep,
    after_framing,
    after_next_hand_over,
    await_delivery,
    await_nothing_in_flight,
    control_thread_busy,
    framing_fails_once,
    overtaking_flush,
    watching_events,
    watching_sleeps,
)
from ..support.programs import run_program
from ..support.sdk import MakeSdk, Sdk, texts


def control_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "paltabrain-control"]


Sleeps = queue.SimpleQueue[Sleep]


@pytest.fixture
def sleeps() -> Iterator[Sleeps]:
    seen: Sleeps = queue.SimpleQueue()
    with watching_sleeps(seen.put):
        yield seen


def await_sleep(sleeps: Sleeps, condition: Callable[[Sleep], bool]) -> int:
    """Wait until the control thread goes to sleep like that; return at which time it does."""
    for times in range(1, 1000):
        if condition(sleeps.get(timeout=30)):
            return times
    raise AssertionError("it does nothing else")


def test_thread_starts_with_the_first_event(make_sdk: MakeSdk, sleeps: Sleeps) -> None:
    before = len(control_threads())
    sdk = make_sdk(transport=InMemoryTransport())
    sdk.flush_buffer_size = 10
    assert len(control_threads()) == before
    sdk.track(TextEvent())
    sleeps.get(timeout=30)
    assert len(control_threads()) == before + 1
    assert control_threads()[-1].daemon


def test_empty_ring_means_no_wake_ups(make_sdk: MakeSdk, sleeps: Sleeps) -> None:
    """After an interval without events it sleeps for ever, and the next event still counts."""
    sdk = make_sdk(transport=InMemoryTransport(), flush_interval_ms=1)
    for number in range(1, 4):
        sdk.track(TextEvent())
        await_sleep(sleeps, Sleep(-1, taken=number, buffered=0).__eq__)
        await_delivery(sdk, number)


def test_flush_is_not_lost_when_another_is_requested_at_the_same_time(make_sdk: MakeSdk) -> None:
    """The one that knows of fewer events does not take back what the other one asked for."""
    sdk, release = make_sdk(transport=InMemoryTransport(), flush_interval_ms=3_600_000), Event()
    with control_thread_busy(release):
        sdk.track(TextEvent())
        assert sdk.flush(timeout=30)
        with overtaking_flush(sdk, lambda: sdk.track(TextEvent())):
            sdk.flush()
        release.set()
        await_delivery(sdk, 2)


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


HOUR_MS = 3_600_000


def paced(sleep: Sleep) -> bool:
    return sleep.seconds > 0 and sleep.buffered >= 10


def test_flushes_by_number_are_paced(make_sdk: MakeSdk, sleeps: Sleeps) -> None:
    """The first comes at once; what waits for the next wakes nobody, and no flush() waits."""
    transport = InMemoryTransport()
    sdk = make_sdk(
        transport=transport,
        flush_buffer_size=10,
        flush_pace_ms=HOUR_MS / 2,
        flush_interval_ms=HOUR_MS,
    )
    wake_ups: list[int] = []
    for _ in range(10):
        sdk.track(TextEvent())
    await_delivery(sdk, 10)
    with watching_events(sdk, lambda: wake_ups.append(number)):
        for number in range(1, 1001):
            sdk.track(TextEvent())
            if number == 10:
                await_sleep(sleeps, paced)
    assert wake_ups == [10]
    assert len(transport.batches) == 1
    assert sdk.flush(timeout=30)
    assert texts(transport)[1] == [TextEvent().text] * 1000
    for _ in range(10):
        sdk.track(TextEvent())
    await_sleep(sleeps, paced)
    sdk.flush_pace_ms = 0  # which wakes it
    await_delivery(sdk, 1020)


def test_flush_follows_when_the_pace_allows_it(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(
        transport=InMemoryTransport(),
        flush_buffer_size=10,
        flush_pace_ms=1,
        flush_interval_ms=HOUR_MS,
    )
    for number in range(10, 101, 10):
        for _ in range(10):
            sdk.track(TextEvent())
        await_delivery(sdk, number)


@pytest.mark.parametrize("buffer_bytes", [1 << 16, 1 << 24], ids=["half the buffer", "a batch"])
def test_pace_holds_back_no_more_than_fits(
    make_sdk: MakeSdk, sleeps: Sleeps, buffer_bytes: int
) -> None:
    sdk = make_sdk(
        transport=InMemoryTransport(),
        flush_buffer_size=10,
        flush_pace_ms=HOUR_MS / 2,
        flush_interval_ms=HOUR_MS,
        buffer_bytes=buffer_bytes,
    )
    large = "x" * min(1 << 19, buffer_bytes // 2)
    for _ in range(10):
        sdk.track(TextEvent())
    await_delivery(sdk, 10)
    for _ in range(10):
        sdk.track(TextEvent(large[: len(large) // 20]))
    await_sleep(sleeps, paced)
    for _ in range(10):
        sdk.track(TextEvent(large[: len(large) // 20]))
    await_delivery(sdk, 30)
    assert not sdk.stats().dropped


@pytest.mark.parametrize("options", [{"flush_buffer_size": 1}, {"flush_interval_ms": 0}])
def test_each_event_at_once_is_not_paced(make_sdk: MakeSdk, options: dict[str, int]) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), flush_pace_ms=HOUR_MS, **options)
    for number in range(1, 11):
        sdk.track(TextEvent())
        await_delivery(sdk, number)


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

    def hold(_request: object) -> SendResult:
        release.wait(60)
        return SendResult(status=200)

    sdk = make_sdk(
        transport=InMemoryTransport(hold), max_in_flight=1, flush_buffer_size=1, flush_interval_ms=1
    )
    try:
        for number in range(10):
            sdk.track(TextEvent(), TextContext(str(number)))
        await_sleep(sleeps, lambda sleep: sleep.seconds == -1 and sleep.buffered > 0)
    finally:
        release.set()
    await_delivery(sdk, 10)


def test_fault_of_framing_is_survived(make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, flush_buffer_size=1)
    with framing_fails_once(MemoryError("no memory")):
        sdk.track(TextEvent())
        await_delivery(sdk, 1)
    assert "framing failed: MemoryError('no memory')" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_dead_control_thread_is_replaced(make_sdk: MakeSdk) -> None:
    before = control_threads()
    sdk = make_sdk(transport=InMemoryTransport(), flush_interval_ms=1)
    sdk.track(TextEvent())
    await_delivery(sdk, 1)
    (dead,) = [thread for thread in control_threads() if thread not in before]
    ident = ctypes.c_ulong(dead.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
    sdk.flush_interval_ms = 2  # which wakes it
    dead.join(30)
    assert not dead.is_alive()
    sdk.track(TextEvent())
    await_delivery(sdk, 2)
    assert dead not in control_threads()


@pytest.mark.parametrize("max_in_flight", [1, 7])
def test_flush_hands_over_the_rest_when_there_is_room(
    make_sdk: MakeSdk, max_in_flight: int
) -> None:
    """It waits for nothing, and neither does the rest wait for the interval, which is an hour."""
    answering = threading.Event()

    def answer(_request: Request) -> SendResult:
        assert answering.wait(30)
        return SendResult(status=200)

    sdk = make_sdk(transport=InMemoryTransport(answer), max_in_flight=max_in_flight)
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


def test_events_that_come_while_there_is_no_room_are_not_forgotten(
    make_sdk: MakeSdk, sleeps: Sleeps
) -> None:
    """They are not due yet when the thread goes to sleep, until a batch is settled."""
    answering = threading.Event()

    def answer(_request: Request) -> SendResult:
        assert answering.wait(30)
        return SendResult(status=200)

    sdk = make_sdk(transport=InMemoryTransport(answer), max_in_flight=1)
    sdk.track(TextEvent())
    sdk.flush()
    sdk.track(TextEvent())
    sdk.flush_interval_ms = 3_000_000  # which wakes it
    await_sleep(sleeps, Sleep(-1, taken=1, buffered=1).__eq__)
    sdk.flush_interval_ms = 1
    await_sleep(sleeps, Sleep(-1, taken=1, buffered=1).__eq__)
    answering.set()
    await_delivery(sdk, 2)


def test_rest_of_a_flush_takes_along_nothing_that_came_later(
    make_sdk: MakeSdk, sleeps: Sleeps
) -> None:
    """Or else a server that does not keep up would get a batch for each event or two."""
    answering = threading.Event()

    def answer(_request: Request) -> SendResult:
        assert answering.wait(30)
        return SendResult(status=200)

    sdk = make_sdk(transport=InMemoryTransport(answer), max_in_flight=1, flush_interval_ms=HOUR_MS)
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


@contextlib.contextmanager
def no_new_threads() -> Iterator[None]:
    def refuse(*_arguments: object) -> int:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("paltabrain_fast.process.threads.Thread.start", refuse)
        yield


def test_thread_that_cannot_be_started_is_tried_again(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, flush_buffer_size=1)
    with no_new_threads():
        sdk.track(TextEvent("1"))
        sdk.track(TextEvent("2"))
        assert len(sdk.event_buffer) == 2
        assert sdk.flush(timeout=30)  # in this thread, for want of others
        assert texts(transport) == [["1", "2"]]
        sdk.track(TextEvent("3"))
    sdk.track(TextEvent("4"))
    await_delivery(sdk, 4)
    assert "cannot start: can't start new thread" in caplog.text


@pytest.mark.parametrize("call", ["shutdown", "flush"])
def test_signal_handler_does_not_wait_for_what_it_interrupts(make_sdk: MakeSdk, call: str) -> None:
    """Here a thread that sends by itself, for want of others."""
    handled: list[bool] = []

    def interrupted(_request: Request) -> SendResult:
        handled.append(bool(getattr(sdk, call)(timeout=600)))
        return SendResult(status=200)

    sdk = make_sdk(transport=InMemoryTransport(interrupted))
    outcomes: list[bool] = []

    def send() -> None:
        with no_new_threads():
            sdk.track(TextEvent())
            outcomes.append(bool(sdk.flush(timeout=600)))

    flushing = threading.Thread(target=send, daemon=True)
    flushing.start()
    flushing.join(30)
    assert (handled, outcomes) == ([False], [True])
    assert sdk.shutdown()
    assert sdk.stats().delivered == 1


def test_on_error_is_called_in_a_thread_of_our_own(make_sdk: MakeSdk) -> None:
    threads: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()
    sdk = make_sdk(
        transport=InMemoryTransport(lambda _request: SendResult(status=400)),
        on_error=lambda *_told: threads.put(threading.current_thread()),
    )
    sdk.track(UnserializableEvent())
    assert threads.get(timeout=30) is not threading.current_thread()
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)
    assert threads.get(timeout=30) is not threading.current_thread()


def test_hanging_on_error_holds_up_nothing(make_sdk: MakeSdk) -> None:
    called, release, calls = threading.Event(), threading.Event(), []

    def hang(*told: object) -> None:
        calls.append(told)
        called.set()
        release.wait(60)

    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, on_error=hang, flush_buffer_size=1)
    try:
        for _ in range(2000):
            sdk.track(UnserializableEvent())
        for _ in range(10):
            sdk.track(TextEvent())
        await_delivery(sdk, 10)
        assert called.wait(30)
        assert len(calls) == 1
    finally:
        release.set()
    assert sdk.shutdown()
    assert 1000 <= len(calls) <= 1002  # those beyond were not kept


def test_handler_that_tracks_what_we_log_is_no_loop(make_sdk: MakeSdk) -> None:
    """Neither a deadlock nor a recursion."""

    depths = [0]

    class Tracking(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            depths.append(len(inspect.stack(0)))
            sdk.track(TextEvent("logged"))
            sdk.track(UnserializableEvent())
            sdk.stats()
            sdk.flush(timeout=60)

    sdk: Sdk = make_sdk(
        transport=InMemoryTransport(lambda _request: SendResult(status=400)), flush_buffer_size=1
    )
    handler = Tracking()
    sdk.logger.addHandler(handler)
    try:
        sdk.track(UnserializableEvent())
        for _ in range(10):
            sdk.track(TextEvent())
        assert sdk.flush(timeout=60)
    finally:
        sdk.logger.removeHandler(handler)
    assert max(depths) < 200
    assert sdk.shutdown()


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "block"])
def test_track_from_signal_handlers_and_finalizers(overflow: str) -> None:
    run_program("delivery/reentrant", overflow, timeout=100, loses=True)
