"""The control thread: sleeps without polling, misses nothing, survives what it meets."""

from __future__ import annotations

import contextlib
import ctypes
import inspect
import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast.delivery.control import Control
from paltabrain_fast.process.threads import current_thread
from paltabrain_fast.transport import Request

from .support.events import TextContext, TextEvent, UnserializableEvent
from .support.sdk import MakeSdk, Sdk, await_delivery, run_script, texts


def control_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "paltabrain-control"]


class Sleep(NamedTuple):
    """How the control thread goes to sleep."""

    seconds: float  # -1 for ever
    taken: int  # from the buffer until then
    buffered: int  # and still in it


Sleeps = queue.SimpleQueue[Sleep]


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> Sleeps:
    seen: Sleeps = queue.SimpleQueue()
    sleep_seconds = Control._sleep_seconds

    def look(control: Control) -> float:
        seconds = sleep_seconds(control)
        seen.put(Sleep(seconds, control._engine.taken, len(control._engine)))
        return seconds

    monkeypatch.setattr(Control, "_sleep_seconds", look)
    return seen


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
    (thread,) = [thread for thread in control_threads() if thread is sdk._control._thread]
    assert thread.daemon


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
    assert caplog.messages == []


def test_busy_buffer_costs_one_wake_up_a_flush(
    make_sdk: MakeSdk, sleeps: Sleeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, flush_buffer_size=10)
    wake_ups, wake = [], sdk._control.event_recorded

    def count_and_wake() -> None:
        wake_ups.append(sdk._engine.accepted)
        wake()

    monkeypatch.setattr(sdk._control, "event_recorded", count_and_wake)
    times = 0
    for number in range(1, 101):
        sdk.track(TextEvent())
        if number % 10 == 0:
            times += await_sleep(sleeps, lambda sleep: sleep.taken == sdk._engine.accepted)
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


def test_fault_of_framing_is_survived(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, flush_buffer_size=1)
    faults = iter([MemoryError("no memory")])
    frame = Control._frame

    def fail_once(control: Control) -> int | None:
        for fault in faults:
            raise fault
        return frame(control)

    monkeypatch.setattr(Control, "_frame", fail_once)
    sdk.track(TextEvent())
    await_delivery(sdk, 1)
    assert "framing failed: MemoryError('no memory')" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_dead_control_thread_is_replaced(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), flush_interval_ms=1)
    sdk.track(TextEvent())
    await_delivery(sdk, 1)
    dead = sdk._control._thread
    assert dead is not None
    ident = ctypes.c_ulong(dead.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
    sdk._control.wake()
    dead.join(30)
    assert not dead.is_alive()
    sdk.track(TextEvent())
    await_delivery(sdk, 2)
    assert sdk._control._thread is not dead


@pytest.mark.parametrize("room", ["later", "at once"])
def test_flush_hands_over_the_rest_when_there_is_room(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch, room: str
) -> None:
    """It waits for nothing, and neither does the rest wait for the interval."""
    answering, sleeping = threading.Event(), threading.Event()

    def answer(_request: Request) -> SendResult:
        assert answering.wait(30)
        return SendResult(status=200)

    sdk = make_sdk(transport=InMemoryTransport(answer), max_in_flight=1)
    control = sdk._control
    sleep_seconds, drain = control._sleep_seconds, control._drain

    def watched_sleep_seconds() -> float:
        seconds = sleep_seconds()
        if control._since is not None:  # it knows of the event
            sleeping.set()
        return seconds

    def watched_drain() -> None:
        drain()
        if room == "at once" and current_thread() is not None:
            assert control.ledger.wait(lambda: not control.ledger.in_flight, time.monotonic() + 30)

    monkeypatch.setattr(control, "_sleep_seconds", watched_sleep_seconds)
    monkeypatch.setattr(control, "_drain", watched_drain)
    for number in range(20):
        sdk.track(TextEvent(), TextContext(str(number)))  # each makes a batch
    assert sleeping.wait(30)
    sdk.flush()
    answering.set()
    await_delivery(sdk, 20)


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
        handled.append(getattr(sdk, call)(timeout=600))
        return SendResult(status=200)

    sdk = make_sdk(transport=InMemoryTransport(interrupted))
    outcomes: list[bool] = []

    def send() -> None:
        with no_new_threads():
            sdk.track(TextEvent())
            outcomes.append(sdk.flush(timeout=600))

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


REENTRANT = """
import signal, sys, threading
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent

class Restless:
    def __del__(self):
        sdk.track(TextEvent("del"))

transport = InMemoryTransport()
sdk = PaltabrainSdk(
    "localhost", "key", TextContext(), transport=transport, flush_buffer_size=1,
    overflow=sys.argv[1], buffer_bytes=65536, block_timeout_ms=1,
)
signalled = 0

def handler(_signal, _frame):
    global signalled
    signalled += 1
    sdk.track(TextEvent("signal"))
    signal.setitimer(signal.ITIMER_REAL, 0.0001)

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0001)
tracked = 0
while signalled < 500:
    a, b = Restless(), Restless()
    a.b, b.a = b, a
    sdk.track(TextEvent("x" * 1000))
    sdk.stats()
    sdk.flush()
    threading.Thread(target=int).start()
    tracked += 1
signal.setitimer(signal.ITIMER_REAL, 0)
del a, b
import gc; gc.collect()
assert sdk.flush(timeout=60)
stats = sdk.stats()
assert stats.accepted == stats.delivered + stats.dropped_after_acceptance, stats
refused = sum(stats.dropped.values()) - stats.dropped_after_acceptance
assert stats.accepted + refused == signalled + 3 * tracked, (stats, signalled, tracked)
assert sdk.shutdown()
"""


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "block"])
def test_track_from_signal_handlers_and_finalizers(overflow: str) -> None:
    run_script(REENTRANT, overflow, timeout=100)
