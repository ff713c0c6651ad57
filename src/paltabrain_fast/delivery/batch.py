"""A batch on its way, from the buffer to its outcome."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from .._engine.protocol import FramedBatch
from ..process.clock import monotonic
from ..sdk_pb2 import BatchTelemetry

__all__ = ["Batch", "BatchState"]

_BATCH_SECONDS: Final = 300.0
"""How long the attempts of a batch, and the waits between them, may take in all."""


class BatchState(Enum):
    """Where a batch is.

    Attributes:
        following: the states that can come next.
    """

    following: tuple[BatchState, ...]

    WAITING = auto()
    """For its first attempt, or for the next."""
    SENDING = auto()
    """An attempt is under way."""
    SETTLING = auto()
    """The outcome is known to one thread, which reports it."""
    SETTLED = auto()
    """The outcome is in the books."""


# no dict, nor sets: to look up a member, its hash is computed by a function of Python's
BatchState.WAITING.following = (BatchState.SENDING, BatchState.SETTLING)
BatchState.SENDING.following = (BatchState.SETTLING, BatchState.WAITING)
BatchState.SETTLING.following = (BatchState.SETTLED,)
BatchState.SETTLED.following = ()


class Batch:
    """One batch, its state and what its attempts have cost.

    The state belongs to the ledger, which changes it under the lock of the books. Everything else
    is touched only by the thread whose attempt is under way; by any, under that lock, while the
    batch is parked.

    Args:
        frame: what is sent.
        report: the telemetry in it, which returns to the ledger if the batch is lost.
        seconds_left: how long attempts and waits may take, ``_BATCH_SECONDS`` if not given; no time
            passes while the process is frozen.

    Attributes:
        id: the batch id, a UUIDv7.
        attempts: how many were begun.
        excused: how many of them do not count: they say nothing about the batch, since the caller's
            own timeout, a freeze or an outage has ended them.
        error: why the last attempt that has failed did so, ``None`` if none has.
        failures: how many of the others have failed in a row since they did not reach the server.
        reached_before: how many attempts of all batches had reached it when the first of those
            failed.
        outages_begun: how many outages have begun with a failure of this batch.
        interrupted: how many were ended by an exception that is none of the transport's.
        is_late: whether the last attempt ended long after its time was over.
        started: when the batch was framed, by ``monotonic()``.
    """

    __slots__ = (
        "attempts",
        "error",
        "excused",
        "failures",
        "frame",
        "id",
        "interrupted",
        "is_late",
        "outages_begun",
        "reached_before",
        "report",
        "seconds_left",
        "started",
        "state",
    )

    def __init__(
        self,
        frame: FramedBatch,
        report: BatchTelemetry | None = None,
        seconds_left: float | None = None,
    ) -> None:
        self.frame = frame
        self.id = frame.batch_id
        self.report = report
        self.seconds_left = _BATCH_SECONDS if seconds_left is None else seconds_left
        self.state = BatchState.WAITING
        self.attempts = self.excused = self.interrupted = 0
        self.failures = self.reached_before = self.outages_begun = 0
        self.error: Exception | None = None
        self.is_late = False
        self.started = monotonic()

    def excuse_failures(self) -> None:
        """Begin anew, with all the time: it was the server that could not be reached."""
        self.excused += self.failures
        self.failures = 0
        self.seconds_left = _BATCH_SECONDS
