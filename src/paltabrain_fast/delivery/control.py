"""The control thread: frames the buffer, and provides the sender threads."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Final

from .._engine.protocol import Engine
from ..constant import BATCH_MAX_BYTE_SIZE
from ..errors import EventTooLargeError
from ..options import Options
from ..process import lifetime
from ..process.clock import monotonic, seconds_left
from ..process.pristine import Lock
from ..process.threads import Thread, current_thread
from .framer import Framer
from .ledger import Ledger
from .lifecycle import Lifecycle, State
from .notify import Reporter
from .schedule import Schedule
from .telling import Teller
from .workers import Workers

__all__ = ["Control"]

_FAULT_SECONDS: Final = 1.0
"""How long the control thread rests after a fault of its own."""


class Control:
    """Frames what is buffered, at the interval or when it is asked to, and starts all threads.

    Its thread is a daemon and starts with the first event. It sleeps until there is something to
    do: without a time limit when an interval has passed without events. It takes no signals, so
    none of its work is interrupted by a handler; a finalizer may run in it.

    ``wake``, ``ensure_thread`` and ``request_flush`` may be called by any thread, and by handlers
    and finalizers: they wait for nothing. ``work_here`` does the same work in the caller's thread
    where no control thread can run.
    """

    def __init__(
        self,
        engine: Engine,
        options: Options,
        lifecycle: Lifecycle,
        ledger: Ledger,
        framer: Framer,
        workers: Workers,
        reporter: Reporter,
        teller: Teller,
        on_start: Callable[[], object],
    ) -> None:
        self._engine = engine
        self._options = options
        self._lifecycle = lifecycle
        self._ledger = ledger
        self._framer = framer
        self._workers = workers
        self._reporter = reporter
        self._teller = teller
        self._on_start = on_start
        self.flush_mark = 0
        """How many events are to be framed, or were, without waiting for the interval."""
        self._schedule = Schedule()
        # A binary semaphore: held while there is nothing to do. A condition would need a lock,
        # which a signal handler may find held by the thread that it has interrupted. To release
        # this takes one atomic call.
        self._idle = Lock()
        self._idle.acquire()
        # set under the lock of the books; it may not have started yet
        self._thread: Thread | None = None
        self._waiting_for_capacity = False  # whether events wait until a batch is settled

    # For any thread

    def wake(self) -> None:
        """Have the control thread, if there is one, look for work."""
        with contextlib.suppress(RuntimeError):  # awake already
            self._idle.release()

    def ensure_thread(self) -> bool:
        """Start the control thread if need be, and have it look for work.

        Returns:
            Whether it does the work that the caller may wait for; ``False`` where none can run, and
            in the thread itself.
        """
        if not self.is_running and self._lifecycle.is_running:
            with self._ledger.books:
                if self._thread is None:
                    self._thread = Thread("control", self._run)
                thread = self._thread
            # Each thread that comes here tries to start it, and the first one does. A thread that
            # left that to another one might wait in vain: as a signal handler, it may have
            # interrupted the other one.
            self._start(thread)
        self.wake()
        return self.is_running and self._thread is not current_thread()

    def request_flush(self) -> int:
        """Have all that is accepted framed as soon as batches may be in flight.

        Returns:
            How many events that are, since the engine was made.
        """
        mark = self._advance_flush_mark()
        # Without room there is nothing to frame yet: on_settled() wakes the thread when there is.
        # So not every event that finds the buffer full wakes it in vain.
        if self._flush_requested and self._framer.has_room:
            self.ensure_thread()
        return mark

    @property
    def is_running(self) -> bool:
        """Whether there is a control thread, whose work need not be done by others."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def on_settled(self) -> None:
        """Have the control thread frame what waits for a batch to be settled."""
        if self._workers.is_running_low:
            self.on_room()
        if not self._lifecycle.is_running:  # the thread may have ended before this outcome came
            self.queue_callbacks()
            self.tell_rest()

    def on_room(self) -> None:
        """Have the control thread frame what waits for room, if there is any."""
        if (self._waiting_for_capacity or self._flush_requested) and self._framer.has_room:
            self.wake()

    def on_loss(self) -> None:
        """Have the user told of a loss when that is due."""
        if self._lifecycle.is_running and self.is_running:
            self.wake()
        elif self._ledger.books.is_owned():  # where no thread is started; whoever drops here tells
            pass
        elif self._lifecycle.is_running:
            self.ensure_thread()
        else:
            self.tell_rest()

    def tell_rest(self) -> None:
        """Have the user told of what is lost at the end: the control thread tells no more."""
        if self._lifecycle.state is State.CLOSED and self._teller.due < math.inf:
            self._teller.tell_later()

    def tell(self, until: float = math.inf) -> None:
        """Tell the user of the losses that are due by then; not for ``track()``."""
        self._framer.enter_shed()
        self._teller.tell(until)

    def join(self, deadline: float | None) -> None:
        """Wait for the end of the thread."""
        if (thread := self._thread) is not None:
            thread.wait(deadline)

    def abandon(self) -> None:
        """Wait for the thread no more, in a forked child: it is the parent's."""
        if (thread := self._thread) is not None:
            thread.abandon()

    # Where no control thread can run: at the end of the interpreter, in uWSGI without threads

    def work_here(self, limit: float | None, deadline: float | None) -> bool:
        """Frame, and make one attempt or callback, in the caller's thread.

        Args:
            limit: how long to wait for what is to be done next.
            deadline: how long that may take.

        Returns:
            Whether there was something to do.
        """
        self._frame(self._advance_flush_mark())
        self._workers.wake()
        self.tell(monotonic())
        self.queue_callbacks()
        return self._workers.run_next(limit, math.inf if deadline is None else deadline)

    def queue_callbacks(self) -> None:
        """Have a sender thread call ``on_error``, if there is an error to tell."""
        if self._reporter.callbacks:
            self._workers.submit(self._run_callbacks)

    def _run_callbacks(self, _until: float) -> None:
        self._reporter.callbacks.run()

    # In the control thread

    @property
    def _flush_requested(self) -> bool:
        return self.flush_mark > self._ledger.framed_mark

    def _advance_flush_mark(self) -> int:
        # Under a lock, or a thread that has read a smaller count could take back the request of
        # another one. So could this one that of a signal handler, were there no comparison: between
        # that and the assignment, where no call stands, none comes.
        with self._ledger.books:
            mark = self._engine.mark()
            if mark > self.flush_mark:
                self.flush_mark = mark
        return mark

    def _start(self, thread: Thread) -> None:
        self._on_start()
        try:
            if lifetime.may_start_threads():
                with self._ledger.books:
                    thread.start()
        except RuntimeError as error:
            self._reporter.log_sparingly("thread", "the control thread cannot start: %s", error)
        if not thread.is_alive():
            self._note_end(thread)

    def _run(self) -> None:
        try:
            while self._lifecycle.is_running:
                try:
                    # This takes the wake-up, before the buffer is read: what is tracked after the
                    # buffer was read wakes again.
                    self._idle.acquire(timeout=self._sleep_seconds())
                    self._work()
                except Exception as error:
                    self._reporter.warn_sparingly("framing", "framing failed: %r", error)
                    self._idle.acquire(timeout=_FAULT_SECONDS)
        finally:
            if (thread := current_thread()) is not None:
                self._note_end(thread)

    def _note_end(self, thread: Thread) -> None:
        """Note that the thread has ended, or was never started: the next event starts another."""
        with self._ledger.books:
            if self._thread is thread:
                self._thread = None
                self._engine.arm(1)  # a consumer's call; there is no other consumer now
                self._ledger.books.notify_all()

    def _sleep_seconds(self) -> float:
        """Return how long to sleep, -1 for ever; arm the engine, so that events end the sleep."""
        seconds = self._seconds_until_framing()
        has_threads = self._workers.has_threads()
        call = self._workers.help_due() if has_threads else self._workers.next_due()
        due = min(self._teller.due, math.inf if call is None else call)
        if due == math.inf:
            return seconds
        return seconds_left(due) if seconds < 0 else min(seconds, seconds_left(due))

    def _seconds_until_framing(self) -> float:
        # Under the lock of settle(): either the batch was settled before, and has made room, or
        # on_settled() finds this set.
        with self._ledger.books:
            self._waiting_for_capacity = len(self._engine) > 0 and not self._framer.has_room
        if self._waiting_for_capacity:
            self._engine.prefault()  # now, as the buffer is likely to fill
            return -1
        if self._flush_requested and len(self._engine):
            return 0
        if self._schedule.is_idle:
            if self._engine.arm(1):
                return -1
            self._schedule.begin(monotonic())
        if self._engine.arm(self._options.flush_events):
            return seconds_left(self._schedule.due_at(self._options.flush_seconds))
        # The flush by number is paced. As many as fill a batch end the sleep, if they are as large
        # as those that are buffered.
        due, counts = self._enough_due_at(), self._engine.counts()
        left = self._full_bytes - counts.pending_bytes
        if due <= monotonic() or left <= 0:
            return 0
        events = counts.pending_events + left * counts.pending_events // max(
            1, counts.pending_bytes
        )
        return seconds_left(due) if self._engine.arm(events + 1) else 0

    def _enough_due_at(self) -> float:
        options = self._options
        return self._schedule.enough_due_at(options.flush_seconds, options.pace_seconds)

    @property
    def _full_bytes(self) -> int:
        """How much is framed whatever the pace: batches get no fuller, or the buffer gets full."""
        return min(BATCH_MAX_BYTE_SIZE, self._options.buffer_bytes // 2)

    def _is_due(self, now: float) -> bool:
        """Tell whether to frame now: the interval is over, or enough is buffered."""
        if len(self._engine) < self._options.flush_events:
            return now >= self._schedule.due_at(self._options.flush_seconds)
        if now >= self._enough_due_at():
            return True
        return self._engine.counts().pending_bytes >= self._full_bytes

    def _work(self) -> None:
        if self._teller.due <= monotonic():
            self.tell(monotonic())
        self.queue_callbacks()
        now = monotonic()
        self._schedule.begin(now)
        if is_due := self._is_due(now):
            # also for what finds no room now, and is to be framed as soon as there is room
            self._advance_flush_mark()
        if is_due or self._flush_requested:
            framed_before = self._ledger.framed_count
            self._frame(self.flush_mark)
            was_busy = self._ledger.framed_count != framed_before or len(self._engine) > 0
            self._schedule.framed(now, was_busy=was_busy)
        self._workers.provide_threads()
        self._ledger.notify()  # of what was framed; and begin_exit() waits for the threads
        # None could be started: this thread makes all calls that are due, and then frames on.
        while not self._workers.has_threads() and self._workers.run_next(monotonic()):
            pass

    def _frame(self, mark: int) -> None:
        if too_large := self._framer.frame(mark):
            error = EventTooLargeError(None, BATCH_MAX_BYTE_SIZE)
            self._reporter.too_large(error, too_large)
