"""The way of events from the buffer to the server, of one SDK in one process.

After a fork the child gets another pipeline; see ``abandon``.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from functools import partial
from typing import Final

from .._engine.protocol import Engine
from ..constant import REQUEST_MAX_WORKERS
from ..errors import Diagnosis
from ..options import Options
from ..process import fork_barrier, lifetime
from ..process.clock import deadline_after, earlier, is_over, monotonic, seconds_left
from ..process.fork_barrier import hold_forks
from ..process.reentrancy import Scope, call_in, current_flow, may_wait, own_thread
from ..transport import Transport
from ..transport.deferred import DeferredTransport
from .batch import Batch
from .control import Control
from .diagnosis import Ending, by_reason, diagnose, not_in_time, waiting
from .framer import Framer
from .ledger import Ledger, Stats
from .lifecycle import Lifecycle, State
from .notify import Reporter
from .outage import FROZEN_SECONDS, Outage
from .overflow import OverflowPolicy, make_overflow
from .results import DeliveryResult, Snapshot, difference
from .sender import Sender
from .telling import Teller
from .workers import Workers

__all__ = ["Pipeline"]

_LARGE_BYTES: Final = 65_536
"""Size of a batch that is sent while the next is framed."""

_ENDING_SECONDS: Final = 0.1
"""How long ``shutdown`` waits beyond its deadline for threads that are ending."""

_PATIENCE_SECONDS: Final = 2.0
"""How long ``shutdown`` waits before it says for what."""

_HANDOVER_SECONDS: Final = 1.0
"""How long ``flush`` without a timeout waits for the control thread, which may be in a logging
handler of the user's that waits for a lock of the caller of ``flush``."""


