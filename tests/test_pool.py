"""The pool of sender threads: each call is run when it is due, whoever is woken for it."""

from __future__ import annotations

import threading

import pytest

from paltabrain_fast import InMemoryTransport
from paltabrain_fast.delivery.workers import Pool
from paltabrain_fast.process.locks import Condition
from paltabrain_fast.process.threads import Thread

from .support.events import TextEvent
from .support.sdk import MakeSdk


class LastFirst(Condition):
    """Wakes whoever began to wait last, as ``threading`` documents no order; can be watched.

    Attributes:
        waits: released whenever a thread begins to wait.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Semaphore(0)
        self._waiting: list[threading.Event] = []

    def wait(self, timeout: float | None = None) -> bool:
        woken = threading.Event()
        self._waiting.append(woken)
        self.waits.release()
        self.release()
        try:
            return woken.wait(timeout)
        finally:
            self.acquire()
            if woken in self._waiting:
                self._waiting.remove(woken)

    def notify(self, count: int = 1) -> None:
        for _ in range(min(count, len(self._waiting))):
            self._waiting.pop().set()

    def notify_all(self) -> None:
        self.notify(len(self._waiting))

    def await_waits(self, count: int) -> None:
        """Wait until threads have begun to wait, so many times since the last call."""
        assert all(self.waits.acquire(timeout=30) for _ in range(count))
        with self:  # which they have let go of
            pass


@pytest.fixture
def condition() -> LastFirst:
    return LastFirst()


def make_pool(max_threads: int, make_sdk: MakeSdk, condition: LastFirst) -> Pool:
    pool = Pool(max_threads, make_sdk(transport=InMemoryTransport())._control._reporter)
    pool._changed = condition
    return pool


def test_retry_is_waited_for_when_others_take_new_calls(
    make_sdk: MakeSdk, condition: LastFirst
) -> None:
    """Of three idle threads, the two that know when it is due are given calls that hang."""
    calls = make_pool(3, make_sdk, condition)
    started = threading.Barrier(4)
    hung, release, retried = threading.Semaphore(0), threading.Event(), threading.Event()
    delays = iter([1.0])

    def meet() -> None:
        started.wait(30)

    def retry() -> float | None:
        if (delay := next(delays, None)) is None:
            retried.set()
        return delay

    def hang() -> None:
        hung.release()
        release.wait(60)

    for _ in range(3):
        calls.submit(meet)
    meet()
    condition.await_waits(3)
    calls.submit(retry)
    condition.await_waits(2)  # who has run it, and who was told when it is due
    try:
        for _ in range(2):
            calls.submit(hang)
            assert hung.acquire(timeout=30)
        assert retried.wait(30)
    finally:
        release.set()
        calls.close()
        calls.join(None)


class Start:
    """What ``Thread.start`` does to a sender: it goes on when it is let go."""

    def __init__(self, *, fails: bool) -> None:
        self.begun, self.let_go, self.ended = (threading.Event() for _ in range(3))
        self._fails, self._start = fails, Thread.start

    def __call__(self, thread: Thread) -> None:
        if "sender" in thread.name:
            self.begun.set()
            assert self.let_go.wait(30)
            self.ended.set()
            if self._fails:
                raise RuntimeError("can't start new thread")
        self._start(thread)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("others", [0, 1])
def test_pool_that_ends_while_a_thread_is_being_started_waits_for_it(
    make_sdk: MakeSdk,
    monkeypatch: pytest.MonkeyPatch,
    condition: LastFirst,
    others: int,
    fails: bool,
) -> None:
    calls = make_pool(2, make_sdk, condition)
    start = Start(fails=fails)
    hung, release, ran = threading.Semaphore(0), threading.Event(), threading.Event()

    def hang() -> None:
        hung.release()
        release.wait(60)

    for _ in range(others):
        calls.submit(hang)
        assert hung.acquire(timeout=30)
    monkeypatch.setattr(Thread, "start", lambda thread: start(thread))
    submitting = threading.Thread(target=calls.submit, args=(ran.set,), daemon=True)
    submitting.start()
    assert start.begun.wait(30)
    ending = threading.Thread(target=calls.close, daemon=True)
    ending.start()
    start.let_go.set()
    release.set()
    ending.join(30)
    calls.join(None)
    submitting.join(30)
    assert ran.is_set()
    assert start.ended.is_set()
    submitting.join(30)
    assert not submitting.is_alive()


def test_finalizer_ends_a_pool_whose_thread_it_has_interrupted_while_starting(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch, condition: LastFirst
) -> None:
    """It waits for nothing that goes on only when it returns."""
    calls, ran = make_pool(1, make_sdk, condition), threading.Event()

    start = Thread.start

    def interrupted(thread: Thread) -> None:
        calls.close()
        calls.join(None)
        assert ran.is_set()
        start(thread)

    monkeypatch.setattr(Thread, "start", interrupted)
    submitting = threading.Thread(target=calls.submit, args=(ran.set,), daemon=True)
    submitting.start()
    submitting.join(30)
    assert not submitting.is_alive()
    assert ran.is_set()


def test_shutdown_sends_by_itself_what_a_thread_was_to_send_that_fails_to_start(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch, condition: LastFirst
) -> None:
    start = Start(fails=True)
    monkeypatch.setattr(Thread, "start", lambda thread: start(thread))
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, max_in_flight=1, flush_buffer_size=1)
    sdk._control._pool._changed = condition
    sdk.track(TextEvent())
    assert start.begun.wait(30)
    start.let_go.set()
    assert sdk.shutdown(timeout=30)
    assert len(transport.batches) == 1


def test_lent_thread_is_given_back_once_there_are_others(
    make_sdk: MakeSdk, condition: LastFirst
) -> None:
    """Though what it waits for is far from due."""
    calls = make_pool(1, make_sdk, condition)
    with calls._changed:
        calls._push(lambda: None, 3600.0)
    lent = threading.Thread(target=calls.run_next, args=(None,), daemon=True)
    lent.start()
    condition.await_waits(1)
    calls.provide_thread()
    lent.join(30)
    assert not lent.is_alive()
    calls.close()
    calls.join(None)


def test_lent_thread_is_given_back_when_another_has_run_the_last_call(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch, condition: LastFirst
) -> None:
    monkeypatch.setattr("paltabrain_fast.process.lifetime.may_start_threads", lambda: False)
    calls = make_pool(1, make_sdk, condition)
    running, release = threading.Event(), threading.Event()

    def hang() -> None:
        running.set()
        release.wait(60)

    calls.submit(hang)
    first, second = (
        threading.Thread(target=calls.run_next, args=(None,), daemon=True) for _ in range(2)
    )
    first.start()
    assert running.wait(30)
    second.start()
    condition.await_waits(1)
    release.set()
    second.join(30)
    assert not second.is_alive()
