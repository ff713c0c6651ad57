"""An outage, the books and the batches of a test, without threads and without a server."""

from __future__ import annotations

from collections import deque
from typing import Any, Final
from unittest.mock import create_autospec

from paltabrain_fast import RetriesExhaustedError
from paltabrain_fast._engine.protocol import Counts, FramedBatch
from paltabrain_fast.delivery.batch import Batch, BatchState
from paltabrain_fast.delivery.ledger import Ledger, Stats
from paltabrain_fast.delivery.notify import Reporter
from paltabrain_fast.delivery.outage import Outage, OutageState
from paltabrain_fast.options import Options

from ..support.probe import WaitClock

LIMIT: Final = 300.0
ERROR: Final = RetriesExhaustedError(503, 1)
CLEAR, DOWN, RECOVERING, ENDED = OutageState


class Service:
    """An outage and the batches that it decides on; the test makes their attempts.

    Attributes:
        due: batches whose attempt is in the heap, and in how many seconds it is due.
        reporter: records what the user is told.
    """

    def __init__(self, clock: WaitClock) -> None:
        self.clock = clock
        self.ledger = Ledger()
        self.due: deque[tuple[str, float]] = deque()
        self.reporter: Any = create_autospec(Reporter, instance=True)
        self.options: Any = create_autospec(Options, instance=True, outage_seconds=LIMIT)
        self.outage = Outage(
            self.options, self.ledger, self.reporter, lambda: self.ledger.lost, self._submit
        )
        self._batches: dict[str, Batch] = {}
        self._delays = deque[float]()

    def _submit(self, batch: Batch, delay: float) -> None:
        assert batch.state is BatchState.WAITING
        self.due.append((batch.id, delay))

    def batch(self, name: str) -> Batch:
        """Return a batch of this name; a new one is in flight."""
        if name not in self._batches:
            self._batches[name] = Batch(FramedBatch(b"body", name, 3, 0, 0, 3, 3))
            self.ledger.launch(self._batches[name])
        return self._batches[name]

    def comes(self, *names: str) -> None:
        """Have batches come for an attempt that they are not to make."""
        for name in names:
            assert not self.outage.admit(self.batch(name))

    def begins(self, name: str) -> Batch:
        """Have a batch begin the attempt that it is released for, or due."""
        batch = self.batch(name)
        self.due = deque(entry for entry in self.due if entry[0] != name)
        assert self.outage.admit(batch)
        assert self.ledger.begin_attempt(batch)
        return batch

    def fails(
        self,
        name: str,
        *,
        is_last: bool = False,
        retry_after: float | None = None,
        lasting: float = 0.0,
    ) -> list[str] | None:
        """Have an attempt find no server; return which batches are to be given up."""
        batch = self.begins(name)
        self.clock.now += lasting
        return self.ends_in_vain(batch, is_last=is_last, retry_after=retry_after)

    def ends_in_vain(
        self, batch: Batch, *, is_last: bool = False, retry_after: float | None = None
    ) -> list[str] | None:
        expired = self.outage.failed(batch, ERROR, retry_after, is_last=is_last)
        if expired is None:
            self.ledger.postpone(batch)
            return None
        return [each.id for each in expired]

    def is_delivered(self, name: str) -> None:
        """Have an attempt succeed."""
        batch = self.begins(name)
        self.outage.reached(batch)
        assert self.ledger.claim(batch)
        self.ledger.settle(batch, "SUCCESS")
        self.outage.leave(batch)

    def go_down(self, *others: str) -> None:
        """Begin an outage with a batch ``first``; the others wait."""
        assert self.fails("first", is_last=True) == []
        self.comes(*others)
        assert self.outage.state is DOWN

    def recover(self, *others: str) -> None:
        """Have ``first`` delivered after that; two of the others are released."""
        self.go_down(*others)
        self.is_delivered("first")

    def stats(self) -> Stats:
        return self.ledger.stats(Counts(0, 0, 0))