class Pipeline:
    """Frames and sends what is in a buffer. Any thread may call it.

    Args:
        engine: the buffer.
        options: read each time they are needed.
        transport: makes the requests.
        owns_transport: whether ``shutdown`` closes it.
        reporter: where failures are told.
        is_closed: whether to begin at the end: the SDK was shut down before its process was forked.
    """

    def __init__(
        self,
        engine: Engine,
        options: Options,
        transport: Transport,
        reporter: Reporter,
        *,
        owns_transport: bool,
        is_closed: bool = False,
    ) -> None:
        self._engine = engine
        self._options = options
        self._transport = transport
        self._owns_transport = owns_transport
        self._reporter = reporter
        self.ledger = Ledger(by_reason(options))
        self._lifecycle = Lifecycle(self.ledger.books, State.CLOSED if is_closed else State.OPEN)
        self._workers = Workers(REQUEST_MAX_WORKERS, reporter, self.ledger)
        self._framer = Framer(engine, options, self.ledger, self._launch)
        self._control = Control(
            engine,
            options,
            self._lifecycle,
            self.ledger,
            self._framer,
            self._workers,
            reporter,
            Teller(self.ledger, reporter),
            on_start=self._register,
        )
        self._workers.on_busy = self._control.wake
        self._workers.on_low = self._control.on_room
        self._outage = Outage(options, self.ledger, reporter, self._framer.lost, self._submit)
        self.ledger.on_loss = self._control.on_loss
        self._sender = Sender(
            transport,
            options,
            self.ledger,
            reporter,
            self._outage,
            self._resubmit,
            self._control.on_settled,
        )
        self._overflow: OverflowPolicy = make_overflow(
            engine,
            options,
            self.ledger,
            self._lifecycle,
            self._framer,
            self._may_wait,
            self._control.request_flush,
        )
        # which flow is in shutdown(), see current_flow(); set under the lock of the books
        self._closer: object | None = None
        self._outcome = DeliveryResult(True)  # of shutdown(), once it has ended
        reporter.callbacks.on_queued = self._control.ensure_thread
        if is_closed:
            engine.close()

    @property
    def transport(self) -> Transport:
        """What makes the requests."""
        return self._transport

    # For track()

    def event_recorded(self) -> None:
        """Have the control thread look at the event that the engine said is due."""
        self._control.ensure_thread()

    def wake(self) -> None:
        """Have the control thread read the options anew."""
        self._control.wake()

    def make_room(self) -> Iterator[None]:
        """Do as ``overflow`` says when an event has found the buffer full.

        Yields each time that it is worth trying again to record the event; when it ends, the event
        is to be dropped.
        """
        self._control.request_flush()
        return self._overflow.make_room()

    def event_dropped(self) -> None:
        """Prepare for more events that are to be dropped, as one was."""
        self._overflow.on_drop()

    # For the user

    @property
    def is_shutdown(self) -> bool:
        """Whether ``shutdown`` was called."""
        return self._lifecycle.state in (State.DRAINING, State.CLOSED)

    def flush(self, timeout: float | None) -> DeliveryResult:
        """Have what is buffered framed; with a timeout, wait until all of it is settled.

        Returns:
            Whether it was; without a timeout, whether it already is. And what became of events.
        """
        deadline = deadline_after(_HANDOVER_SECONDS if timeout is None else timeout)
        before = self._snapshot()
        mark = self._control.request_flush()
        if self._may_wait():
            if timeout is None:
                self._await_framing(mark, deadline)
            else:
                self._await_settled(mark, deadline)
            self._framer.finish_frame()  # which may be about to cut one more
        after = self._snapshot()  # before it is asked: nothing of what is settled then is pending
        return self._result(before, after, settled=self._is_settled(mark))

    def retry_now(self) -> None:
        """Have the batches try again now that wait for another attempt: the server has changed."""
        self._workers.retry_now()
        self._control.wake()

    def shutdown(self, timeout: float | None) -> DeliveryResult:
        """Flush, wait until all is settled or the timeout is over, end the threads; idempotent.

        Returns:
            Whether every event was settled by an answer, none given up at the deadline; and what
            became of events. That is one result for all that call this, once it has ended. A signal
            handler or a logging handler that interrupts our own work gets a false one at once, as
            nothing can go on before it returns; the rest is done then, or at exit.
        """
        return self._shutdown(timeout, "shutdown")

    def _shutdown(self, timeout: float | None, what: Ending) -> DeliveryResult:
        deadline = None if timeout is None else deadline_after(timeout)
        self._engine.close()
        before = self._snapshot()
        self._lifecycle.advance(State.DRAINING)
        self._workers.hurry(at_once=self._outage.end())
        self._control.wake()
        if not self._may_wait():
            return self._outcome_since(before)
        flow, books = current_flow(), self.ledger.books
        if self._closer == flow:  # our own shutdown() sends in this thread, and has called on_error
            return self._outcome_since(before)
        is_first = False
        try:
            with books:
                if not books.wait_for(lambda: self._closer is None or self._is_abandoned, deadline):
                    return self._result(before, self._snapshot(), settled=False)
                self._closer = flow
            if self._lifecycle.state is State.DRAINING:
                settled = self._drain(deadline, what)
                self._outcome = self._result(before, self._snapshot(), settled=settled)
                is_first = self._lifecycle.advance(State.CLOSED)
        finally:  # an exception of a signal handler leaves the rest to the next who shuts down
            with books:
                if self._closer == flow:
                    self._closer = None
                    books.notify_all()
        if is_first:
            self._end(deadline)
        return self._outcome_since(before)

    def tell_losses(self) -> None:
        """Tell the user of all losses so far, due or not."""
        if self._may_wait():
            self._control.tell()

    def stats(self) -> Stats:
        """Return a consistent snapshot of the books."""
        return self._framer.stats()

    def running(self) -> dict[str, str]:
        """Say what is in flight, by batch id, and what a ``flush()`` has yet to hand over."""
        # Before what is in flight is read: what is framed between the two may be told twice, but is
        # not missed.
        waiting = min(self._control.flush_mark, self._engine.accepted) - self.ledger.framed_count
        running = self.ledger.running()
        if waiting > 0:
            running["buffered"] = f"{waiting} events"
        return running

    # For the process

    def release(self) -> None:
        """Deliver what is left, and end; for an SDK that nobody refers to any more.

        Called by the garbage collector, in any thread, so it waits for nothing.
        """
        self._engine.close()
        if self._lifecycle.is_running and lifetime.is_registered(self):
            self._workers.submit(self._shut_down_released)
            self._control.ensure_thread()

    def begin_exit(self) -> None:
        """Have all framed, and threads provided, while that can be done; called by ``lifetime``."""
        if not self._engine.forked:  # or else this is the parent's, in a child that noticed nothing
            self._workers.hurry()
            self._control.request_flush()
            self._control.wake()

    def await_start(self, deadline: float) -> None:
        """Wait until all is framed, and has its threads; called by ``lifetime``."""
        if not self._engine.forked and self._may_wait():
            self._await_framing(self._control.flush_mark, deadline)
            self.ledger.wait(
                lambda: (
                    self._is_abandoned
                    or not self._control.is_running
                    or not self._workers.needs_thread()
                ),
                deadline,
            )

    def exit(self, started: float) -> None:
        """Shut down within ``exit_timeout`` of the start; called by ``lifetime``."""
        if not self._engine.forked:
            if self._options.exit_timeout > 0:  # or else it is to leave at once
                started += self._await_import()
            self._shutdown(started + self._options.exit_timeout - monotonic(), "exit")
            if self._lifecycle.is_running:  # another thread shuts down, and has more time than that
                self._give_up("exit")
                self._control.tell()

    def hold_seconds(self) -> float | None:
        """Say how long a signal handler may hold what it has interrupted; called by ``lifetime``.

        Half of the time: it may have interrupted the holder of a lock that delivery waits for. Not
        at all if that may be a ``shutdown()``, which does the same, nor if it is our own work.
        """
        if not self._may_wait():
            return None
        return self._options.exit_timeout / 2 if self._closer is None else 0.0

    def abandon(self) -> None:
        """Leave everything to the parent, in a forked child; called by the one thread it has.

        That thread may have interrupted any of this in a signal handler that has forked. It returns
        there and finds nothing to do: no event, no batch, no call, no lock of another thread.
        """
        self._lifecycle.abandon()
        self.ledger.abandon()
        self._framer.abandon()
        self._workers.abandon()
        self._outage.abandon()
        self._control.abandon()
        self._engine.abandon()

    def _may_wait(self) -> bool:
        """Whether the caller may wait; not a handler that has interrupted what it waits for.

        That is our own work, or the holder of a lock that our threads need to go on.
        """
        return may_wait() and not (
            self._framer.is_consuming
            or self._engine.is_interrupted
            or self.ledger.books.is_owned()
            or fork_barrier.is_interrupted()
        )

    def _register(self) -> None:
        lifetime.register(self)
        if not self._lifecycle.is_running:  # shut down before it was registered
            lifetime.unregister(self)

    def _submit(self, batch: Batch, delay: float = 0.0) -> None:
        self._workers.submit(partial(self._sender.attempt, batch), delay)

    def _launch(self, batch: Batch) -> None:
        """Have a batch sent that was framed; who frames wakes a thread in the end, for all."""
        is_large = len(batch.frame.body) >= _LARGE_BYTES  # and takes a while, as may the next
        self._workers.submit(partial(self._sender.attempt, batch), 0.0, is_large)

    def _resubmit(self, batch: Batch) -> None:
        self._submit(batch)
        self._control.wake()  # there may be a thread too few

    def _snapshot(self) -> Snapshot:
        return Snapshot(self._framer.stats(may_wait=self._may_wait()), self.ledger.failures)

    def _result(self, before: Snapshot, after: Snapshot, *, settled: bool) -> DeliveryResult:
        """Return what became of events between two snapshots."""
        if self._is_abandoned:  # the events are the parent's
            return DeliveryResult(settled)
        error = self.ledger.failure(before.failures)
        return difference(before.stats, after.stats, settled=settled, error=error)

    def _outcome_since(self, before: Snapshot) -> DeliveryResult:
        """Return the outcome of the shutdown; if it has none yet, what became of events."""
        if self._lifecycle.is_running:
            return self._result(before, self._snapshot(), settled=False)
        return self._outcome

    @property
    def _is_abandoned(self) -> bool:
        """Whether a signal handler has forked meanwhile: what was waited for is the parent's."""
        return self._lifecycle.state is State.ABANDONED

    def _is_settled(self, mark: int) -> bool:
        return self._is_abandoned or self.ledger.is_settled(mark)

    def _await_import(self) -> float:
        """Have the transport made if there is something to send; return how many seconds it took.

        A script that ends at once does that here: it is to lose nothing since a disk is slow.
        """
        begun, transport = monotonic(), self._transport
        if isinstance(transport, DeferredTransport) and self._may_wait():
            with contextlib.suppress(Exception):  # the attempts tell of it
                if not self._is_settled(self._engine.accepted):
                    transport.transport()
        return monotonic() - begun

    def _await_framing(self, mark: int, deadline: float) -> None:
        self.ledger.wait(
            lambda: (
                self.ledger.framed_mark >= mark
                or not self._framer.has_room
                or not self._control.is_running
                or self._is_abandoned
            ),
            deadline,
        )

    def _await_settled(self, mark: int, deadline: float | None, what: Ending | None = None) -> bool:
        """Wait until the first ``mark`` events are settled; where no thread can run, work here.

        Args:
            mark: how many events.
            deadline: how long to wait at most.
            what: what waits, of which the user is told once if it takes long.
        """
        patience = math.inf if what is None else monotonic() + _PATIENCE_SECONDS
        while not self._is_settled(mark):
            limit = deadline if patience == math.inf else earlier(deadline, patience)
            if self._control.ensure_thread() and not self._lacks_senders():
                self.ledger.wait(
                    lambda: (
                        self._is_settled(mark)
                        or not self._control.is_running
                        or self._lacks_senders()
                    ),
                    limit,
                    settled=mark,
                )
            elif not call_in(Scope.WORKING, partial(self._control.work_here, limit, deadline)):
                # nothing to do here: another thread, in the same loop, has what is left
                self.ledger.wait(lambda: self._is_settled(mark) or self._has_work(mark), limit)
            if is_over(deadline):
                return self._is_settled(mark)
            if what is not None and is_over(patience):
                patience = math.inf
                self._tell_of_waiting(what, deadline)
        return True

    def _tell_of_waiting(self, what: Ending, deadline: float | None) -> None:
        stats = self.stats()
        if stats.pending_events:
            limit = None if deadline is None else seconds_left(deadline)
            line = waiting(
                what, stats.pending_events, stats.batches_in_flight, limit, self._fault()
            )
            self._reporter.warn(line)

    def _lacks_senders(self) -> bool:
        """Tell whether this thread is to send as well: all that could are busy, and stay so few.

        At exit; and in a thread of our own, which may be the very one that is waited for.
        """
        if own_thread() is None and lifetime.may_start_threads():
            return False
        return self._workers.is_short()

    def _has_work(self, mark: int) -> bool:
        can_frame = self.ledger.framed_mark < mark and self._framer.has_room
        return can_frame or self._workers.next_due() is not None

    def _drain(self, deadline: float | None, what: Ending) -> bool:
        """Deliver all, or give up what is left at the deadline; return whether all was settled."""
        begun, mark = monotonic(), self._engine.accepted
        self._control.request_flush()
        self._sender.end_by(deadline)
        settled = self._await_settled(mark, deadline, what)
        if (
            not settled
            and deadline is not None
            and monotonic() > deadline + FROZEN_SECONDS
            and self._control.is_running  # or else an attempt in this thread may have taken so long
        ):
            # The process was frozen, so the time has passed without a chance to send: once more.
            deadline += monotonic() - begun
            self._sender.end_by(deadline)
            settled = self._await_settled(mark, deadline)
        if not settled:
            self._give_up(what)
        self._control.queue_callbacks()
        call_in(Scope.WORKING, self._workers.close)
        self._control.tell()
        return settled

    def _give_up(self, what: Ending) -> None:
        """Drop all that is left."""
        self._framer.give_up(not_in_time(what, self._fault()))

    def _fault(self) -> Diagnosis | None:
        """Say why a batch that is in flight was not delivered yet, if an attempt has failed."""
        error = self.ledger.pending_error
        return None if error is None else diagnose(error, self._options)

    def _end(self, deadline: float | None) -> None:
        """Wait for the threads, and close the transport.

        An attempt that the deadline cuts off needs a moment to return, ``_ENDING_SECONDS`` at most.
        """
        self._control.wake()
        self._control.tell_rest()
        end = None if deadline is None else max(deadline, monotonic()) + _ENDING_SECONDS
        self._workers.join(end)
        self._control.join(end)
        if self._owns_transport:
            with hold_forks(end):
                self._transport.close()
        lifetime.unregister(self)

    def _shut_down_released(self, _until: float) -> None:
        call_in(Scope.USER, partial(self.shutdown, self._options.shutdown_timeout))
