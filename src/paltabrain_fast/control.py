"""The control thread: decides when to frame, and keeps the buffer and the sender in step."""

from __future__ import annotations

import atexit
import contextlib
import logging
import threading
import time

from ._protocol import Engine
from .ledger import Ledger, Stats
from .options import Options
from .reporting import Reporter
from .sender import Sender
from .transport import Transport

__all__ = ["Control"]


class Control:
    """Frames what is buffered, at the interval or when it is woken, and hands it to the sender.

    Its thread is a daemon and starts with the first event. What is left at the end of the
    interpreter is flushed then, for ``exit_timeout`` seconds at the most.
    """

    def __init__(
        self, engine: Engine, options: Options, transport: Transport, reporter: Reporter
    ) -> None:
        self.ledger = Ledger()
        self._engine = engine
        self._options = options
        self._reporter = reporter
        self._sender = Sender(transport, options, self.ledger, reporter, self._on_settled)
        # A binary semaphore: held while there is nothing to do. Releasing it is one atomic call,
        # so that a signal handler may interrupt wake() and call it again.
        self._idle = threading.Lock()
        self._idle.acquire()
        self._framing = threading.RLock()  # its holder is the buffer's one consumer
        self._framer: int | None = None  # the thread that is framing now
        self._handed = 0  # events taken from the buffer and entered in the ledger
        self._backlog = False
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._stopping = False
        self._closing = threading.RLock()
        self._is_closing = False
        self._outcome: bool | None = None
        atexit.register(self._exit)

    @property
    def is_shutdown(self) -> bool:
        """Whether ``shutdown`` was called."""
        return self._stopping

    @property
    def is_started(self) -> bool:
        """Whether the control thread runs."""
        return self._thread is not None

    def wake(self) -> None:
        """Have the control thread frame what is buffered; re-entrant, never blocks."""
        with contextlib.suppress(RuntimeError):  # awake already
            self._idle.release()

    def event_recorded(self) -> None:
        """Note that an event was buffered; called after each one."""
        if self._thread is None:
            self._start()
        if len(self._engine) >= self._options.flush_buffer_size:
            self.wake()

    def flush(self, timeout: float | None) -> bool:
        """Frame what is buffered; with a timeout, wait until all of it is settled.

        Returns whether it was; without a timeout, whether it already is.
        """
        return self._settle(self._engine.accepted, _deadline(timeout or 0.0))

    def shutdown(self, timeout: float | None) -> bool:
        """Flush, wait until all is settled or the timeout is over, end the threads; idempotent.

        Returns whether every event was settled by an answer, none given up at the deadline. A
        signal handler that interrupts our own flush or shutdown gets ``False`` at once, as nothing
        can go on before it returns; the rest is done then, or at exit.
        """
        deadline = None if timeout is None else _deadline(timeout)
        self._engine.close()
        self._stopping = True
        if self._framer == threading.get_ident():
            return False
        if not self._closing.acquire(timeout=-1 if deadline is None else _left(deadline)):
            return False
        try:
            if self._outcome is None and not self._is_closing:
                self._is_closing = True
                try:
                    self._outcome = self._finish(deadline)
                finally:
                    self._is_closing = False
            return bool(self._outcome)
        finally:
            self._closing.release()

    def stats(self) -> Stats:
        """Return a consistent snapshot of the books."""
        with self._framing:
            return self.ledger.stats(self._engine.counts())

    def _finish(self, deadline: float | None) -> bool:
        self.wake()
        settled = self._settle(self._engine.accepted, deadline)
        if not settled:
            with self._framing:  # no batch is cut between the two
                lost = self._discard() + self._sender.abandon()
            self._reporter.log(
                logging.WARNING, "%d events were not delivered before the shutdown timeout", lost
            )
        self._sender.stop(deadline)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(None if deadline is None else _left(deadline))
        atexit.unregister(self._exit)
        return settled

    def _settle(self, mark: int, deadline: float | None) -> bool:
        """Frame whenever there is room until the first ``mark`` events are settled.

        Not left to the control thread, which may have ended.
        """
        settled = False
        while not settled:
            framed = self._drain()
            if not framed or (deadline is not None and time.monotonic() >= deadline):
                return self._is_settled(mark)
            self.ledger.wait(lambda: self._is_settled(mark) or self._can_frame(mark), deadline)
            settled = self._is_settled(mark)
        return True

    def _can_frame(self, mark: int) -> bool:
        return self._handed < mark and self._sender.has_room()

    def _is_settled(self, mark: int) -> bool:
        return self._handed >= mark and self.ledger.is_settled(mark)

    def _drain(self) -> bool:
        """Frame until the buffer is empty or enough batches are in flight.

        Returns ``False`` if this very thread is framing already, and was interrupted by a signal
        handler or a finalizer that calls us.
        """
        with self._framing:
            if self._framer is not None:
                self.wake()
                return False
            self._framer = threading.get_ident()
            try:
                # set before room is asked for, so that a batch that is settled meanwhile wakes us
                self._backlog = True
                while self._sender.has_room() and self._frame():
                    pass
                self._backlog = len(self._engine) > 0
            finally:
                self._framer = None
        return True

    def _frame(self) -> bool:
        """Cut one batch and hand it to the sender; returns whether there was one."""
        batch = self._engine.take(self._options.instance_id)
        if batch is None:
            return False
        if batch.too_large:
            self.ledger.drop("too_large", batch.too_large)
            self._reporter.warn_sparingly(
                "too_large", "%d events were dropped: too large for a batch", batch.too_large
            )
        if batch.events:
            self._sender.submit(batch)
        self._handed = batch.end
        return True

    def _discard(self) -> int:
        """Drop what is still buffered, as the shutdown timeout is over."""
        lost = 0
        while (batch := self._engine.take(self._options.instance_id)) is not None:
            lost += batch.end - batch.start
            self._handed = batch.end
        self.ledger.drop("shutdown_timeout", lost)
        return lost

    def _on_settled(self) -> None:
        if self._backlog:
            self.wake()

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return
        try:
            if self._thread is None and not self._stopping:
                thread = threading.Thread(target=self._run, name="paltabrain-control", daemon=True)
                thread.start()
                # one sender as well: from Python 3.12 on, none can be started at exit
                self._sender.ensure_threads(1)
                self._thread = thread
        except RuntimeError as error:  # no more threads; the next event tries again
            self._reporter.warn_sparingly("thread", "the control thread cannot start: %s", error)
        finally:
            self._starting.release()

    def _run(self) -> None:
        while not self._stopping:
            # acquiring clears the wake-up, before the buffer is read and never after
            self._idle.acquire(timeout=self._options.flush_interval_ms / 1000)
            try:
                self._drain()
            except Exception as error:
                self._reporter.warn_sparingly("framing", "framing failed: %r", error)

    def _exit(self) -> None:
        self.shutdown(self._options.exit_timeout)


def _deadline(timeout: float) -> float:
    """The reading of ``time.monotonic()`` when a timeout is over; any number is as good as its
    nearest one that can be waited for.
    """
    return time.monotonic() + min(max(timeout, 0.0), threading.TIMEOUT_MAX / 2)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
