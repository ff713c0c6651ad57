"""Exceptions of the package."""

from __future__ import annotations

__all__ = ["BatchRejectedError", "PaltabrainError", "RetriesExhaustedError"]


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
