"""What tests of outages track, and how they see the attempts that are made."""

from __future__ import annotations

import threading
from collections import Counter

from paltabrain_fast import HttpsTransport, InMemoryTransport, SendResult
from paltabrain_fast.sdk_pb2 import Batch
from paltabrain_fast.transport import Request

from ..support.events import TextContext, TextEvent
from ..support.probe import parked_batches
from ..support.sdk import Sdk

BATCHES = 12


class Watching:
    """Passes requests on, and counts them.

    Attributes:
        attempts: of each batch, by its id.
        most: how many were under way at once, at most.
    """

    def __init__(self, transport: HttpsTransport | InMemoryTransport) -> None:
        self.attempts: Counter[str] = Counter()
        self.most = 0
        self._transport = transport
        self._changed = threading.Condition()
        self._under_way = 0

    def send(self, request: Request) -> SendResult:
        with self._changed:
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        try:
            return self._transport.send(request)
        finally:
            with self._changed:
                self._under_way -= 1
                self.attempts[Batch.FromString(request.body).common.batch_id] += 1
                self._changed.notify_all()

    def close(self) -> None:
        self._transport.close()

    def forget(self) -> None:
        """Begin to count anew."""
        with self._changed:
            self.attempts.clear()
            self.most = 0

    def await_attempts(self, count: int) -> None:
        """Wait until so many have ended since."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.attempts.total() >= count, 30)


def track_batches(sdk: Sdk, count: int = BATCHES) -> None:
    """Track events that make a batch each."""
    for number in range(count):
        sdk.track(TextEvent(), TextContext(str(number)))
    sdk.flush()


def await_parked(sdk: Sdk, watching: Watching, count: int) -> None:
    """Wait until so many batches wait for the server, while one tries."""
    while parked_batches(sdk) < count:
        watching.await_attempts(watching.attempts.total() + 1)
