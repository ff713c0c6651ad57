"""The books: which batches are in flight, and the one outcome that each event came to."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ._protocol import Counts, FramedBatch
from .constant import BATCH_STATUS_EXCEPTION, BATCH_STATUS_REJECT, BATCH_STATUS_SUCCESS

__all__ = ["Ledger", "Stats"]


@dataclass(frozen=True, slots=True)
class Stats:
    """One consistent snapshot.

    At all times ``accepted = delivered + dropped_after_acceptance + pending_events``.

    Attributes:
        accepted: events that ``track()`` took into the buffer.
        delivered: events in batches that the API accepted.
        dropped: events that were not delivered and never will be, by reason. Before acceptance:
            ``serialization_error``, ``buffer_full``, ``already_shutdown``. After it:
            ``too_large``, ``rejected``, ``exception``, ``shutdown_timeout``.
        dropped_after_acceptance: how many of the dropped events had been accepted.
        pending_events: accepted events that are neither delivered nor dropped yet.
        pending_bytes: bytes that they use, in the buffer and in batches in flight.
        batches_in_flight: batches that are being sent or wait for a retry.
        batches: settled batches, by ``SUCCESS``, ``REJECT`` and ``EXCEPTION``.
        requests: attempts to post a batch.
        retries: how many of the attempts were not the first for their batch.
    """

    accepted: int
    delivered: int
    dropped: Mapping[str, int]
    dropped_after_acceptance: int
    pending_events: int
    pending_bytes: int
    batches_in_flight: int
    batches: Mapping[str, int]
    requests: int
    retries: int


class Ledger:
    """Counts events and batches; every batch is settled exactly once. Safe for any thread."""

    def __init__(self) -> None:
        # re-entrant, as is a Condition by default: a signal handler may track an event
        self._changed = threading.Condition()
        self._in_flight: dict[str, FramedBatch] = {}
        self._unclaimed: dict[str, FramedBatch] = {}
        self._dropped: Counter[str] = Counter()
        self._delivered = self._lost = self._requests = self._retries = 0
        self.batch_counters = {
            BATCH_STATUS_SUCCESS: 0,
            BATCH_STATUS_REJECT: 0,
            BATCH_STATUS_EXCEPTION: 0,
        }

    @property
    def in_flight(self) -> int:
        """Number of batches in flight."""
        return len(self._in_flight)

    def refuse(self, reason: str) -> None:
        """Count an event that was never accepted."""
        with self._changed:
            self._dropped[reason] += 1

    def drop(self, reason: str, events: int) -> None:
        """Count accepted events that were given up without a batch of their own."""
        with self._changed:
            self._dropped[reason] += events
            self._lost += events
            self._changed.notify_all()

    def launch(self, batch: FramedBatch) -> None:
        """Enter a batch as in flight."""
        with self._changed:
            self._in_flight[batch.batch_id] = self._unclaimed[batch.batch_id] = batch

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
            return self._unclaimed.pop(batch.batch_id, None) is not None

    def settle(self, batch: FramedBatch, status: str, reason: str | None = None) -> None:
        """Enter the outcome of a batch that was claimed, a ``reason`` if its events are lost.

        Only the first outcome counts.
        """
        with self._changed:
            self._unclaimed.pop(batch.batch_id, None)
            if self._in_flight.pop(batch.batch_id, None) is None:
                return
            self.batch_counters[status] += 1
            if reason is None:
                self._delivered += batch.events
                self._changed.notify_all()
            else:
                self.drop(reason, batch.events)

    def unclaimed(self) -> list[FramedBatch]:
        """Return the batches in flight that nobody has asked to settle."""
        with self._changed:
            return list(self._unclaimed.values())

    def is_settled(self, count: int) -> bool:
        """Tell whether no batch in flight holds one of the first ``count`` events."""
        with self._changed:
            return all(batch.start >= count for batch in self._in_flight.values())

    def wait(self, predicate: Callable[[], bool], deadline: float | None) -> bool:
        """Wait until ``predicate`` holds, asked after each change, or until the deadline.

        Args:
            predicate: what to wait for.
            deadline: a reading of ``time.monotonic()``, ``None`` for no limit.

        Returns:
            What the predicate said last.
        """
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        with self._changed:
            return self._changed.wait_for(predicate, timeout)

    def stats(self, buffered: Counts) -> Stats:
        """Return a snapshot. The caller lets no event pass from the buffer to a batch meanwhile."""
        with self._changed:
            batches = self._in_flight.values()
            return Stats(
                accepted=buffered.accepted,
                delivered=self._delivered,
                dropped=MappingProxyType(dict(self._dropped)),
                dropped_after_acceptance=self._lost,
                pending_events=buffered.pending_events + sum(batch.events for batch in batches),
                pending_bytes=buffered.pending_bytes + sum(len(batch.body) for batch in batches),
                batches_in_flight=len(batches),
                batches=MappingProxyType(dict(self.batch_counters)),
                requests=self._requests,
                retries=self._retries,
            )
