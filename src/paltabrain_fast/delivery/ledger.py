"""The books: which batches are in flight, and the one outcome that each event came to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, get_args

from .._engine.protocol import Counts, FramedBatch
from ..constant import BATCH_STATUS_EXCEPTION, BATCH_STATUS_REJECT, BATCH_STATUS_SUCCESS
from ..errors import DropReason
from ..process.locks import Condition
from ..sdk_pb2 import BatchTelemetry

__all__ = ["Ledger", "Stats"]

_MAX_ERROR_TEXTS: Final = 10


@dataclass(frozen=True, slots=True)
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
              line of ours, or anything else in one of our threads but ``on_error``.
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


class _Flight:
    """A batch in flight, and what it reports to the server."""

    __slots__ = ("batch", "claimed", "report")

    def __init__(self, batch: FramedBatch, report: BatchTelemetry | None) -> None:
        self.batch = batch
        self.report = report
        self.claimed = False


class Ledger:
    """Counts events and batches; every batch is settled exactly once. Safe for any thread.

    Drops are reported to the server: the next batch takes the count along, and if that batch is
    lost, the one after it.
    """

    def __init__(self) -> None:
        # re-entrant: a signal handler may track an event
        self._changed = Condition()
        self._in_flight: dict[str, _Flight] = {}
        # Each has its place from the start: where a count is read and written again, no call may
        # stand between the two, in which a signal handler could count as well.
        self._dropped: dict[DropReason, int] = dict.fromkeys(get_args(DropReason), 0)
        self._delivered = self._lost = self._requests = self._retries = 0
        self._reported = 0  # drops that were reported, or are in a batch that is in flight
        self._error_texts: deque[str] = deque(maxlen=_MAX_ERROR_TEXTS)
        self.batch_counters = {
            BATCH_STATUS_SUCCESS: 0,
            BATCH_STATUS_REJECT: 0,
            BATCH_STATUS_EXCEPTION: 0,
        }

    @property
    def in_flight(self) -> int:
        """Number of batches in flight."""
        with self._changed:
            return len(self._in_flight)

    def running(self) -> dict[str, str]:
        """Say what each batch in flight holds, by its id."""
        with self._changed:
            return {
                batch_id: f"{flight.batch.events} events, {len(flight.batch.body)} bytes"
                for batch_id, flight in self._in_flight.items()
            }

    def refuse(self, reason: DropReason, events: int = 1) -> None:
        """Count events that were never accepted."""
        with self._changed:
            self._dropped[reason] += events

    def drop(self, reason: DropReason, events: int) -> None:
        """Count accepted events that were given up, if any."""
        if not events:
            return
        with self._changed:
            self._dropped[reason] += events
            self._lost += events
            self._changed.notify_all()

    def note_error(self, text: str) -> None:
        """Have the server told of a serialization error; the last few are kept."""
        with self._changed:
            self._error_texts.append(text)

    def take_report(self) -> BatchTelemetry | None:
        """Take what the next batch is to report; ``None`` if all is well."""
        with self._changed:
            dropped = sum(self._dropped.values()) - self._reported
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
        with self._changed:
            dropped = report.events_dropped
            self._reported -= dropped
            older = deque(report.serialization_errors, _MAX_ERROR_TEXTS)
            newer, self._error_texts = self._error_texts, older
            self._error_texts.extend(newer)

    def launch(self, batch: FramedBatch, report: BatchTelemetry | None = None) -> None:
        """Enter a batch as in flight, and the report that it carries."""
        with self._changed:
            self._in_flight[batch.batch_id] = _Flight(batch, report)

    def attempt(self, *, retry: bool) -> None:
        """Count an attempt to post a batch."""
        with self._changed:
            self._requests += 1
            self._retries += retry

    def claim(self, batch: FramedBatch) -> bool:
        """Ask to settle a batch; only the first to ask may, and must.

        Between the two the outcome is reported, so that whoever waits for it finds it reported.
        """
        with self._changed:
            claimed = self.is_claimed(batch)
            if not claimed:
                self._in_flight[batch.batch_id].claimed = True
            return not claimed

    def is_claimed(self, batch: FramedBatch) -> bool:
        """Tell whether somebody has asked to settle a batch."""
        flight = self._in_flight.get(batch.batch_id)
        return flight is None or flight.claimed

    def settle(self, batch: FramedBatch, status: str, reason: DropReason | None = None) -> bool:
        """Enter the outcome of a batch that was claimed, a ``reason`` if its events are lost.

        Only the first outcome counts. Returns whether this is it.
        """
        with self._changed:
            flight = self._in_flight.pop(batch.batch_id, None)
            if flight is None:
                return False
            self.batch_counters[status] += 1
            if reason is None:
                self._delivered += batch.events
                self._changed.notify_all()
            else:
                self.return_report(flight.report)
                self.drop(reason, batch.events)
            return True

    def split(self, batch: FramedBatch, halves: Sequence[FramedBatch]) -> None:
        """Put the halves of a claimed batch in its place; the first carries its report."""
        with self._changed:
            report = self._in_flight.pop(batch.batch_id).report
            for half in halves:
                self.launch(half, report)
                report = None

    def unclaimed(self) -> list[FramedBatch]:
        """Return the batches in flight that nobody has asked to settle."""
        with self._changed:
            return [flight.batch for flight in self._in_flight.values() if not flight.claimed]

    def is_settled(self, count: int) -> bool:
        """Tell whether no batch in flight holds one of the first ``count`` events."""
        with self._changed:
            # no generator: an exception that comes when it is closed would be lost
            for flight in self._in_flight.values():  # noqa: SIM110
                if flight.batch.start < count:
                    return False
            return True

    def wait(self, predicate: Callable[[], bool], deadline: float | None) -> bool:
        """Wait until ``predicate`` holds, asked after each change, or until the deadline.

        Args:
            predicate: what to wait for.
            deadline: a reading of ``monotonic()``, ``None`` for no limit.

        Returns:
            What the predicate said last.
        """
        with self._changed:
            return bool(self._changed.wait_for(predicate, deadline))

    def dismiss(self) -> None:
        """Forget what is in flight, in a forked child that has another ledger: nobody sends it.

        Whoever waits is woken, unless the lock is lost.
        """
        self._in_flight = {}  # not cleared: without a GIL its own lock may be another thread's
        if self._changed.acquire(blocking=False):
            self._changed.notify_all()
            self._changed.release()

    def stats(self, buffered: Counts) -> Stats:
        """Return a snapshot. The caller lets no event pass from the buffer to a batch meanwhile."""
        with self._changed:
            batches = [flight.batch for flight in self._in_flight.values()]
            return Stats(
                accepted=buffered.accepted,
                delivered=self._delivered,
                dropped=MappingProxyType(
                    {reason: count for reason, count in self._dropped.items() if count}
                ),
                dropped_after_acceptance=self._lost,
                pending_events=buffered.pending_events + sum(batch.events for batch in batches),
                pending_bytes=buffered.pending_bytes + sum(len(batch.body) for batch in batches),
                batches_in_flight=len(batches),
                batches=MappingProxyType(dict(self.batch_counters)),
                requests=self._requests,
                retries=self._retries,
            )
