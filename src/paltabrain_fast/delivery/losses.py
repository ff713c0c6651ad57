"""The book of losses by kind, and when the user is to be told of each."""

from __future__ import annotations

import math
from typing import Final

from ..encoding.display import count_text
from ..errors import Diagnosis
from ..process.clock import monotonic

__all__ = ["Loss", "Losses"]

_FIRST_SECONDS: Final = 0.5
"""How long the first loss of a kind is kept back, so that its line has the losses that follow."""

_QUIET_SECONDS: Final = 20.0
"""How long nothing is said of a kind after it was told."""

_MAX_KINDS: Final = 50


class Loss:
    """What was lost for reasons of one kind.

    Attributes:
        count: events lost so far.
        told_at: when the user was told last, by ``monotonic()``.
        due: when those since then are to be told; ``inf`` if there are none.
        diagnosis: of the last loss.
    """

    __slots__ = ("count", "diagnosis", "due", "told_at")

    def __init__(self, diagnosis: Diagnosis) -> None:
        self.count = 0
        self.told_at = -math.inf
        self.due = math.inf
        self.diagnosis = diagnosis

    @property
    def line(self) -> str:
        """Cause, number and remedy, in one line."""
        return f"{self.diagnosis.cause}: {count_text(self.count)} lost; {self.diagnosis.remedy}"


class Losses:
    """Counts lost events by the kind of their diagnosis; what it does costs next to nothing.

    It belongs to the books: every method is called with their lock held.
    """

    def __init__(self) -> None:
        self._by_kind: dict[str, Loss] = {}

    def note(self, diagnosis: Diagnosis, events: int) -> bool:
        """Count events that are lost.

        A kind may have a second word, by which it is told apart from others with the same first
        one; where there are too many, they are counted together.

        Returns:
            Whether ``due`` may have changed.
        """
        kind = diagnosis.kind
        if kind not in self._by_kind and len(self._by_kind) >= _MAX_KINDS:
            kind = kind.partition(" ")[0]
        # not overwritten, as a signal handler may note a loss meanwhile
        loss = self._by_kind.get(kind) or self._by_kind.setdefault(kind, Loss(diagnosis))
        loss.diagnosis = diagnosis
        loss.count += events
        if loss.due < math.inf:
            return False
        loss.due = max(monotonic() + _FIRST_SECONDS, loss.told_at + _QUIET_SECONDS)
        return True

    @property
    def due(self) -> float:
        """When something is to be told next, by ``monotonic()``; ``inf`` if there is nothing."""
        return min((loss.due for loss in list(self._by_kind.values())), default=math.inf)

    def take(self, until: float) -> list[str]:
        """Return the lines that are due by then, and count as told from now on."""
        lines = []
        for loss in list(self._by_kind.values()):
            if loss.due <= until and loss.due < math.inf:
                loss.told_at, loss.due = monotonic(), math.inf
                lines.append(loss.line)
        return lines

    def is_due(self, kind: str) -> bool:
        """Tell whether there are losses of a kind that are not told yet."""
        return (loss := self._by_kind.get(kind)) is not None and loss.due < math.inf

    def ignore(self, kind: str) -> None:
        """Tell nothing of a kind until another loss is noted."""
        if (loss := self._by_kind.get(kind)) is not None:
            loss.due = math.inf
