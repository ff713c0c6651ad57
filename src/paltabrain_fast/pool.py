"""Runs calls when they are due, on daemon threads that start as they are needed."""

from __future__ import annotations

import _thread
import contextlib
import heapq
import itertools
import math
import threading
from collections.abc import Callable, Sized
from typing import NamedTuple, cast

from . import fork_guard, process
from ._clock import monotonic, wait_for
from .reporting import Reporter

__all__ = ["Pool", "Thread", "is_ours"]

Call = Callable[[], float | None]
"""What a pool runs; returns in how many seconds to run it again, ``None`` for never."""


class _Mark(threading.local):
    ours = False


_mark = _Mark()


def is_ours() -> bool:
    """Tell whether the current thread is one of the SDK's own."""
    return _mark.ours


class Thread(threading.Thread):
    """A thread of the SDK's own; a daemon, so that it never keeps a process alive."""

    def __init__(self, name: str, target: Callable[[], object]) -> None:
        super().__init__(name=f"paltabrain-{name}", daemon=True)
        self._call = target
        self._launched: threading.Event | None = None

    def run(self) -> None:
        """Run the target."""
        _mark.ours = True
        try:
            self._call()
        finally:
            del self._call  # and what it refers to
            fork_guard.end_thread()

    def launch(self, failed: Callable[[RuntimeError], object]) -> None:
        """Start without waiting for anything, as signal handlers and finalizers need it.

        ``start`` takes a lock of ``threading`` that the interrupted code may hold; so it is called
        in a thread where it can wait.

        Args:
            failed: called if no thread can be started.
        """
        launched = threading.Event()
        try:
            _thread.start_new_thread(self._launch, (failed, launched))
        except RuntimeError as error:
            failed(error)
        else:  # not before: a signal handler that waits for it would wait for us
            self._launched = launched

    def _launch(self, failed: Callable[[RuntimeError], object], launched: threading.Event) -> None:
        try:
            self.start()
        except RuntimeError as error:
            failed(error)
        finally:
            launched.set()

    def wait(self, deadline: float | None) -> None:
        """Wait for its end, if it is another thread and was started, or until the deadline."""
        if self is threading.current_thread():
            return
        if self._launched is None or self._launched.wait(_left(deadline)):
            with contextlib.suppress(RuntimeError):  # it could not be started
                self.join(_left(deadline))


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
        self._changed = threading.Condition()
        self._entries: list[_Entry] = []
        self._numbers = itertools.count()
        self._threads: list[Thread] = []
        self._starters: dict[Thread, int] = {}  # who is starting another one just now
        self._lent: dict[int, float | None] = {}  # who runs calls for want of threads, until when
        self._running = 0
        self._closed = False

    def has_threads(self, deadline: float | None) -> bool:
        """Tell whether there is a thread to run the calls.

        One that is being started may fail to: that is waited for, until the deadline.
        """
        with self._changed:
            wait_for(self._changed, lambda: self._threads or not self._starts(), deadline)
            return bool(self._threads) or self._starts()

    def submit(self, call: Call) -> None:
        """Run the call as soon as a thread is free."""
        self.enqueue(call)
        self.provide_thread()

    def enqueue(self, call: Call) -> None:
        """Run the call as soon as a thread is free, if there is one."""
        with self._changed:
            self._push(call, 0.0)

    def provide_thread(self) -> None:
        """Start another thread, if the calls that are due want one and there may be one."""
        with self._changed:
            wanted = min(self._max_threads, len(self._entries) + self._running)
            threads = len(self._threads) + len(self._starters)
            if self._closed or threads >= wanted or not process.may_start_threads():
                return
            thread = Thread(f"sender-{threads}", self._work)
            self._starters[thread] = threading.get_ident()
        # not under the lock: it waits for one of ``threading``, and whoever has that may want ours
        failure: str | None = "interrupted"  # whether there is one, then, nobody knows
        try:
            thread.start()
            failure = None
        except RuntimeError as error:  # no more threads, or the interpreter is ending
            failure = str(error)
        finally:
            with self._changed:
                if failure is None:
                    self._admit(thread)
                self._starters.pop(thread, None)
                self._changed.notify_all()
        if failure is not None and not self._threads:
            self._reporter.warn_sparingly("thread", "no thread to send with: %s", failure)

    def run_next(self, deadline: float | None) -> None:
        """Run one call in this thread, for want of others; wait for it until the deadline.

        Not once there are threads.
        """
        if (call := self._next(deadline, self._threads)) is None:
            return
        thread = threading.get_ident()
        try:
            self._lent[thread] = deadline
            self._run(call)
        finally:
            self._lent.pop(thread, None)

    def is_lent(self) -> bool:
        """Tell whether this thread is inside ``run_next``: a signal handler may be asking."""
        return threading.get_ident() in self._lent

    def lent_until(self) -> float:
        """Return the deadline of ``run_next``, if this thread is inside."""
        deadline = self._lent.get(threading.get_ident())
        return math.inf if deadline is None else deadline

    def close(self, deadline: float | None) -> None:
        """Let the threads end, once they have run what is due; what is not will never run.

        Without any, it is run here.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        while not self.has_threads(deadline) and (call := self._next(None)) is not None:
            self._run(call)

    def join(self, deadline: float | None) -> None:
        """Wait until the threads of a closed pool have ended, or until the deadline."""
        with self._changed:
            wait_for(self._changed, lambda: not self._starts(), deadline)
            threads = list(self._threads)
        for thread in threads:
            thread.wait(deadline)

    def _starts(self) -> bool:
        """Tell whether another thread is starting one: not a frame below us, in a finalizer."""
        return any(starter != threading.get_ident() for starter in self._starters.values())

    def _push(self, call: Call, delay: float) -> None:
        entry = _Entry(monotonic() + delay, next(self._numbers), call)
        heapq.heappush(self._entries, entry)
        self._changed.notify()

    def _admit(self, thread: Thread) -> None:
        with self._changed:
            self._starters.pop(thread, None)  # it counts once
            if thread not in self._threads:
                self._threads.append(thread)
                self._changed.notify_all()

    def _work(self) -> None:
        # again, lest a Ctrl-C has interrupted whoever started it
        self._admit(cast(Thread, threading.current_thread()))
        while (call := self._next(None)) is not None:
            self._run(call)

    def _next(self, deadline: float | None, others: Sized | None = None) -> Call | None:
        """Wait for the next call that is due; ``None`` at the end, or at the deadline.

        A thread that is lent gives up when there are ``others``, or nothing left to wait for.
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
                if self._closed or others or (left is not None and left <= 0.0):
                    return None
                self._changed.wait(left)
                if others is not None and not self._entries:
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
