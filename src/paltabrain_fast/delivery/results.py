"""What ``flush()`` and ``shutdown()`` return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..errors import DropReason
from ..records import record
from .counts import FrozenCounts
from .ledger import Stats

__all__ = ["DeliveryResult", "Snapshot", "difference"]


@record()
class DeliveryResult:
    """What became of events during one call of ``flush()`` or ``shutdown()``; true if settled.

    The counts are the differences of two snapshots of ``stats()``, from the start and the end of
    the call. So they hold what other threads tracked meanwhile, too, and not what was delivered or
    lost before.

    Attributes:
        settled: whether each event that was tracked before the call is delivered or lost, and none
            was given up at the deadline of a ``shutdown()``. This is the truth value.
        delivered: events that the API accepted.
        lost: events that were lost, by reason, as ``Stats.dropped`` explains them. An event that
            ``track()`` refused meanwhile is among them.
        pending: accepted events that were neither delivered nor lost when the call returned.
        error: why a batch was lost, the last one if there are several; or else why a batch that is
            pending was not delivered by its last attempt. ``None`` if no attempt has failed.
    """

    settled: bool
    delivered: int = 0
    lost: Mapping[DropReason, int] = FrozenCounts()
    pending: int = 0
    error: Exception | None = None

    def __bool__(self) -> bool:
        return self.settled

    def __str__(self) -> str:
        events = "event" if self.delivered == 1 else "events"
        lost = str(sum(self.lost.values())) + " lost"
        if self.lost:
            reasons = (f"{reason}: {count}" for reason, count in self.lost.items())
            lost = f"{lost} ({', '.join(reasons)})"
        text = f"{self.delivered} {events} delivered; {lost}; {self.pending} pending"
        return text if self.error is None else f"{text}; last error: {self.error}"


class Snapshot(NamedTuple):
    """The books at one moment, and how many batches had been lost after a failed attempt."""

    stats: Stats
    failures: int


def difference(
    before: Stats, after: Stats, *, settled: bool, error: Exception | None
) -> DeliveryResult:
    """Return the result of a call from the snapshots of its begin and its end."""
    lost: dict[DropReason, int] = {}
    for reason, count in after.dropped.items():
        if (new := count - before.dropped.get(reason, 0)) > 0:
            lost[reason] = new
    return DeliveryResult(
        settled,
        after.delivered - before.delivered,
        FrozenCounts(lost),
        after.pending_events,
        error,
    )
