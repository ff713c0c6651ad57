"""What a test server has seen: which events came in which batches, and how often."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from paltabrain_fast.sdk_pb2 import Batch, Event


@dataclass
class LoggedBatch:
    """All requests that carried one batch id.

    Attributes:
        events: identities, in their order in the first body.
        bodies: how many requests there were.
        commits: with how many of them the events were taken in.
        successes: how many of them had an answer that says so.
        equal: whether all bodies were the same, byte by byte.
        events_dropped: what its telemetry says.
    """

    events: list[str]
    bodies: int = 0
    commits: int = 0
    successes: int = 0
    equal: bool = True
    events_dropped: int = 0


def payload(event: Event) -> str:
    """Identify an event by the bytes of its payload."""
    return event.payload.decode("latin-1")


class EventLog:
    """The receiver's own books, to compare a client's ledger with.

    Args:
        identity: what tells one event from another.
    """

    def __init__(self, identity: Callable[[Event], str] = payload) -> None:
        self.batches: dict[str, LoggedBatch] = {}
        self._identity = identity
        self._first_bodies: dict[str, int] = {}  # hashes
        self._lock = threading.Lock()

    def enter(self, batch: Batch, body: bytes, *, commit: bool, success: bool) -> None:
        """Enter one request."""
        batch_id = batch.common.batch_id
        with self._lock:
            logged = self.batches.get(batch_id)
            if logged is None:
                logged = self.batches[batch_id] = LoggedBatch(
                    events=[self._identity(event) for event in batch.events],
                    events_dropped=batch.telemetry.events_dropped,
                )
            logged.bodies += 1
            logged.commits += commit
            logged.successes += success
            logged.equal &= self._first_bodies.setdefault(batch_id, hash(body)) == hash(body)

    @property
    def committed(self) -> dict[str, LoggedBatch]:
        """The batches whose events were taken in at least once."""
        with self._lock:
            return {key: batch for key, batch in self.batches.items() if batch.commits}

    @property
    def events(self) -> Counter[str]:
        """How often each event was taken in; the repeat of a batch does not count."""
        counts: Counter[str] = Counter()
        for batch in self.committed.values():
            counts.update(batch.events)
        return counts

    @property
    def events_dropped(self) -> int:
        """The sum over the committed batches, each counted once."""
        return sum(batch.events_dropped for batch in self.committed.values())

    def to_json(self, *, forget: bool = False) -> dict[str, Any]:
        with self._lock:
            value = {key: asdict(batch) for key, batch in self.batches.items()}
            if forget:
                self.batches.clear()
                self._first_bodies.clear()
            return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> EventLog:
        log = cls()
        log.batches = {key: LoggedBatch(**batch) for key, batch in value.items()}
        return log
