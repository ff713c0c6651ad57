"""Stands in for a transport that could not be made."""

from __future__ import annotations

from collections.abc import Callable

from ..process.locks import Lock
from .base import Request, SendResult, Transport

__all__ = ["Unavailable"]


class Unavailable:
    """Tries again to make the transport whenever it has something to send.

    Args:
        make: makes the transport, or raises an ``Exception``: the error of the attempt.
    """

    def __init__(self, make: Callable[[], Transport]) -> None:
        self._make = make
        self._making = Lock()
        self._transport: Transport | None = None

    def send(self, request: Request) -> SendResult:
        """Make one attempt, if there is a transport by now."""
        with self._making:
            if self._transport is None:
                try:
                    self._transport = self._make()
                except Exception as error:
                    return SendResult(error=error)
        return self._transport.send(request)

    def close(self) -> None:
        """Close the transport, if there is one."""
        if self._transport is not None:
            self._transport.close()
