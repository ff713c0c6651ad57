"""The pool of sender threads: each call is run when it is due, whoever is woken for it."""

from __future__ import annotations

import threading
import time

from paltabrain_fast import InMemoryTransport
from paltabrain_fast.pool import Pool

from .support.sdk import MakeSdk


class LastFirst(threading.Condition):
    """Wakes whoever began to wait last: ``threading`` documents no order."""

    def notify(self, n: int = 1) -> None:
        waiters = self._waiters  # type: ignore[attr-defined]
        waiters.reverse()
        super().notify(n)
        waiters.reverse()

    def has_waiters(self, count: int, deadline: float = 30.0) -> bool:
        """Wait until so many threads wait."""
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            with self:
                if len(self._waiters) == count:  # type: ignore[attr-defined]
                    return True
            time.sleep(0.001)
        return False


def test_retry_is_waited_for_when_others_take_new_calls(make_sdk: MakeSdk) -> None:
    """Of three idle threads, the two that know when it is due are given calls that hang."""
    calls = Pool(3, make_sdk(transport=InMemoryTransport())._control._reporter)
    calls._changed = condition = LastFirst()
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
    assert condition.has_waiters(3)
    calls.submit(retry)
    assert condition.has_waiters(3)
    try:
        for _ in range(2):
            calls.submit(hang)
            assert hung.acquire(timeout=30)
        assert retried.wait(30)
    finally:
        release.set()
        calls.close()
        calls.join(None)
