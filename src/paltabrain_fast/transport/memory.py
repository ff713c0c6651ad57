"""The transport without a network, for tests of what uses the SDK."""

from __future__ import annotations

from collections.abc import Callable

from ..sdk_pb2 import Batch
from .base import Request, SendResult

__all__ = ["InMemoryTransport"]


class InMemoryTransport:
    """Keeps every request instead of sending it; for tests.

    Any thread may call any method. A forked child has a copy of what its parent has kept by then.

    Args:
        answer: called with each request to return its result; without it, every request succeeds.
    """

    def __init__(self, answer: Callable[[Request], SendResult] | None = None) -> None:
        self.requests: list[Request] = []
        self._answer = answer

    @property
    def batches(self) -> list[Batch]:
        """The bodies of the requests so far, in their order, as ``Batch`` messages."""
        return [Batch.FromString(request.body) for request in self.requests]

    def send(self, request: Request) -> SendResult:
        """Keep the request and answer it."""
        self.requests.append(request)
        return self._answer(request) if self._answer else SendResult(status=200)

    def close(self) -> None:
        """Do nothing: there are no connections."""
