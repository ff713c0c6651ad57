"""Exceptions of the package, and why events are dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "BatchRejectedError",
    "DropReason",
    "ErrorInfo",
    "EventTooLargeError",
    "PaltabrainError",
    "RetriesExhaustedError",
]

DropReason = Literal[
    "serialization_error",
    "queue_full",
    "already_shutdown",
    "too_large",
    "reentrant",
    "rejected",
    "retries_exhausted",
    "deadline",
    "internal_error",
]
"""Why an event was dropped; ``Stats.dropped`` explains each."""


class PaltabrainError(Exception):
    """Base of the package's own exceptions."""


class BatchRejectedError(PaltabrainError):
    """The API refused a batch with a status that no retry mends.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"the API refused the batch with HTTP status {status}")
        self.status = status


class RetriesExhaustedError(PaltabrainError):
    """The last attempt for a batch was answered with a status that asks to try again.

    Attributes:
        status: the HTTP status of the last attempt.
        attempts: how many there were.
    """

    def __init__(self, status: int, attempts: int) -> None:
        super().__init__(f"HTTP status {status} after {attempts} attempts")
        self.status = status
        self.attempts = attempts


class EventTooLargeError(PaltabrainError):
    """An event was dropped, since no batch can hold it with its context.

    Attributes:
        size: bytes of header, payload and context; ``None`` if that came out only when a batch was
            cut, where nothing is known of the event any more.
        limit: bytes that a batch may have, with what else is in it.
    """

    def __init__(self, size: int | None, limit: int) -> None:
        known = "it is" if size is None else f"{size} bytes with its context are"
        super().__init__(f"{known} too large for a batch of {limit} bytes")
        self.size = size
        self.limit = limit


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """What an error has cost; ``on_error`` is called with it.

    Attributes:
        reason: why events were dropped, as in ``Stats.dropped``.
        events: how many.
        batch_id: of the batch that failed or was refused; ``None`` for an event of no batch.
        event_class: name of the class of the event that could not be serialized or was too large;
            ``None`` for a batch, and where it is not known any more.
    """

    reason: DropReason
    events: int
    batch_id: str | None = None
    event_class: str | None = None
