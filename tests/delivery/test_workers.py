"""The sender threads: each call is made when it is due, by whoever is there."""

from __future__ import annotations

import gc
import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from paltabrain_fast import ErrorInfo, InMemoryTransport, PaltabrainSdk, Request, SendResult
from paltabrain_fast.delivery.workers import Workers

from ..support.events import TextContext, TextEvent
from ..support.probe import (
    WaitClock,
    make_workers,
    no_threads,
    number_of_threads,
    sleeping_threads,
    starting_sender_fails,
    waits_watched,
)
from ..support.sdk import MakeSdk, Sdk
from ..support.threads import await_end

Call = Callable[[float], float | None]


class Hanging:
    """A call that returns when it is released."""

    def __init__(self, times: int = 1) -> None:
        self._begun = threading.Semaphore(0)
        self._release = threading.Event()
        self._times = times

    def __call__(self, _until: float) -> None:
        self._begun.release()
        assert self._release.wait(60)

    def await_begin(self) -> None:
        assert self._begun.acquire(timeout=30)

    def release(self) -> None:
        self._release.set()


def call_of(event: threading.Event) -> Call:
    def call(_until: float) -> None:
        event.set()

    return call


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = make_workers(3)
    yield made
    made.close()
    made.join(None)


def test_another_thread_is_started_when_those_there_do_not_keep_up(workers: Workers) -> None:
    """That is when a call is due, and none has begun one for some milliseconds."""
    hanging = Hanging()
    with waits_watched() as clock:
        for count in range(1, 6):
            workers.submit(hanging)
            if 1 < count <= 3:
                assert workers.help_due() == clock.now + 0.005
                clock.now += 0.004
                assert not workers.needs_thread()
                clock.now += 0.002
                assert workers.needs_thread()
            workers.provide_threads()
            assert not workers.needs_thread()
            assert number_of_threads(workers) == min(count, 3)
            if count <= 3:
                hanging.await_begin()
        assert workers.help_due() is None
        hanging.release()
        for _ in range(2):
            hanging.await_begin()


def test_thread_that_keeps_up_gets_no_help(workers: Workers) -> None:
    with waits_watched():  # so that they are quick
        for _ in range(100):
            made = threading.Event()
            workers.submit(call_of(made))
            workers.provide_threads()
            assert made.wait(30)
    assert number_of_threads(workers) == 1


def start_two(workers: Workers, clock: WaitClock) -> None:
    """Have two threads that sleep."""
    hanging = Hanging()
    for _ in range(2):
        workers.submit(hanging)
        clock.now += 0.006
        workers.provide_threads()
        hanging.await_begin()
    hanging.release()
    await_sleep(workers)


def await_sleep(workers: Workers) -> None:
    while sleeping_threads(workers) < 2:
        pass


def test_thread_that_sleeps_is_woken_when_the_busy_one_does_not_keep_up(workers: Workers) -> None:
    hanging, made = Hanging(), threading.Event()
    with waits_watched() as clock:
        start_two(workers, clock)
        workers.submit(call_of(threading.Event()))
        await_sleep(workers)  # and the last call was quick
        workers.submit(hanging)
        hanging.await_begin()
        workers.submit(call_of(made), 0.0, False)
        workers.provide_threads()
        assert workers.help_due() == clock.now + 0.005
        assert not workers.needs_thread()
        clock.now += 0.004
        workers.provide_threads()
        assert workers.help_due() == clock.now + 0.001
        clock.now += 0.002
        workers.provide_threads()
        assert made.wait(30)
    assert number_of_threads(workers) == 2
    hanging.release()


def test_calls_that_take_long_are_handed_to_all_threads(workers: Workers) -> None:
    hanging, made = Hanging(), threading.Event()
    with waits_watched() as clock:
        start_two(workers, clock)

        def take_long(_until: float) -> None:
            clock.now += 0.1
            made.set()

        workers.submit(take_long)
        assert made.wait(30)
        await_sleep(workers)
        for _ in range(2):
            workers.submit(hanging, 0.0, False)
        workers.provide_threads()
        for _ in range(2):
            hanging.await_begin()  # though no time passes
    hanging.release()


def test_thread_that_is_not_needed_any_more_sleeps(workers: Workers) -> None:
    first, second, made = Hanging(), Hanging(), threading.Event()
    with waits_watched() as clock:  # so that they are quick
        for hanging in first, second:
            workers.submit(hanging)
            clock.now += 0.006
            workers.provide_threads()
            hanging.await_begin()
        clock.now -= 0.012  # they were quick, too
        workers.submit(call_of(made), 0.0, False)
        first.release()
        while not (sleeping_threads(workers) or made.is_set()):
            pass
        assert not made.is_set()  # as the second one has begun a call since
        second.release()
        assert made.wait(30)


