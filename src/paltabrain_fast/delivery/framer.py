"""The consumer of the buffer: cuts it into batches, or drops what is in it."""

from __future__ import annotations

from collections.abc import Callable

from .._engine.protocol import Counts, Engine
from ..errors import Diagnosis, DropReason
from ..options import Options
from ..process.locks import Condition
from .batch import Batch
from .ledger import Ledger, Stats

__all__ = ["Framer"]


class Framer:
    """Takes events from the buffer, one thread at a time.

    Events are framed by the control thread. Other threads consume the buffer only to drop events:
    ``track()`` in favour of newer ones, ``shutdown()`` at its deadline. So there is a lock, whose
    holder is the consumer. It comes before that of the books.

    Args:
        engine: the buffer.
        options: for ``instance_id`` and ``max_in_flight``.
        ledger: where events are entered as they leave the buffer.
        submit: has a batch sent; waits for nothing.
    """

    def __init__(
        self,
        engine: Engine,
        options: Options,
        ledger: Ledger,
        submit: Callable[[Batch], None],
    ) -> None:
        self._engine = engine
        self._options = options
        self._ledger = ledger
        self._submit = submit
        self._consuming = Condition()  # re-entrant, so that a signal handler may ask for stats
        self._launching: list[Batch] = []  # on its way into ledger and heap, one at most

    @property
    def has_room(self) -> bool:
        """Whether another batch may be in flight."""
        return self._ledger.in_flight < self._options.max_in_flight

    @property
    def is_consuming(self) -> bool:
        """Whether this thread is the consumer: a handler or finalizer may have interrupted it."""
        return self._consuming.is_owned()

    def frame(self, mark: int) -> int:
        """Frame the first ``mark`` events, until ``max_in_flight`` batches are in flight.

        What comes meanwhile is left to the next flush. Or else batches would be small, and threads
        that track all the time would keep out whoever waits for the lock.

        Called by the control thread, or by whoever does its work for want of it.

        Returns:
            How many events were too large for a batch.
        """
        # Not for a handler or finalizer that has interrupted this method. It looks for room before
        # it takes the lock, since evict() gives up while somebody holds that.
        if self.is_consuming or not (self.has_room or self._launching):
            return 0
        too_large = 0
        with self._consuming:
            # what was taken before and never launched: a signal handler raised between the two
            self._drop_taken("internal_error")
            # or launched and never submitted; whoever has a call too many finds nothing to do
            self._submit_launched()
            while (
                self.has_room
                and self._engine.watermark < mark
                and (batch := self._take()) is not None
            ):
                if batch.frame.events:
                    self._launching = [batch]
                self._ledger.launch(batch)
                self._submit_launched()
                too_large += batch.frame.too_large
        return too_large

    def finish_frame(self) -> None:
        """Wait until no batch is being cut: the next one has options as they are now."""
        with self._consuming:
            pass

    def evict(self) -> bool:
        """Drop the oldest events, so that there is room for newer ones; any thread may ask.

        Returns:
            Whether there is. ``False`` while a batch is being cut: ``track()`` waits for nothing.
        """
        # the lock is re-entrant, so it does not keep out a handler that has interrupted its holder
        if self.is_consuming or not self._consuming.acquire(blocking=False):
            return False
        try:
            return self._engine.evict() > 0
        finally:
            self._drop_taken("queue_full")
            self._consuming.release()

    def give_up(self, diagnosis: Diagnosis) -> int:
        """Drop what is buffered and what is in flight, at the deadline of a shutdown.

        Args:
            diagnosis: what the user is told of it.

        Returns:
            How many events that were.
        """
        # as the consumer: what another thread had taken, and not launched yet, would pass for lost
        with self._consuming:
            self._engine.mark()
            while self._engine.take(self._options.instance_id) is not None:
                pass
            lost = self._drop_taken("deadline", diagnosis)
            return lost + self._ledger.give_up(diagnosis)

    def enter_shed(self) -> None:
        """Enter into the ledger what the engine has dropped by itself."""
        if not self.is_consuming:
            with self._consuming:
                self._enter_shed()

    def stats(self, *, may_wait: bool = True) -> Stats:
        """Return a consistent snapshot of the books; any thread may ask.

        Args:
            may_wait: whether the caller may wait for the consumer, which takes moments.
        """
        books = self._ledger.books
        if may_wait and not (self.is_consuming or books.is_owned() or self._engine.is_interrupted):
            with self._consuming:  # nothing is between buffer and ledger
                self._enter_shed()
                counts: Counts = self._engine.counts()
                return self._ledger.stats(counts)
        # A handler that has interrupted the consumer, or the holder of a lock which it needs, must
        # not wait for the consumer. What is between buffer and ledger counts as buffered.
        with books:
            counts = self._engine.counts()
            pending = counts.accepted - self._ledger.framed_count
            return self._ledger.stats(counts._replace(pending_events=pending))

    def lost(self) -> int:
        """Count the events that were lost so far, those included that the engine has dropped."""
        self.stats()
        return self._ledger.lost

    def abandon(self) -> None:
        """Free the lock, in a forked child."""
        self._launching = []
        self._consuming.reinit_after_fork()

    def _drop_taken(self, reason: DropReason, diagnosis: Diagnosis | None = None) -> int:
        """Count as lost what was taken from the buffer and is in no batch; return how many."""
        return self._ledger.drop_taken(
            reason, self._engine.taken, self._engine.watermark, diagnosis
        )

    def _submit_launched(self) -> None:
        for batch in self._launching:
            self._submit(batch)
        self._launching = []

    def _take(self) -> Batch | None:
        """Cut the next batch, with what is to be reported to the server; ``None`` if empty."""
        self._enter_shed()
        report = self._ledger.take_report()
        telemetry = b"" if report is None else report.SerializeToString()
        frame = self._engine.take(self._options.instance_id, telemetry)
        if report is not None and (frame is None or not frame.telemetry):
            self._ledger.return_report(report)
            report = None
        return None if frame is None else Batch(frame, report)

    def _enter_shed(self) -> None:
        if count := self._engine.take_shed():
            self._ledger.refuse("queue_full", count)
