"""Outages: that the server cannot be reached is the server's state, and no batch's fault.

While there is one, one batch at a time tries, and the others are parked: they have no thread, no
call in the heap, and use up no attempt.
"""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from ..options import Options
from ..process.clock import monotonic
from . import backoff
from .batch import Batch
from .ledger import Ledger
from .notify import Reporter

__all__ = ["FROZEN_SECONDS", "Outage", "OutageState"]

FROZEN_SECONDS: Final = 0.5
"""An attempt, or a wait, that ends so long after its deadline was not slow: the process was frozen,
as by SIGSTOP or the sleep of a laptop."""

_MAX_BACKOFF_SECONDS: Final = 5.0
"""How long the server is left alone at most, unless it asks for more."""

_GROWTH: Final = 2
"""How many parked batches follow each one that has reached the server again."""

_MAX_BEGUN: Final = 3
"""How many outages may begin with the same batch. Then it is the batch that something on the way
answers so, and it has its attempts like any other."""


class OutageState(Enum):
    """Whether the server can be reached."""

    CLEAR = auto()
    """It can, as far as is known: every batch makes its attempts when they are due."""
    DOWN = auto()
    """It cannot: one batch at a time probes."""
    RECOVERING = auto()
    """It was reached again: each batch that reaches it has two more follow."""
    ENDED = auto()
    """The pipeline shuts down: every batch makes the attempts that it is due, at once."""


_NEXT: Final = {
    OutageState.CLEAR: {OutageState.DOWN, OutageState.ENDED},
    OutageState.DOWN: {OutageState.RECOVERING, OutageState.ENDED},
    OutageState.RECOVERING: {OutageState.DOWN, OutageState.CLEAR, OutageState.ENDED},
    OutageState.ENDED: set[OutageState](),
}


