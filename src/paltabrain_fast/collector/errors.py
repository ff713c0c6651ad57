"""Errors of the collector: it cannot start, or it refuses a request."""

from __future__ import annotations


class CollectorError(Exception):
    """The collector cannot start; the text is one line with the cause and the remedy."""


class RefusedError(Exception):
    """A request is refused.

    Attributes:
        status: the HTTP status, a 4xx.
        reason: what is wrong, for the person who debugs the client.
        batch_id: id of the batch, ``None`` if it is not known.
    """

    def __init__(self, status: int, reason: str, batch_id: str | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.batch_id = batch_id