def test_thread_goes_on_where_others_make_no_progress(workers: Workers) -> None:
    hanging, first, made = Hanging(), Hanging(), threading.Event()
    with waits_watched() as clock:
        for each in hanging, first:
            workers.submit(each)
            clock.now += 0.006
            workers.provide_threads()
            each.await_begin()
        clock.now -= 0.012
        workers.submit(call_of(made), 0.0, False)
        first.release()  # the last that was begun
        assert made.wait(30)
        hanging.release()


def test_few_calls_left_are_told_once(workers: Workers) -> None:
    told: list[bool] = []
    workers.on_low = lambda: told.append(workers.is_running_low)
    for _ in range(8):
        workers.submit(call_of(threading.Event()))
    assert not workers.is_running_low
    for _ in range(8):
        assert workers.run_next(0.0)
    assert told == [True]


def test_call_whose_time_has_not_come_needs_no_thread(workers: Workers) -> None:
    hanging = Hanging()
    with waits_watched() as clock:
        workers.submit(call_of(threading.Event()), 3600.0)
        workers.provide_threads()
        assert number_of_threads(workers) == 0
        workers.submit(hanging)
        workers.provide_threads()
        hanging.await_begin()
        assert workers.help_due() == clock.now + 3600.005
    hanging.release()


def test_control_thread_is_woken_to_look_for_a_call_that_is_left(workers: Workers) -> None:
    """It was told that no thread is needed, when the one there had nothing to do."""
    woken, told = threading.Event(), threading.Event()
    hanging = Hanging()
    workers.on_busy = woken.set
    with waits_watched():
        workers.submit(call_of(told))
        workers.provide_threads()
        assert told.wait(30)
        while workers.help_due() is not None:
            pass
        assert not woken.is_set()
        workers.submit(hanging, -1.0)
        workers.submit(hanging)
        assert woken.wait(30)
    hanging.release()


def test_thread_that_cannot_be_started_is_not_asked_for_all_the_time(workers: Workers) -> None:
    hanging = Hanging()
    with waits_watched() as clock:
        workers.submit(hanging)
        workers.provide_threads()
        hanging.await_begin()
        workers.submit(hanging)
        clock.now += 1.0
        with starting_sender_fails("can't start new thread"):
            workers.provide_threads()
        assert workers.is_short()
        assert not workers.needs_thread()
        assert workers.help_due() == clock.now + 1.0
        clock.now += 1.0
        workers.provide_threads()
        assert number_of_threads(workers) == 2
    hanging.release()


def test_at_the_end_threads_are_as_many_as_there_are_calls(workers: Workers) -> None:
    hanging = Hanging()
    workers.hurry()
    for count in range(1, 6):
        workers.submit(hanging, 0.0 if count <= 3 else 3600.0)
        workers.provide_threads()
        assert not workers.needs_thread()
        assert number_of_threads(workers) == min(count, 3)
        if count <= 3:
            hanging.await_begin()
    hanging.release()


def test_retry_is_made_while_other_threads_hang(workers: Workers) -> None:
    """It waits without a thread, and the one that is left makes it when it is due."""
    hanging, retried = Hanging(), threading.Event()
    delays = iter([0.01])

    def retry(_until: float) -> float | None:
        if (delay := next(delays, None)) is None:
            retried.set()
        return delay

    workers.hurry()
    for call in (retry, hanging, hanging):
        workers.submit(call)
    workers.provide_threads()
    try:
        hanging.await_begin()
        hanging.await_begin()
        assert retried.wait(30)
    finally:
        hanging.release()


def test_calls_are_made_in_the_order_in_which_they_are_due(workers: Workers) -> None:
    made: list[str] = []

    def note(name: str, done: threading.Event | None = None) -> Call:
        def call(_until: float) -> None:
            made.append(name)
            if done is not None:
                done.set()

        return call

    done = threading.Event()
    workers.submit(note("last", done), 0.02)
    workers.submit(note("first"))
    workers.submit(note("second"))
    while not done.is_set():
        assert workers.run_next(None)
    assert made == ["first", "second", "last"]