class Outage:
    """Decides which batches may try while the server cannot be reached. Any thread may call it.

    All of it belongs to the lock of the books. While anything is parked and no shutdown has begun,
    at least one batch is released, exactly one while the server is down: its next attempt is in the
    heap, or under way. Every method leaves it so.

    Args:
        options: for ``outage_seconds``.
        ledger: has the lock, and the states of the batches.
        reporter: is told when an outage has begun, and when it is over.
        lost: counts the events that were lost so far; called without the lock.
        submit: has a batch make its next attempt in so many seconds.
    """

    def __init__(
        self,
        options: Options,
        ledger: Ledger,
        reporter: Reporter,
        lost: Callable[[], int],
        submit: Callable[[Batch, float], None],
    ) -> None:
        self._options = options
        self._ledger = ledger
        self._books = ledger.books
        self._reporter = reporter
        self._lost = lost
        self._submit = submit
        self._state = OutageState.CLEAR
        self._parked: deque[Batch] = deque()  # the one that has waited longest first
        self._released: dict[str, float] = {}  # by id, when the attempt is due
        self._held_since: dict[str, float] = {}  # by id, by the clock of _now()
        self._suspect: str | None = None  # the batch that failed last, if none reached the server
        self._reached = 0  # attempts that have reached the server
        self._failed_probes = 0  # since it was reached last
        self._frozen = 0.0  # seconds
        self._began = 0.0
        self._lost_before = 0
        self._is_told = False

    @property
    def state(self) -> OutageState:
        """The state just now."""
        return self._state

    @property
    def parked(self) -> int:
        """Number of batches that wait until others have reached the server."""
        return len(self._parked)

    def admit(self, batch: Batch) -> bool:
        """Tell whether a batch may make its attempt now; if not, it is parked."""
        if self._state is OutageState.CLEAR:  # an outage that begins now is one attempt too late
            return True
        with self._books:
            if self._state in (OutageState.CLEAR, OutageState.ENDED):
                return True
            if (due := self._released.get(batch.id)) is not None:
                self.slept(monotonic() - due)
                self._released[batch.id] = math.inf
                return True
            if batch not in self._parked:  # it is, if a signal handler had ended its last call
                self._park(batch)
            self._go_on()
            return False

    def reached(self, batch: Batch) -> None:
        """Note that an attempt has reached the server, whatever the answer."""
        with self._books:
            self._reached += 1
            self._suspect = None
            batch.failures = 0
            if self._state is OutageState.CLEAR or self._state is OutageState.ENDED:
                return
            self._advance(OutageState.RECOVERING)
            self._failed_probes = 0
            for _ in range(_GROWTH):
                self._release(0.0)
            if self._parked:
                return
            self._advance(OutageState.CLEAR)
            seconds, was_told = monotonic() - self._began, self._is_told
            self._ledger.note_outage(None)
            self._released.clear()
            self._held_since.clear()
        if was_told:
            self._reporter.outage_over(seconds, self._lost() - self._lost_before)

    def failed(
        self, batch: Batch, error: Exception, retry_after: float | None, *, is_last: bool
    ) -> list[Batch] | None:
        """Note that an attempt has not reached the server.

        Args:
            batch: whose attempt it was.
            error: why.
            retry_after: how many seconds the server is to be left alone, if it asks for that.
            is_last: whether the batch is due no other attempt.

        Returns:
            ``None`` if the batch itself is taken to be at fault. Otherwise it is parked, and these
            batches are to be given up, as they were held for ``outage_seconds``.
        """
        with self._books:
            if not batch.failures:
                batch.reached_before = self._reached
            batch.failures += 1
            if self._state is OutageState.ENDED:
                return None
            if self._state is OutageState.CLEAR:
                if not self._begins(batch, is_last=is_last):
                    return None
                self._begin()
            self._advance(OutageState.DOWN)
            is_probe = batch.id in self._released
            self._failed_probes += is_probe
            is_news, self._is_told = is_probe and not self._is_told, is_probe or self._is_told
            if is_news:
                self._ledger.note_outage(self._began)
        if is_news:  # before the next probe, which may end the outage
            self._reporter.outage_begun(error)
        with self._books:
            self._released.pop(batch.id, None)
            if self._ledger.postpone(batch):  # or else somebody has given it up meanwhile
                self._park(batch)
            expired = self._take_expired()
            self._go_on(retry_after)
        return expired

    def leave(self, batch: Batch) -> None:
        """Forget a batch that makes no more attempts: it has its outcome, or was split."""
        if self._state is OutageState.CLEAR:  # nothing is parked, nor remembered
            return
        with self._books:
            self._released.pop(batch.id, None)
            self._held_since.pop(batch.id, None)
            self._go_on()

    def slept(self, seconds: float) -> None:
        """Count no time in which the process was frozen.

        Args:
            seconds: how long after its time something has happened.
        """
        if seconds > FROZEN_SECONDS:
            with self._books:
                self._frozen += seconds

    def end(self) -> bool:
        """Have all batches make the attempts they are due, and park no other: a shutdown begins.

        Returns:
            Whether this has ended an outage. Then a batch that is released still waits for its turn
            to try, and whoever makes the calls is not to wait for that.
        """
        with self._books:
            was_out = self._state in (OutageState.DOWN, OutageState.RECOVERING)
            self._advance(OutageState.ENDED)
            self._ledger.note_outage(None)
            self._go_on()
            return was_out

    def abandon(self) -> None:
        """Forget all batches, in a forked child: they are the parent's."""
        self._state = OutageState.ENDED
        self._parked = deque()

    # Under the lock. A signal handler may have interrupted this very code, and call end().

    def _now(self) -> float:
        """The time, by a clock that stands still while the process is frozen."""
        return monotonic() - self._frozen

    def _advance(self, state: OutageState) -> None:
        if state in _NEXT[self._state]:
            self._state = state

    def _begins(self, batch: Batch, *, is_last: bool) -> bool:
        """Tell whether it is the server that cannot be reached."""
        others_fail = self._suspect not in (None, batch.id)
        self._suspect = batch.id
        nobody_else_reached_it = batch.reached_before == self._reached
        if not (others_fail or (is_last and nobody_else_reached_it)):
            return False
        if self._options.outage_seconds <= 0 or batch.outages_begun >= _MAX_BEGUN:
            return False
        batch.outages_begun += 1
        return True

    def _begin(self) -> None:
        self._began = monotonic()
        self._lost_before = self._ledger.lost
        self._failed_probes = 0
        self._is_told = False

    def _park(self, batch: Batch) -> None:
        self._held_since.setdefault(batch.id, self._now())
        batch.excuse_failures()
        self._parked.append(batch)

    def _take_expired(self) -> list[Batch]:
        latest = self._now() - self._options.outage_seconds
        expired = [batch for batch in list(self._parked) if self._held_since[batch.id] <= latest]
        for batch in expired:
            with contextlib.suppress(ValueError):  # the handler has released it
                self._parked.remove(batch)
        return expired

    def _go_on(self, retry_after: float | None = None) -> None:
        """Release what is to make an attempt now, after a change."""
        if self._state in (OutageState.CLEAR, OutageState.ENDED):
            while self._parked:
                self._release(0.0)
        elif self._parked and not self._released:
            self._release(backoff.delay(self._failed_probes + 1, retry_after, _MAX_BACKOFF_SECONDS))

    def _release(self, delay: float) -> None:
        """Have the batch that has waited longest try, if there is one."""
        try:
            batch = self._parked.popleft()
        except IndexError:
            return
        self._released[batch.id] = monotonic() + delay
        self._submit(batch, delay)
