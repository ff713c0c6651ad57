"""Runs calls when they are due, on daemon threads that start as they are needed."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

from ..process import lifetime
from ..process.clock import monotonic
from ..process.locks import Condition, get_ident
from ..process.threads import Thread
from .notify import Reporter

__all__ = ["Pool"]

Call = Callable[[], float | None]
"""What a pool runs; returns in how many seconds to run it again, ``None`` for never."""


class _Entry(NamedTuple):
    due: float
    number: int  # first come, first served
    call: Call


class Pool:
    """Up to ``max_threads`` threads and the calls that they are to run, each when it is due.

    A call that waits for its time holds no thread.
    """

    def __init__(self, max_threads: int, reporter: Reporter) -> None:
        self._max_threads = max_threads
        self._reporter = reporter
        self._changed = Condition()
        self._entries: list[_Entry] = []
        self._numbers = itertools.count()
        self._threads: list[Thread] = []
        self._lent: dict[int, float | None] = {}  # who runs calls for want of threads, until when
        self._running = 0
        self._closed = False
        self._failure: str | None = None  # of the last attempt to start a thread

    def has_threads(self) -> bool:
        """Tell whether there is a thread to run the calls."""
        with self._changed:
            # no generator: an exception that comes when it is closed would be lost
            for thread in self._threads:  # noqa: SIM110
                if thread.is_alive():
                    return True
            return False

    def submit(self, call: Call) -> None:
        """Run the call as soon as a thread is free."""
        self.enqueue(call)
        self.provide_thread()
        self.warn_of_failure()

    def enqueue(self, call: Call) -> None:
        """Run the call as soon as a thread is free, if there is one."""
        with self._changed:
            self._push(call, 0.0)

    def provide_thread(self) -> None:
        """Start another thread, if the calls that are due want one and there may be one."""
        with self._changed:
            wanted = min(self._max_threads, len(self._entries) + self._running)
            threads = len(self._threads)
            if self._closed or threads >= wanted or not lifetime.may_start_threads():
                return
            thread = Thread(f"sender-{threads}", self._work)
            try:
                self._threads.append(thread)  # it counts for a signal handler that comes meanwhile
                thread.start()
                failure = None
            except RuntimeError as error:  # no more threads, or the interpreter is ending
                failure = str(error)
            finally:
                if not thread.is_alive():
                    self._threads.remove(thread)
                self._changed.notify_all()  # one that is lent gives up
            self._failure = failure

    def warn_of_failure(self) -> None:
        """Log why there is no thread to send with, if so.

        Whoever calls it holds no lock: a handler may be waiting for one that its caller holds.
        """
        if self._failure is not None and not self.has_threads():
            self._reporter.warn_sparingly("thread", "no thread to send with: %s", self._failure)

    def run_next(self, deadline: float | None) -> bool:
        """Run one call in this thread, for want of others; wait for it until the deadline.

        Not once there are threads. Returns whether there was one to run.
        """
        if (call := self._next(deadline, lent=True)) is None:
            return False
        thread = get_ident()
        try:
            self._lent[thread] = deadline
            self._run(call)
        finally:
            self._lent.pop(thread, None)
        return True

    def is_lent(self) -> bool:
        """Tell whether this thread is inside ``run_next``: a signal handler may be asking."""
        return get_ident() in self._lent

    def lent_until(self) -> float:
        """Return the deadline of ``run_next``, if this thread is inside."""
        deadline = self._lent.get(get_ident())
        return math.inf if deadline is None else deadline

    def close(self) -> None:
        """Let the threads end, once they have run what is due; what is not will never run.

        Without any, it is run here.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        while not self.has_threads() and (call := self._next(None)) is not None:
            self._run(call)

    def join(self, deadline: float | None) -> None:
        """Wait until the threads of a closed pool have ended, or until the deadline."""
        for thread in list(self._threads):
            thread.wait(deadline)

    def _push(self, call: Call, delay: float) -> None:
        entry = _Entry(monotonic() + delay, next(self._numbers), call)
        heapq.heappush(self._entries, entry)
        self._changed.notify()

    def _work(self) -> None:
        while (call := self._next(None)) is not None:
            self._run(call)

    def _next(self, deadline: float | None, *, lent: bool = False) -> Call | None:
        """Wait for the next call that is due; ``None`` at the end, or at the deadline.

        A thread that is lent gives up when there are others, or nothing left to wait for.
        """
        with self._changed:
            while True:
                left = _left(deadline)
                if self._entries:
                    delay = self._entries[0].due - monotonic()
                    if delay <= 0:
                        call = heapq.heappop(self._entries).call
                        self._running += 1
                        if self._entries:  # another one waits for the rest
                            self._changed.notify()
                        return call
                    left = delay if left is None else min(left, delay)
                if self._closed or (left is not None and left <= 0.0):
                    return None
                if lent and self.has_threads():
                    return None
                self._changed.wait(left)
                if lent and not self._entries:
                    return None

    def _run(self, call: Call | None) -> None:
        if call is None:
            return
        delay = None
        try:
            delay = call()
        # a call sees to its own faults; this one must not cost the thread
        except BaseException as error:
            self._reporter.warn_sparingly("pool", "a sender thread failed: %r", error)
        finally:
            with self._changed:
                self._running -= 1
                if delay is not None:
                    self._push(call, delay)
                if self._lent:  # another one may be waiting for what this was
                    self._changed.notify_all()


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - monotonic())
