"""Errors of the collector: why it cannot start, why it refuses a request."""

from __future__ import annotations


class CollectorError(Exception):
    """The collector cannot start; the text is one line that names the cause and the remedy."""


class RefusedError(Exception):
    """A request that is answered by a 4xx.

    ``status`` is the HTTP status, ``reason`` a sentence for the person who debugs the client, and
    ``batch_id`` the batch's id as far as it is known.
    """

    def __init__(self, status: int, reason: str, batch_id: str | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.batch_id = batch_id
