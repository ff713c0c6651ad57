"""The control thread: decides when to frame, and keeps the buffer and the sender in step."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Literal

from .._engine.protocol import Engine, FramedBatch
from ..constant import REQUEST_MAX_WORKERS
from ..errors import DropReason
from ..options import Options
from ..process import lifetime
from ..process.clock import monotonic
from ..process.fork_barrier import guarded, is_forking
from ..process.locks import TIMEOUT_MAX, Condition, Lock, RLock, acquire, current, get_ident
from ..process.reentrancy import is_logging
from ..process.threads import Thread, current_thread
from ..sdk_pb2 import BatchTelemetry
from ..transport import Transport, make_transport
from .ledger import Ledger, Stats
from .notify import Reporter
from .sender import FROZEN_SECONDS, Delivery, Sender
from .workers import Pool

__all__ = ["Control"]

_SHED_MS: Final = 100
"""For how long a full buffer is not asked again whether it can be emptied."""

_FAULT_SECONDS: Final = 1.0
"""How long the control thread rests after a fault of its own."""


_ENDING_SECONDS: Final = 0.1
"""How long ``shutdown`` waits beyond its deadline for threads that are ending."""


class Control:
    """Frames what is buffered, at the interval or when it is woken, and hands it to the sender.

    Its thread is a daemon and starts with the first event. It sleeps until there is something to
    do: without a time limit when an interval has passed without events.

    Args:
        engine: the buffer.
        options: read each time they are needed.
        transport: the user's own, who closes it; or the name of one that we make, ``None`` for the
            default one.
        reporter: where failures are told.
    """

    def __init__(
        self,
        engine: Engine,
        options: Options,
        transport: Transport | Literal["curl"] | None,
        reporter: Reporter,
    ) -> None:
        self._engine = engine
        self._options = options
        self._make_transport: Callable[[], Transport] | None = None
        if transport is None or isinstance(transport, str):
            self._make_transport = partial(make_transport, transport)
            with guarded():
                transport = self._make_transport()
        self._transport = transport
        self._reporter = reporter
        self._stopping = False
        self._released = False
        self._start()
        reporter.notify = self.event_recorded

    def _start(self) -> None:
        """Make all that a fork must renew, but for buffer and transport."""
        self.ledger = Ledger()
        self._reporter.renew(self.ledger)
        self._pool = Pool(REQUEST_MAX_WORKERS, self._reporter)
        self._sender = Sender(
            self._transport,
            self._options,
            self.ledger,
            self._reporter,
            self._pool,
            self._on_settled,
        )
        # A binary semaphore: held while there is nothing to do. Releasing it is one atomic call,
        # so that a signal handler may interrupt wake() and call it again.
        self._idle = Lock()
        self._idle.acquire()
        self._framing = RLock()  # its holder is the buffer's one consumer
        self._framer: int | None = None  # the thread that is framing now
        self._handed = 0  # events taken from the buffer and entered in the ledger
        self._flushed = 0  # events that a flush() is to hand over, or has
        self._room = Condition()  # notified when the buffer has some again
        self._since: float | None = None  # when the interval began; None: nothing to flush
        self._starved = False  # events wait until a batch is settled
        self._urgent = False  # the buffer was found full
        self._thread: Thread | None = None
        self._starting = RLock()
        self._is_starting = False
        self._closing = Condition()  # notified when nobody is in shutdown() any more
        self._closer: object | None = None  # who is
        self._outcome: bool | None = None

    def renew(self) -> None:
        """Start from nothing in a forked child: no events, threads or locks."""
        self.ledger.dismiss()
        failure: Exception | None = None
        try:
            self._renew_transport()
        except Exception as error:
            failure = error
        self._start()
        self._engine.renew()  # in the end: other threads may track from then on
        if failure is not None:
            self._reporter.log(logging.WARNING, "after_fork() of the transport failed: %r", failure)

    def _renew_transport(self) -> None:
        # our own ones know by themselves which process they are in
        if self._make_transport is None and callable(
            after_fork := getattr(self._transport, "after_fork", None)
        ):
            after_fork()

    @property
    def is_shutdown(self) -> bool:
        """Whether ``shutdown`` was called."""
        return self._stopping

    @property
    def is_forked(self) -> bool:
        """Whether all of this is the parent's, and yet to be renewed."""
        return self._engine.forked

    def wake(self) -> None:
        """Have the control thread, if there is one, look for work; re-entrant, never blocks."""
        with contextlib.suppress(RuntimeError):  # awake already
            self._idle.release()

    def event_recorded(self) -> None:
        """Have the control thread look for work, and start it if need be; as ``wake``.

        Called for the event that the engine says is due, and when an error is to be told.
        """
        starting = self._starting  # not that of a child, if a signal handler forks meanwhile
        if self._thread is None and starting.acquire(blocking=False):
            try:
                self._start_thread()
            finally:
                starting.release()
        self.wake()

    def make_room(self) -> Iterator[None]:
        """Do as ``overflow`` says when an event finds the buffer full.

        Yields each time that it is worth trying again to record the event; when it ends, the event
        is to be dropped.
        """
        self._urge()
        if self._options.overflow == "drop_old":
            while self._evict():
                yield
        elif self._options.overflow == "block" and self._may_wait():
            deadline = _deadline(self._options.block_timeout_ms / 1000)
            while True:
                # read before the buffer is found full once more: what is taken from then on counts
                taken = self._engine.taken
                yield
                if not self._wait_for_room(taken, deadline):
                    break

    def shed(self) -> None:
        """Have the engine drop what comes next by itself, now that an event was dropped.

        A full buffer is to cost those who track no more than one with room. Where the oldest events
        go, or events wait, each has to ask.
        """
        if self._options.overflow == "drop_new":
            self._engine.shed_for(_SHED_MS)

    def flush(self, timeout: float | None) -> bool:
        """Frame what is buffered; with a timeout, wait until all of it is settled.

        Returns whether it was; without a timeout, whether it already is.
        """
        with self._framing:
            self._flushed = mark = self._engine.accepted
        settled = self._settle(mark, _deadline(timeout or 0.0))
        if self._handed < mark:  # the control thread goes on when there is room
            self._urge()
        return settled

    def shutdown(self, timeout: float | None) -> bool:
        """Flush, wait until all is settled or the timeout is over, end the threads; idempotent.

        Returns whether every event was settled by an answer, none given up at the deadline. A
        signal handler or a logging handler that interrupts our own work gets ``False`` at once, as
        nothing can go on before it returns; the rest is done then, or at exit.
        """
        deadline = None if timeout is None else _deadline(timeout)
        self._engine.close()
        self._stopping = True
        self.wake()
        self._announce_room()  # nobody needs to wait for it any more
        closer = current()
        if self._is_interrupted():
            return False
        if closer == self._closer:
            return bool(self._outcome)
        closing = self._closing  # not that of a child, if a signal handler forks meanwhile
        try:
            with closing:
                if not closing.wait_for(lambda: self._closer is None, deadline):
                    return False
                self._closer = closer
            if first := self._outcome is None:
                self._outcome = self._finish(deadline)
            self._let_in(closer, closing)
            if first:
                self._join(deadline)
            return bool(self._outcome)
        finally:
            self._let_in(closer, closing)

    def _let_in(self, closer: object, closing: Condition) -> None:
        """Let somebody else shut down, if it was this one who did."""
        if self._closer == closer:
            self._closer = None
            with closing:
                closing.notify_all()

    def release(self) -> None:
        """Deliver what is left, and end; for an SDK that nobody refers to any more.

        Called by the garbage collector, so it waits for nothing.
        """
        self._engine.close()
        self._released = True
        if self._thread is not None:
            self.wake()
        elif lifetime.has_entered(self):
            self.event_recorded()

    def exit(self, started: float) -> None:
        """Shut down, within ``exit_timeout`` of the start (``monotonic()``)."""
        self.shutdown(started + self._options.exit_timeout - monotonic())

    def stats(self) -> Stats:
        """Return a consistent snapshot of the books."""
        with self._framing:
            self._note_shed()
            return self.ledger.stats(self._engine.counts())

    def running(self) -> dict[str, str]:
        """Say what is in flight, by batch id, and what a ``flush()`` has yet to hand over."""
        # read first: what is handed over is in flight; a fork in a signal handler leaves no more
        waiting = min(self._flushed, self._engine.accepted) - self._handed
        running = self.ledger.running()
        if waiting > 0:
            running["buffered"] = f"{waiting} events"
        return running

    def _note_shed(self) -> None:
        """Enter into the ledger what the engine has dropped by itself."""
        ledger = self.ledger  # not that of a child, if a signal handler forks meanwhile
        if count := self._engine.take_shed():
            ledger.refuse("queue_full", count)

    def _start_thread(self) -> None:
        if self._is_starting or self._outcome is not None:
            return
        self._is_starting = True
        try:
            lifetime.enter(self)
            if not lifetime.may_start_threads():
                self._engine.arm(1)  # the next event asks again
            elif self._thread is None and not self._stopping:
                self._thread = thread = Thread("control", self._run)
                try:
                    thread.start()
                except RuntimeError as error:
                    self._cannot_start(thread, error)
        finally:
            self._is_starting = False
        if self._outcome is not None:  # a signal handler has shut down before we entered
            lifetime.leave(self)

    def _finish(self, deadline: float | None) -> bool:
        begun, mark = monotonic(), self._engine.accepted
        self._sender.end_by(deadline)
        settled = self._settle(mark, deadline)
        if (
            not settled
            and deadline is not None
            and monotonic() > deadline + FROZEN_SECONDS
            and lifetime.may_start_threads()  # or else it was this thread that sent, and took long
        ):
            # the process stood still, and has the same time once more
            deadline += monotonic() - begun
            self._sender.end_by(deadline)
            settled = self._settle(mark, deadline)
        if not settled:
            with self._framing:  # no batch is cut between the two
                lost = self._discard() + self._sender.abandon()
            self._reporter.log(
                logging.WARNING, "%d events were not delivered before the shutdown timeout", lost
            )
        self._tell()
        self._pool.close()
        return settled

    def _join(self, deadline: float | None) -> None:
        """Wait for the threads; without the lock, as they may be in a ``shutdown`` themselves.

        An attempt that the deadline has ended takes its thread a moment to end, too.
        """
        end = None if deadline is None else max(deadline, monotonic()) + _ENDING_SECONDS
        self._pool.join(end)
        if acquire(self._starting, None if deadline is None else _left(deadline)):
            self._starting.release()  # a thread that was being started is known now
        if (thread := self._thread) is not None:
            thread.wait(end)
        if self._make_transport is not None:
            with guarded(end):
                self._transport.close()
        lifetime.leave(self)

    def _settle(self, mark: int, deadline: float | None) -> bool:
        """Frame whenever there is room until the first ``mark`` events are settled.

        Not left to the control thread, which may have ended. If a signal handler forks meanwhile,
        all of them are the parent's, and the child has nothing to wait for.
        """
        ledger = self.ledger
        while ledger is self.ledger and not self._is_settled(mark):
            self._drain()
            if self._is_interrupted() or _is_over(deadline):
                return self._is_settled(mark)
            if self.ledger.in_flight and not self._pool.has_threads():
                self._pool.run_next(deadline)
            else:
                ledger.wait(
                    lambda: (
                        ledger is not self.ledger or self._is_settled(mark) or self._can_frame(mark)
                    ),
                    deadline,
                )
        return True

    def _is_interrupted(self) -> bool:
        """Whether a handler or finalizer has interrupted what it would wait for, in this thread."""
        return self._framer == get_ident() or is_forking() or is_logging() or self._pool.is_lent()

    def _can_frame(self, mark: int) -> bool:
        return self._handed < mark and self._sender.has_room()

    def _is_settled(self, mark: int) -> bool:
        return self._handed >= mark and self.ledger.is_settled(mark)

    def _drain(self) -> None:
        """Frame until the buffer is empty or enough batches are in flight.

        Not if this very thread is framing already, and was interrupted by a signal handler or a
        finalizer that calls us.
        """
        if self._framer == get_ident():
            self.wake()
            return
        if not self._sender.has_room():  # then nobody needs to wait for us
            return
        too_large = 0
        with self._framing:
            self._framer = get_ident()
            try:
                while self._sender.has_room() and (dropped := self._frame()) is not None:
                    too_large += dropped
            finally:
                self._framer = None
        self._announce_room()
        self._pool.warn_of_failure()
        if too_large:
            self._reporter.too_large(too_large)

    def _frame(self) -> int | None:
        """Cut one batch and hand it to the sender.

        Returns how many events were too large for a batch, ``None`` if nothing was buffered.
        """
        ledger = self.ledger
        self._drop_taken("internal_error")  # what an exception has kept from being handed over
        self._note_shed()
        report = ledger.take_report()
        telemetry = b"" if report is None else report.SerializeToString()
        cut: list[FramedBatch | None] = []
        try:
            # in one call, as what a signal handler raises comes as soon as take() returns
            cut.extend(map(self._engine.take, (self._options.instance_id,), (telemetry,)))
        finally:
            if not cut and ledger is self.ledger:
                self._drop_taken("internal_error")
            too_large = self._hand_over(ledger, cut[0] if cut else None, report)
        return too_large

    def _hand_over(
        self, ledger: Ledger, batch: FramedBatch | None, report: BatchTelemetry | None
    ) -> int | None:
        if ledger is not self.ledger:  # forked meanwhile, in a signal handler: it is the parent's
            return None
        if batch is None or not batch.telemetry:
            ledger.return_report(report)
            report = None
        if batch is None:
            return None
        delivery = Delivery(batch)
        try:
            if batch.too_large:
                ledger.drop("too_large", batch.too_large)
            if batch.events:
                self._sender.submit(delivery, report)
        finally:  # it may be interrupted, too, when the batch is in flight already
            if ledger is self.ledger and (delivery.launched or not batch.events):
                self._handed = batch.end
        return batch.too_large

    def _drop_taken(self, reason: DropReason) -> int:
        """Enter as lost what was taken from the buffer and not handed over."""
        taken = self._engine.taken
        lost, self._handed = taken - self._handed, taken
        self.ledger.drop(reason, lost)
        return lost

    def _discard(self) -> int:
        """Drop what is still buffered, as the shutdown timeout is over."""
        try:
            while self._engine.take(self._options.instance_id) is not None:
                pass
        finally:
            lost = self._drop_taken("deadline")
        return lost

    def _evict(self) -> bool:
        """Drop the oldest events; not while a batch is being cut, which would mean to wait."""
        if not self._framing.acquire(blocking=False):
            return False
        try:
            if self._framer is not None:
                return False
            try:
                self._engine.evict()
            finally:
                evicted = self._drop_taken("queue_full")
        finally:
            self._framing.release()
        if evicted:
            self._reporter.warn_sparingly("queue_full", "Events are dropped: queue full")
        return evicted > 0

    def _wait_for_room(self, taken: int, deadline: float) -> bool:
        """Wait until events were taken beyond the first ``taken``; ``False`` at the deadline."""
        self._urge()
        with self._room:
            while self._engine.taken == taken and not self._stopping:
                if not self._room.wait(_left(deadline)):
                    return False
        return not _is_over(deadline)

    def _announce_room(self) -> None:
        with self._room:
            self._room.notify_all()

    def _urge(self) -> None:
        """Have the control thread make room as soon as a batch may be in flight."""
        self._urgent = True  # before room is asked for, so that a batch settled meanwhile wakes it
        if self._sender.has_room():
            self.event_recorded()

    def _may_wait(self) -> bool:
        """Whether somebody else can make room while this thread waits for it."""
        return current_thread() is None and not self._is_interrupted()

    def _on_settled(self) -> None:
        if self._starved or self._urgent:
            self.wake()
        if self._stopping:  # our thread, which would do it, may have ended
            self._tell()

    def _cannot_start(self, thread: Thread, error: RuntimeError) -> None:
        if self._thread is not thread:  # a signal handler forked meanwhile: it is the parent's
            return
        self._thread = None
        self._engine.arm(1)  # the next event tries again
        self._reporter.warn_sparingly("thread", "the control thread cannot start: %s", error)

    def _run(self) -> None:
        try:
            while not self._stopping and not self._released and self._thread is current_thread():
                try:
                    # acquiring clears the wake-up, before the buffer is read and never after
                    self._idle.acquire(timeout=self._sleep_seconds())
                    self._work()
                    self._send_at_exit()
                except Exception as error:
                    self._reporter.warn_sparingly("framing", "framing failed: %r", error)
                    self._idle.acquire(timeout=_FAULT_SECONDS)
            self._send_at_exit()  # which may have begun before this thread had its turn
            if self._released:
                self.shutdown(self._options.shutdown_timeout)
        finally:
            if self._thread is current_thread():
                self._thread = None
                self._engine.arm(1)  # should it have died, the next event starts another

    def _send_at_exit(self) -> None:
        """Send in this thread what no other can be started for any more.

        The main thread does so, too; but it comes to one SDK after the other, and to one batch.
        """
        while (
            lifetime.is_exiting() and self.ledger.in_flight and not self._pool.has_threads()
        ) and self._pool.run_next(None):
            pass

    def _sleep_seconds(self) -> float:
        """Say how long to sleep, -1 for ever, and have events wake us when it takes them."""
        self._starved = True  # before room is asked for, so that a batch settled meanwhile wakes us
        if len(self._engine) and not self._sender.has_room():
            self._engine.prefault()  # the buffer fills until a batch is settled
            return -1
        self._starved = False
        if self._urgent and len(self._engine):
            return 0
        if self._since is None:
            if self._engine.arm(1):
                return -1
            self._since = monotonic()
        if not self._engine.arm(self._options.flush_events):
            return 0
        return _left(self._since + self._options.flush_seconds)

    def _work(self) -> None:
        self._tell()
        now = monotonic()
        if self._since is None:  # the first event after a while
            self._since = now
        if (
            self._urgent
            or self._starved
            or len(self._engine) >= self._options.flush_events
            or now >= self._since + self._options.flush_seconds
        ):
            self._urgent = False  # before events are counted: later ones make it urgent again
            handed, due = self._handed, self._engine.accepted
            try:
                self._drain()
            finally:
                if self._handed < due:  # the rest, when there is room
                    self._urgent = True
            # after an interval without events, the next one wakes us
            self._since = now if self._handed != handed or len(self._engine) else None

    def _tell(self) -> None:
        if self._reporter.has_untold:
            self._pool.submit(self._reporter.tell_all)


def _deadline(timeout: float) -> float:
    """The reading of ``monotonic()`` when a timeout is over; any number is as good as its
    nearest one that can be waited for.
    """
    return monotonic() + min(max(timeout, 0.0), TIMEOUT_MAX / 2)


def _left(deadline: float) -> float:
    return max(0.0, deadline - monotonic())


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and monotonic() >= deadline
