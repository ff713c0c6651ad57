"""The sender threads, and the calls that they make when these are due.

A call that waits for its time, such as a retry, holds no thread.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable
from typing import Final

from ..process import lifetime
from ..process.clock import is_over, monotonic, seconds_left
from ..process.locks import Condition
from ..process.reentrancy import own_thread
from ..process.threads import Thread
from .ledger import Ledger
from .notify import Reporter

__all__ = ["Workers"]

Call = Callable[[float], float | None]
"""What a worker does: takes the ``monotonic()`` by which it must be done, ``inf`` for no limit;
returns in how many seconds it is to be called again, ``None`` for never."""


_PATIENCE_SECONDS: Final = 0.005
"""How long a call may be due, and no thread begin one, before another thread is woken or started.
Shorter than a request through a network, so that several are made at once; longer than on one
machine, where a thread that has made one call takes the next without the help of others."""

_FEW: Final = 4
"""At how many calls that are due and left it is time to have others made."""

_AT_THE_END: Final = "interpreter shutdown"
"""Part of what Python says of a thread that cannot be started because the interpreter ends."""

_FAULT_SECONDS: Final = 1.0
"""How long the system is not asked for another thread when it had none to spare."""


class Workers:
    """Up to ``max_threads`` threads, which make calls when these are due.

    Any thread may submit a call; only the control thread provides threads. Another one is woken, or
    started, when those that make calls do not keep up: to hand a call over to a thread that sleeps
    costs more than most calls. Where there are no threads, whoever waits for the calls makes them,
    by ``run_next``.

    Args:
        max_threads: how many there may be.
        reporter: is told of what goes wrong.
        ledger: knows how many batches may need a thread before the end.

    Attributes:
        on_busy: called when the control thread is to look whether another thread is needed, earlier
            than ``help_due`` has told it.
        on_low: called when few calls are left. Both are called under the lock, and must wait for
            nothing.
    """

    def __init__(self, max_threads: int, reporter: Reporter, ledger: Ledger) -> None:
        self._max_threads = max_threads
        self._reporter = reporter
        self._ledger = ledger
        self.on_busy: Callable[[], object] = lambda: None
        self.on_low: Callable[[], object] = lambda: None
        # Its lock protects all that follows. Only _threads grows without it: in the control thread,
        # by an atomic append().
        self._changed = Condition()
        self._ready: deque[Call] = deque()  # those that are due, first come, first served
        self._ready_since = -math.inf  # when the first of them became due, or one was begun
        self._later: list[tuple[float, int, Call]] = []  # a heap: when each is due
        self._numbers = itertools.count()
        self._threads: list[Thread] = []
        self._running = 0  # calls that are being made
        self._taken = 0  # calls that were begun so far
        self._is_slow = False  # whether the call that has ended last took longer than the patience
        self._cannot_start = False  # the system had no thread to spare when asked last
        self._start_again = -math.inf  # until when it is not asked again
        self._help_due = math.inf  # when the control thread looks whether another one is needed
        self._is_hurried = False
        self._is_closed = False

    def submit(self, call: Call, delay: float = 0.0, wake: bool = True) -> None:
        """Have a call made in so many seconds; any thread may ask, and waits for nothing.

        Args:
            call: what is to be made.
            delay: seconds.
            wake: whether to wake a thread for it; if not, ``wake`` is to be called after this.
        """
        with self._changed:
            if delay <= 0.0:
                if not self._ready:
                    self._ready_since = monotonic() + delay
                self._ready.append(call)
            else:
                heapq.heappush(self._later, (monotonic() + delay, next(self._numbers), call))
            if wake:
                self._changed.notify()

    def wake(self) -> None:
        """Have a thread begin what is due, unless one that makes a call will do so in time."""
        with self._changed:
            if not self._ready:
                return
            is_looking = len(self._threads) - self._running > self._changed.waiting
            if (self._hands_over and not is_looking) or is_over(self._next_wake()):
                self._ready_since = monotonic()  # from now on, the one that is woken has its time
                self._changed.notify()

    @property
    def is_running_low(self) -> bool:
        """Whether few calls are due that nobody makes yet."""
        return len(self._ready) <= _FEW

    def has_threads(self) -> bool:
        """Tell whether there is a thread to make the calls."""
        with self._changed:
            # not any(): what a signal handler raises while a generator is closed would be lost
            return True in [thread.is_alive() for thread in self._threads]

    def provide_threads(self) -> None:
        """Start the threads that are needed; by the control thread alone.

        If the system has no more threads, that is logged. So the caller must hold no lock: a log
        handler may wait for it.
        """
        self.wake()
        while self.needs_thread():
            thread = Thread(f"sender-{len(self._threads)}", self._work)
            try:
                thread.start()
            except RuntimeError as error:
                self._cannot_start = True
                self._start_again = monotonic() + _FAULT_SECONDS
                # when the interpreter ends, the exit sends what is left itself
                if not self.has_threads() and _AT_THE_END not in str(error):
                    self._reporter.warn_sparingly("thread", "no thread to send with: %s", error)
                return
            self._cannot_start = False
            self._threads.append(thread)

    def needs_thread(self) -> bool:
        """Tell whether another thread is needed, and may be started."""
        with self._changed:
            is_needed = is_over(self._next_start())
        return is_needed and lifetime.may_start_threads()

    def help_due(self) -> float | None:
        """Tell when another thread is needed if nothing changes; ``None`` if none is.

        Whoever asks calls ``provide_threads`` then, or when ``on_busy`` is called.
        """
        with self._changed:
            start = self._next_start() if lifetime.may_start_threads() else math.inf
            self._help_due = due = min(start, self._next_wake())
        return due if due < math.inf else None

    def hurry(self, *, at_once: bool = False) -> None:
        """Have as many threads as there are calls from now on, be they due or not.

        The end has begun: there is no time to see whether fewer would do, and soon none may be
        started any more.

        Args:
            at_once: whether the calls that wait for their time are due now.
        """
        with self._changed:
            self._is_hurried = True
            if at_once:
                self.retry_now()

    def retry_now(self) -> None:
        """Have the calls made now that wait for their time."""
        with self._changed:
            for entry in sorted(self._later):
                self.submit(entry[2])
            self._later = []
            self._changed.notify_all()

    @property
    def _hands_over(self) -> bool:
        """Whether a thread is woken for each call that is due, and not left to take turns."""
        return self._is_slow or self._is_hurried or not self._running or not self._threads

    def _next_wake(self) -> float:
        """Return when a thread that sleeps is needed, by ``monotonic()``; ``inf`` for never."""
        if len(self._ready) == 1 and not self._running:  # the one that was woken takes it
            return math.inf
        if self._ready and self._running < len(self._threads):
            return self._ready_since + _PATIENCE_SECONDS
        return math.inf

    def _next_start(self) -> float:
        """Return when another thread is to be started, by ``monotonic()``; ``inf`` for never."""
        threads, calls = len(self._threads), len(self._ready) + len(self._later)
        if self._is_closed or threads >= self._max_threads:
            return math.inf
        if self._is_hurried:
            wanted = max(calls + self._running, self._ledger.in_flight)
            return self._start_again if threads < wanted else math.inf
        if not calls or self._running < threads:
            return math.inf
        due = self._ready_since if self._ready else self._later[0][0]
        if threads:
            due += _PATIENCE_SECONDS
        return max(due, self._start_again)

    def is_short(self) -> bool:
        """Tell whether each thread makes a call, and no other can be started."""
        with self._changed:
            alive = [thread.is_alive() for thread in self._threads].count(True)
            is_busy = self._running >= alive
        return is_busy and (self._cannot_start or not lifetime.may_start_threads())

    def next_due(self) -> float | None:
        """Return when the next call is due, by ``monotonic()``; ``None`` if there is none."""
        with self._changed:
            if self._ready:
                return self._ready_since
            return self._later[0][0] if self._later else None

    def run_next(self, deadline: float | None, until: float = math.inf) -> bool:
        """Make one call in this thread, for want of others.

        Args:
            deadline: how long to wait for one that is due, as a reading of ``monotonic()``.
            until: by when the call must be done.

        Returns:
            Whether there was one.
        """
        call = self._take(deadline, for_want_of_threads=True)
        if call is not None:
            self._run(call, until)
        return call is not None

    def close(self) -> None:
        """Let the threads end when they have made what is due; what is not is never made.

        Without threads, the calls that are due are made here.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        while not self.has_threads() and (call := self._take(None)) is not None:
            self._run(call, math.inf)

    def join(self, deadline: float | None) -> None:
        """Wait until the threads have ended, or until the deadline; after ``close()``."""
        for thread in list(self._threads):
            thread.wait(deadline)

    def abandon(self) -> None:
        """Make no more calls, in a forked child: they are the parent's."""
        self._ready, self._later = deque(), []
        self._is_closed = True
        self._changed.reinit_after_fork()
        for thread in self._threads:
            thread.abandon()

    def _work(self) -> None:
        taken = None
        while (call := self._take(None, taken)) is not None:
            taken = self._taken
            self._run(call, math.inf)

    def _take(
        self,
        deadline: float | None,
        taken: int | None = None,
        *,
        for_want_of_threads: bool = False,
    ) -> Call | None:
        """Wait for the next call that is due.

        Args:
            deadline: how long to wait, as a reading of ``monotonic()``.
            taken: how many had been taken, the last one by this thread; ``None`` if it makes the
                next one in any case.
            for_want_of_threads: whether the caller makes calls since nobody else does.

        Returns:
            ``None`` at the end, or at the deadline; for want of threads also if there is nothing to
            wait for.
        """
        with self._changed:
            while True:
                left = None if deadline is None else seconds_left(deadline)
                if self._later and (delay := self._admit()) is not None:
                    left = delay if left is None else min(left, delay)
                if self._ready and taken is not None and self._is_spare(taken):
                    self._ask_for_help()
                elif self._ready:
                    call = self._ready.popleft()
                    self._running += 1
                    self._taken += 1
                    if self._ready or self._later:
                        self._leave_to_others()
                    return call
                if (
                    for_want_of_threads
                    and not self._later
                    and (not self._running or self.has_threads())
                ):
                    return None
                if self._is_closed or is_over(deadline):
                    return None
                taken = None
                self._changed.wait(left)

    def _admit(self) -> float | None:
        """Make ready what is due by now; return in how many seconds the next call is."""
        now = monotonic()
        while self._later:
            due = self._later[0][0]
            if due > now:
                return due - now
            if not self._ready:
                self._ready_since = due
            self._ready.append(heapq.heappop(self._later)[2])
        return None

    def _leave_to_others(self) -> None:
        """See to what is left when a call was taken."""
        if self._ready:
            self._ready_since = monotonic()
        # Another thread takes over to wait for the next call: it may have gone to sleep when there
        # was none, and so without a time limit.
        if self._later or self._hands_over:
            self._changed.notify()
        self._ask_for_help()
        if len(self._ready) == _FEW:
            self.on_low()

    def _is_spare(self, taken: int) -> bool:
        """Tell whether others keep up with the calls, so that this thread may sleep.

        Threads that take turns where one is enough only wait for each other. One that has taken a
        call since, and makes it, is there to take the next; if that takes long, this one is woken.
        """
        others_go_on = self._running > 0 and self._taken != taken
        return others_go_on and not self._hands_over and not self._is_closed

    def _ask_for_help(self) -> None:
        """Have the control thread look in time whether another thread is needed."""
        # Whoever makes a call is given time for that, unless they are hurried. If the control
        # thread looks by then anyway, there is no need to find out more.
        if self._is_hurried or self._help_due > monotonic() + _PATIENCE_SECONDS:
            help_due = min(self._next_start(), self._next_wake())
            if help_due < self._help_due:
                self._help_due = help_due
                self.on_busy()

    def _run(self, call: Call, until: float) -> None:
        delay, begun = None, monotonic()
        try:
            delay = call(until)
        # each call handles its own faults; what comes here all the same must not end the thread
        except BaseException as error:
            if own_thread() is None and not isinstance(error, Exception):
                delay = 0.0  # a signal handler has ended the call, which another thread makes
                raise
            self._reporter.warn_sparingly("pool", "a sender thread failed: %r", error)
        finally:
            with self._changed:
                self._is_slow = monotonic() - begun > _PATIENCE_SECONDS
                if delay is not None:  # first, as it is still to be made if nothing runs
                    self.submit(call, delay)
                self._running -= 1
                if not self._threads:  # others may wait in run_next()
                    self._changed.notify_all()
