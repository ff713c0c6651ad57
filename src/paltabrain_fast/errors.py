"""Exceptions of the package, and the reasons for which events are dropped."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from .records import record

__all__ = [
    "AttemptFailedError",
    "AttemptTimedOutError",
    "BatchRejectedError",
    "Diagnosis",
    "DropReason",
    "ErrorInfo",
    "EventTooLargeError",
    "PaltabrainError",
    "RetriesExhaustedError",
]

ErrorT = TypeVar("ErrorT", bound=BaseException)

DropReason = Literal[
    "serialization_error",
    "queue_full",
    "already_shutdown",
    "too_large",
    "reentrant",
    "before_send",
    "before_send_error",
    "rejected",
    "retries_exhausted",
    "deadline",
    "internal_error",
]
"""Reason for which an event was dropped; ``Stats.dropped`` explains each."""


@record()
class Diagnosis:
    """What went wrong, as a person is told.

    Attributes:
        kind: one word for faults of the same sort, which are counted together.
        cause: what happened, with the names and numbers that tell where.
        remedy: what to do about it.
    """

    kind: str
    cause: str
    remedy: str


class PaltabrainError(Exception):
    """Base of the package's own exceptions, which can all be copied and pickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, self.__dict__)


def _restored(cls: type[ErrorT], arguments: tuple[Any, ...], state: dict[str, Any]) -> ErrorT:
    """Make an error from what it holds; its constructor takes other arguments."""
    error = cls.__new__(cls)
    error.args = arguments
    error.__dict__.update(state)
    return error


class AttemptFailedError(PaltabrainError, ConnectionError):
    """An attempt to send a batch got no answer.

    Attributes:
        diagnosis: what sort of fault it was; ``None`` if nothing more is known than the text.
    """

    def __init__(self, text: str, diagnosis: Diagnosis | None = None) -> None:
        super().__init__(text)
        self.diagnosis = diagnosis


class AttemptTimedOutError(PaltabrainError, TimeoutError):
    """An attempt to send a batch got no answer in time.

    Attributes:
        diagnosis: whom it waited for.
    """

    def __init__(self, text: str, diagnosis: Diagnosis | None = None) -> None:
        super().__init__(text)
        self.diagnosis = diagnosis


class BatchRejectedError(PaltabrainError):
    """The API refused a batch with a status that is not retried.

    Attributes:
        status: the HTTP status.
        reason: the server's own words, or where it redirects to; ``None`` if it gave none.
    """

    def __init__(self, status: int, reason: str | None = None) -> None:
        super().__init__(f"the API refused the batch with HTTP status {status}")
        self.status = status
        self.reason = reason


class RetriesExhaustedError(PaltabrainError):
    """The last attempt to send a batch was answered with a status that would be retried.

    Attributes:
        status: the HTTP status of the last attempt.
        attempts: number of attempts.
        reason: the server's own words; ``None`` if it gave none.
    """

    def __init__(self, status: int, attempts: int, reason: str | None = None) -> None:
        super().__init__(f"HTTP status {status} after {attempts} attempts")
        self.status = status
        self.attempts = attempts
        self.reason = reason


class EventTooLargeError(PaltabrainError):
    """An event was dropped because it does not fit into a batch, together with its context.

    Attributes:
        size: bytes of header, payload and context. ``None`` if this was found only when a batch was
            cut: then the event itself is no longer known.
        limit: largest size of a batch in bytes, framing included.
    """

    def __init__(self, size: int | None, limit: int) -> None:
        known = "it is" if size is None else f"{size} bytes with its context are"
        super().__init__(f"{known} too large for a batch of {limit} bytes")
        self.size = size
        self.limit = limit


@record()
class ErrorInfo:
    """What an error did to events; the second argument of ``on_error``.

    Attributes:
        reason: why events were dropped, as in ``Stats.dropped``.
        events: number of events that were dropped.
        batch_id: id of the batch that failed or was refused; ``None`` if the event was in no batch.
        event_class: class name of the event that could not be serialized or was too large; ``None``
            for a batch, or if the class is no longer known.
    """

    reason: DropReason
    events: int
    batch_id: str | None = None
    event_class: str | None = None