def test_fault_of_a_call_costs_no_thread(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    made = threading.Event()

    def fail(_until: float) -> None:
        raise SystemExit

    workers.submit(fail)
    workers.provide_threads()
    workers.submit(call_of(made))
    assert made.wait(30)
    assert "a sender thread failed: SystemExit()" in caplog.text


def test_closed_workers_make_what_is_due_and_no_more(workers: Workers) -> None:
    made, later = threading.Event(), threading.Event()
    workers.submit(call_of(later), 3600.0)
    workers.submit(call_of(made))
    workers.close()  # in this thread, as there is no other
    assert made.is_set()
    assert not later.is_set()
    assert not workers.needs_thread()


def test_closed_workers_end_their_threads(workers: Workers) -> None:
    hanging, made = Hanging(), threading.Event()
    workers.submit(hanging)
    workers.provide_threads()
    hanging.await_begin()
    workers.submit(call_of(made))
    workers.close()
    hanging.release()
    workers.join(None)
    assert made.is_set()
    assert not workers.has_threads()


def test_thread_without_others_waits_until_its_deadline(workers: Workers) -> None:
    workers.submit(call_of(threading.Event()), 3600.0)
    assert not workers.run_next(0.0)


@pytest.mark.usefixtures("workers")
def test_nothing_to_wait_for_is_not_waited_for(workers: Workers) -> None:
    assert not workers.run_next(None)


def test_thread_without_others_waits_for_the_call_of_another_one(workers: Workers) -> None:
    """Which may have to be made again; here it has not."""
    hanging, outcomes = Hanging(), list[bool]()

    def run() -> None:
        outcomes.append(workers.run_next(None))

    first, second = (threading.Thread(target=run, daemon=True) for _ in range(2))
    workers.submit(hanging)
    first.start()
    hanging.await_begin()
    second.start()
    hanging.release()
    first.join(30)
    second.join(30)
    assert sorted(outcomes) == [False, True]


def test_what_threads_are_busy_with_is_not_waited_for(workers: Workers) -> None:
    """Who waits for its outcome waits for that, and not for the thread."""
    hanging = Hanging()
    workers.submit(hanging)
    workers.provide_threads()
    hanging.await_begin()
    waiting = threading.Thread(target=workers.run_next, args=(None,), daemon=True)
    waiting.start()
    await_end([waiting], 30)
    hanging.release()


def test_forked_child_makes_no_call_of_its_parents(workers: Workers) -> None:
    made = threading.Event()
    workers.submit(call_of(made))
    workers.abandon()
    assert not workers.run_next(None)
    workers.close()
    assert not made.is_set()


@pytest.mark.parametrize(
    ("reason", "is_told"),
    [
        ("can't start new thread", True),
        ("can't create new thread at interpreter shutdown", False),  # nobody need do anything
    ],
)
def test_what_no_thread_can_be_started_for_is_sent_by_the_control_thread(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture, reason: str, is_told: bool
) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, flush_buffer_size=1)
    with starting_sender_fails(reason):
        sdk.track(TextEvent())
        assert sdk.flush(timeout=30)
    assert len(transport.batches) == 1
    assert (f"no thread to send with: {reason}" in caplog.text) is is_told


@pytest.mark.parametrize("senders", [0, 1])
@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_on_error_may_wait_in_the_last_thread(make_sdk: MakeSdk, call: str, senders: int) -> None:
    """Where no other can be started, the thread that calls it is the one that is to send."""
    answers = iter([400])
    outcomes: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def on_error(_error: Exception, _info: ErrorInfo) -> None:
        sdk.track(TextEvent("second"))
        outcomes.put(getattr(sdk, call)(timeout=30))

    transport = InMemoryTransport(lambda _request: SendResult(next(answers, 200)))
    sdk: Sdk = make_sdk(transport=transport, on_error=on_error)
    with starting_sender_fails("can't start new thread", senders):
        sdk.track(TextEvent("first"))
        sdk.flush()
        assert outcomes.get(timeout=60)
    assert sdk.stats().delivered == 1


@pytest.mark.parametrize("senders", [0, 1])
def test_forgotten_sdk_is_shut_down_by_its_last_thread(senders: int) -> None:
    sending: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()

    def answer(_request: Request) -> SendResult:
        sending.put(threading.current_thread())
        return SendResult(status=200)

    with starting_sender_fails("can't start new thread", senders):
        sdk: Sdk = PaltabrainSdk(
            "localhost", "key", TextContext(), transport=InMemoryTransport(answer)
        )
        sdk.track(TextEvent())
        del sdk
        gc.collect()
        await_end([sending.get(timeout=30)])


def test_control_thread_that_sends_at_exit_is_not_left_alone(make_sdk: MakeSdk) -> None:
    """The request that it makes may hang; here until the other one has arrived."""
    hanging, arrived = threading.Event(), threading.Event()

    def answer(request: Request) -> SendResult:
        if b"dead" in request.body:
            hanging.set()
            assert arrived.wait(60)
        else:
            arrived.set()
        return SendResult(status=200)

    sdk = make_sdk(transport=InMemoryTransport(answer))
    with starting_sender_fails("can't start new thread"):
        sdk.track(TextEvent(), TextContext("dead"))
        sdk.flush()
        assert hanging.wait(30)
        with no_threads():
            sdk.track(TextEvent(), TextContext("well"))
            assert sdk.flush(timeout=30)


def test_without_threads_shutdown_sends_by_itself(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)
    with no_threads():
        sdk.track(TextEvent())
        assert sdk.shutdown(timeout=30)
    assert len(transport.batches) == 1


def test_calls_that_wait_for_their_time_are_made_at_once_if_asked(workers: Workers) -> None:
    made = [threading.Event() for _ in range(2)]
    for event in made:
        workers.submit(call_of(event), 3600)
    workers.retry_now()
    workers.provide_threads()
    assert all(event.wait(30) for event in made)
