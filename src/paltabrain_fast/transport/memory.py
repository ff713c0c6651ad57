"""The transport without a network, for tests of what uses the SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..sdk_pb2 import Batch
from .base import Request, SendResult

if TYPE_CHECKING:
    from ..decoding import TrackedEvent

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

    @property
    def events(self) -> list[TrackedEvent]:
        """The events of the requests so far, decoded by the config modules in use.

        They are in the order in which they were tracked; without a session, those of one
        millisecond are by context. What was sent several times, as ``answer`` asked for it, is
        there once.
        """
        from ..decoding import tracked_events  # here, as few programs decode anything

        batches = {batch.common.batch_id: batch for batch in self.batches}
        return tracked_events(batches.values())

    def send(self, request: Request) -> SendResult:
        """Keep the request and answer it."""
        self.requests.append(request)
        return self._answer(request) if self._answer else SendResult(status=200)

    def close(self) -> None:
        """Do nothing: there are no connections."""
