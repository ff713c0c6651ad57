"""The books: which batches are in flight, and the one outcome of each event."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, get_args

from .._engine.protocol import Counts
from ..constant import (
    BATCH_MAX_BYTE_SIZE,
    BATCH_STATUS_EXCEPTION,
    BATCH_STATUS_REJECT,
    BATCH_STATUS_SUCCESS,
)
from ..errors import Diagnosis, DropReason, EventTooLargeError
from ..process.clock import monotonic
from ..process.locks import Condition
from ..records import record
from ..sdk_pb2 import BatchTelemetry
from .batch import Batch, BatchState
from .counts import FrozenCounts
from .diagnosis import too_large
from .losses import Losses

__all__ = ["Ledger", "Stats"]

_MAX_ERROR_TEXTS: Final = 10
_LOSSES: Final[tuple[DropReason, ...]] = (
    "queue_full",
    "rejected",
    "retries_exhausted",
    "deadline",
    "internal_error",
)
"""Why events are lost that could have been delivered."""


@record()
class Stats:
    """One consistent snapshot, exact when no call is in progress.

    At all times ``accepted = delivered + dropped_after_acceptance + pending_events``. Each of the
    three on the right, and ``accepted``, is counted where it happens, none by subtraction.

    Attributes:
        accepted: events that ``track()`` took into the buffer.
        delivered: events in batches that the API accepted.
        dropped: events that were not delivered and never will be, by reason:

            - ``serialization_error``: the event or its context could not be serialized.
            - ``queue_full``: the buffer was full; the new event went, or the oldest ones.
            - ``already_shutdown``: tracked after ``shutdown()``.
            - ``too_large``: no batch can ever hold it.
            - ``reentrant``: tracked by what the SDK itself called: a logging handler that got a
              line of ours, or anything else in one of our threads but ``on_error``; or by
              ``before_send``.
            - ``before_send``: that hook returned ``None``. No loss, so nobody is told of it.
            - ``before_send_error``: that hook raised, or returned what is no event.
            - ``rejected``: the API refused the batch.
            - ``retries_exhausted``: the last attempt failed.
            - ``deadline``: neither delivered nor refused in the time that a batch has, or that
              ``shutdown()`` or the end of the interpreter allowed.
            - ``internal_error``: a fault of the SDK itself.
        dropped_after_acceptance: how many of the dropped events had been accepted.
        pending_events: accepted events that are neither delivered nor dropped yet.
        pending_bytes: bytes that they use, in the buffer and in batches in flight.
        batches_in_flight: batches that are being sent or wait for a retry.
        batches: settled batches, by ``SUCCESS``, ``REJECT`` and ``EXCEPTION``. For one that was too
            large for the API, its two halves are counted.
        requests: attempts to post a batch.
        retries: how many of the attempts were not the first for their batch.
        outages: how often it was found that the server cannot be reached, until it was again.
        outage_age: seconds since the present outage began; ``None`` if there is none.
    """

    accepted: int
    delivered: int
    dropped: Mapping[DropReason, int]
    dropped_after_acceptance: int
    pending_events: int
    pending_bytes: int
    batches_in_flight: int
    batches: Mapping[str, int]
    requests: int
    retries: int
    outages: int
    outage_age: float | None


class Ledger:
    """Counts events and batches; every batch is settled exactly once. Any thread may call it.

    ``books`` is its one lock. It is re-entrant, since a signal handler may track an event. It is
    notified of every outcome, and by the control thread when that has framed; so ``flush()``,
    ``shutdown()`` and a ``track()`` that waits for room look again.

    Drops are reported to the server: the next batch takes the count along, and if that batch is
    lost, the one after it. The user is told of them as well: ``losses`` has the same events by
    their causes.

    Args:
        diagnoses: what the user is told of a drop for some reason, where nothing more is known of
            it; nothing, if the reason is not among them.
    """

    def __init__(self, diagnoses: Mapping[str, Diagnosis] = MappingProxyType({})) -> None:
        self.books = Condition()
        self.losses = Losses()
        self.on_loss: Callable[[], object] = lambda: None
        """Called when the user is to be told of a loss; set by the pipeline, waits for nothing."""
        self._diagnoses = diagnoses
        self.framed_count = 0
        """Events taken from the buffer and entered here, in a batch or as lost."""
        self.framed_mark = 0
        """How many events, in the order of acceptance, are among those without a gap."""
        self.failures = 0
        """How many batches were lost after an attempt that has failed."""
        self.batch_counters = {
            BATCH_STATUS_SUCCESS: 0,
            BATCH_STATUS_REJECT: 0,
            BATCH_STATUS_EXCEPTION: 0,
        }
        self._in_flight: dict[str, Batch] = {}
        self._awaited: list[int] = []  # of each wait(), until how many events are settled
        # With all keys from the start: then ``+=`` makes no call in which a signal handler could
        # count as well, and have its count overwritten.
        self._dropped: dict[DropReason, int] = dict.fromkeys(get_args(DropReason), 0)
        self._delivered = self._lost = self._requests = self._retries = 0
        self._reported = 0  # drops that were reported, or are in a batch that is in flight
        self._error_texts: deque[str] = deque(maxlen=_MAX_ERROR_TEXTS)
        self._last_failure: Exception | None = None
        self._has_given_up = False
        self._outages = 0
        self._outage_began: float | None = None

    @property
    def in_flight(self) -> int:
        """Number of batches in flight."""
        return len(self._in_flight)

    def running(self) -> dict[str, str]:
        """Say what each batch in flight holds, by its id."""
        with self.books:
            return {
                batch.id: f"{batch.frame.events} events, {len(batch.frame.body)} bytes"
                for batch in self._in_flight.values()
            }

    @property
    def lost(self) -> int:
        """How many events were lost that could have been delivered."""
        with self.books:
            return sum([self._dropped[reason] for reason in _LOSSES])

    def note_outage(self, began: float | None) -> None:
        """Note that there is an outage, since a reading of ``monotonic()``, or none any more."""
        with self.books:
            self._outages += began is not None
            self._outage_began = began

    # Events outside batches

    def refuse(
        self, reason: DropReason, events: int = 1, diagnosis: Diagnosis | None = None
    ) -> None:
        """Count events that were never accepted."""
        with self.books:
            self._dropped[reason] += events
            is_new = self._note_loss(reason, events, diagnosis)
        if is_new:
            self.on_loss()

    def drop(self, reason: DropReason, events: int, diagnosis: Diagnosis | None = None) -> None:
        """Count accepted events that were given up, if any."""
        if not events:
            return
        with self.books:
            self._dropped[reason] += events
            self._lost += events
            is_new = self._note_loss(reason, events, diagnosis)
            self.books.notify_all()
        if is_new:
            self.on_loss()

    def _note_loss(self, reason: DropReason, events: int, diagnosis: Diagnosis | None) -> bool:
        known = diagnosis or self._diagnoses.get(reason)
        return known is not None and self.losses.note(known, events)

    def drop_taken(
        self,
        reason: DropReason,
        taken: int,
        watermark: int,
        diagnosis: Diagnosis | None = None,
    ) -> int:
        """Count as lost what was taken from the buffer and is in no batch.

        Args:
            reason: why.
            taken: number of events taken from the buffer so far.
            watermark: how many of them were accepted one after the other, from the first on.
            diagnosis: what the user is told of it.

        Returns:
            How many were lost.
        """
        with self.books:
            lost, self.framed_count = taken - self.framed_count, taken
            self.framed_mark = watermark
            self.drop(reason, lost, diagnosis)
            return lost

    # What the server is told

    def note_error(self, text: str) -> None:
        """Have the server told of a serialization error; the last few are kept."""
        with self.books:
            self._error_texts.append(text)

    def take_report(self) -> BatchTelemetry | None:
        """Take what the next batch is to report; ``None`` if all is well."""
        with self.books:
            dropped = sum(self._dropped.values()) - self._dropped["before_send"] - self._reported
            if not dropped and not self._error_texts:
                return None
            texts, self._error_texts = self._error_texts, deque(maxlen=_MAX_ERROR_TEXTS)
            report = BatchTelemetry(serialization_errors=texts)
            if dropped:
                report.events_dropped = dropped
            self._reported += dropped
            return report

    def return_report(self, report: BatchTelemetry | None) -> None:
        """Give back a report that did not arrive."""
        if report is None:
            return
        with self.books:
            dropped = report.events_dropped
            self._reported -= dropped
            older = deque(report.serialization_errors, _MAX_ERROR_TEXTS)
            newer, self._error_texts = self._error_texts, older
            self._error_texts.extend(newer)

    # Batches: WAITING <-> SENDING -> SETTLING -> SETTLED

    def launch(self, batch: Batch) -> None:
        """Enter a new batch as in flight; as lost, if the ledger has given up.

        Called by the consumer of the buffer, which notifies when it has launched all.
        """
        with self.books:
            if batch.frame.too_large:
                error = EventTooLargeError(None, BATCH_MAX_BYTE_SIZE)
                self.drop("too_large", batch.frame.too_large, too_large(error))
            has_events = batch.frame.events > 0
            # no call stands between these, so no signal handler can raise there
            self.framed_count = batch.frame.taken
            self.framed_mark = batch.frame.end
            if has_events:
                self._in_flight[batch.id] = batch
            if has_events and self._has_given_up:
                self.give_up(self._diagnoses.get("deadline"))

    def begin_attempt(self, batch: Batch) -> bool:
        """Count an attempt, if the batch is still to be sent; called by who will make it."""
        with self.books:
            if not self._advance(batch, BatchState.SENDING):
                return False
            self._requests += 1
            self._retries += batch.attempts > 0
            batch.attempts += 1
            return True

    def postpone(self, batch: Batch) -> bool:
        """Have the batch wait for another attempt; called by who made the last one.

        Returns:
            Whether it does; not if somebody else has given it up.
        """
        with self.books:
            return self._advance(batch, BatchState.WAITING)

    def claim(self, batch: Batch) -> bool:
        """Ask to settle a batch; only the first to ask may, and must.

        Between the two the outcome is reported, so that whoever waits for it finds it reported.
        """
        with self.books:
            return self._advance(batch, BatchState.SETTLING)

    def deliver(self, batch: Batch) -> None:
        """Enter that a batch has arrived, unless somebody has claimed it, with nothing to report.

        If a signal handler raises meanwhile, the batch may be claimed and not settled.
        """
        with self.books:
            if self._advance(batch, BatchState.SETTLING):
                self.settle(batch, BATCH_STATUS_SUCCESS)

    def settle(
        self,
        batch: Batch,
        status: str,
        reason: DropReason | None = None,
        diagnosis: Diagnosis | None = None,
    ) -> None:
        """Enter the outcome of a batch that was claimed, with a ``reason`` if its events are lost.

        Of a batch that is settled already, the first outcome counts.
        """
        with self.books:
            if not self._advance(batch, BatchState.SETTLED):
                return
            del self._in_flight[batch.id]
            self.batch_counters[status] += 1
            if reason is None:
                self._delivered += batch.frame.events
                if self.books.waiting and self.is_settled(min(self._awaited, default=0)):
                    self.books.notify_all()
            else:
                if batch.error is not None:
                    self.failures += 1
                    self._last_failure = batch.error
                self.return_report(batch.report)
                self.drop(reason, batch.frame.events, diagnosis)

    def split(self, batch: Batch, halves: list[Batch]) -> None:
        """Enter two batches in place of one that was claimed; the first half has its report."""
        with self.books:
            halves[0].report = batch.report
            by_id = {half.id: half for half in halves}
            if not self._advance(batch, BatchState.SETTLED):
                return
            del self._in_flight[batch.id]
            self._in_flight.update(by_id)
            if self._has_given_up:
                self.give_up(self._diagnoses.get("deadline"))

    def give_up(self, diagnosis: Diagnosis | None = None) -> int:
        """Settle as lost what is in flight now, and what is launched from now on.

        Returns:
            How many events are lost now.
        """
        with self.books:
            self._has_given_up = True
            lost = 0
            for batch in list(self._in_flight.values()):
                if self.claim(batch):
                    self.settle(batch, BATCH_STATUS_EXCEPTION, "deadline", diagnosis)
                    lost += batch.frame.events
            return lost

    def abandon(self) -> None:
        """Forget what is in flight and lost, in a forked child: the parent sends and tells it."""
        self.losses = Losses()
        self._in_flight = {}  # not cleared: without a GIL its own lock may be another thread's
        self.books.reinit_after_fork()

    def _advance(self, batch: Batch, state: BatchState) -> bool:
        """Change the state of a batch, if it is in flight and the state can follow."""
        if state not in batch.state.following or batch.id not in self._in_flight:
            return False
        batch.state = state
        return True

    # Waiting, and looking

    def is_settled(self, count: int) -> bool:
        """Tell whether each of the first ``count`` events has an outcome."""
        with self.books:
            if self.framed_mark < count:
                return False
            # not any(): what a signal handler raises while a generator is closed would be lost
            for batch in self._in_flight.values():  # noqa: SIM110
                if batch.frame.start < count:
                    return False
            return True

    def notify(self) -> None:
        """Wake those who wait, after a change of what they look at but the books do not hold."""
        with self.books:
            self.books.notify_all()

    def wait(self, predicate: Callable[[], bool], deadline: float | None, settled: int = 0) -> bool:
        """Wait until ``predicate`` holds, asked after each change, or until the deadline.

        Not for a handler that has interrupted a thread which holds the lock of the books; callers
        ask ``Pipeline._may_wait`` first. To wait is to release the lock, and other threads would
        find the books half changed.

        Args:
            predicate: what to wait for.
            deadline: a reading of ``monotonic()``, ``None`` for no limit.
            settled: until how many events are settled, no batch that arrives is such a change.

        Returns:
            What the predicate said last.
        """
        with self.books:
            try:
                self._awaited.append(settled)
                return bool(self.books.wait_for(predicate, deadline))
            finally:
                if settled in self._awaited:
                    self._awaited.remove(settled)

    def failure(self, failures_before: int) -> Exception | None:
        """Return why the last batch was lost, since ``failures`` was this; else why one waits."""
        with self.books:
            if self.failures > failures_before:
                return self._last_failure
            return self.pending_error

    @property
    def pending_error(self) -> Exception | None:
        """Why a batch in flight was not delivered yet; ``None`` if no attempt has failed."""
        with self.books:
            errors = [batch.error for batch in self._in_flight.values() if batch.error is not None]
            return errors[-1] if errors else None

    def stats(self, buffered: Counts) -> Stats:
        """Return a snapshot.

        Args:
            buffered: what is not entered here yet; the caller sees to it that this stays so.
        """
        with self.books:
            frames = [batch.frame for batch in self._in_flight.values()]
            began = self._outage_began
            return Stats(
                accepted=buffered.accepted,
                delivered=self._delivered,
                dropped=FrozenCounts(
                    {reason: count for reason, count in self._dropped.items() if count}
                ),
                dropped_after_acceptance=self._lost,
                pending_events=buffered.pending_events + sum(frame.events for frame in frames),
                pending_bytes=buffered.pending_bytes + sum(len(frame.body) for frame in frames),
                batches_in_flight=len(frames),
                batches=FrozenCounts(self.batch_counters),
                requests=self._requests,
                retries=self._retries,
                outages=self._outages,
                outage_age=None if began is None else monotonic() - began,
            )
