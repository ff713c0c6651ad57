"""The states of a pipeline, and the only ways from one to another."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from ..process.locks import Condition

__all__ = ["Lifecycle", "State"]


class State(Enum):
    """What a pipeline does."""

    OPEN = auto()
    """It takes events, frames and sends them."""
    DRAINING = auto()
    """It takes no more events, and delivers what it has."""
    CLOSED = auto()
    """Every event has its outcome, and the threads end."""
    ABANDONED = auto()
    """This is a forked child, and all of it is the parent's: nothing is sent, nothing counted."""


_NEXT: Final = {State.OPEN: State.DRAINING, State.DRAINING: State.CLOSED}
"""What can follow; a fork leads from each state to ``ABANDONED``, where it ends."""


class Lifecycle:
    """The state of one pipeline; any thread may read and advance it.

    Args:
        books: the lock of the ledger; whoever waits for it looks at the state again.
        state: to begin with.
    """

    def __init__(self, books: Condition, state: State = State.OPEN) -> None:
        self._books = books
        self._state = state

    @property
    def state(self) -> State:
        """The state just now."""
        return self._state

    @property
    def is_running(self) -> bool:
        """Whether there is something to do: it is open, or draining."""
        return self._state in (State.OPEN, State.DRAINING)

    def abandon(self) -> None:
        """Go to ``ABANDONED``, in a forked child, whose lock of the books may be held for ever."""
        self._state = State.ABANDONED

    def advance(self, state: State) -> bool:
        """Go on to a state, if that can follow; return whether it has.

        ``False`` is usual, not an error: several threads may shut down, and after a fork the one
        that goes on in the child finds everything abandoned.
        """
        with self._books:
            if _NEXT.get(self._state) is not state:
                return False
            self._state = state
            self._books.notify_all()
            return True
