"""What happens to an event that finds the buffer full: one class for each policy.

To add a policy, add its name to ``options.Overflow``, and its class to ``make_overflow``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from .._engine.protocol import Engine
from ..options import Options, Overflow
from ..process.clock import deadline_after, is_over
from ..process.reentrancy import own_thread
from .framer import Framer
from .ledger import Ledger
from .lifecycle import Lifecycle, State

__all__ = ["OverflowPolicy", "make_overflow"]

_SHED_MS: Final = 100
"""For how long a full buffer is not asked again whether it can be emptied."""


class OverflowPolicy(Protocol):
    """A policy. Called by ``track()``, in any thread, once the control thread is to make room."""

    def make_room(self) -> Iterator[None]:
        """Yield each time that it is worth trying again to record the event.

        When it ends, the event is to be dropped.
        """

    def on_drop(self) -> None:
        """An event was dropped, and counted."""


class _DropNew:
    """Drops the new event."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def make_room(self) -> Iterator[None]:
        return iter(())

    def on_drop(self) -> None:
        """Have the engine drop what comes next by itself.

        A full buffer is to cost those who track no more than one with room.
        """
        self._engine.shed_for(_SHED_MS)


class _DropOld:
    """Drops the oldest events, in favour of the new one."""

    def __init__(self, framer: Framer) -> None:
        self._framer = framer

    def make_room(self) -> Iterator[None]:
        while self._framer.evict():
            yield

    def on_drop(self) -> None:
        pass


class _Block:
    """Waits until there is room, for ``block_timeout_ms`` at most; then drops the new event."""

    def __init__(
        self,
        options: Options,
        ledger: Ledger,
        lifecycle: Lifecycle,
        may_wait: Callable[[], bool],
        request_flush: Callable[[], object],
    ) -> None:
        self._options = options
        self._ledger = ledger
        self._lifecycle = lifecycle
        self._may_wait = may_wait
        self._request_flush = request_flush

    def make_room(self) -> Iterator[None]:
        # one of our own threads does not wait: it may be the one that would make room
        if own_thread() is not None or not self._may_wait():
            return
        deadline = deadline_after(self._options.block_timeout_ms / 1000)
        while True:
            # Read before the event is tried again. If it finds the buffer full, what is taken after
            # that ends the wait.
            taken = self._ledger.framed_count
            yield
            self._request_flush()
            if not self._ledger.wait(lambda: self._has_changed(taken), deadline):  # noqa: B023
                break
            if is_over(deadline):
                break

    def on_drop(self) -> None:
        pass

    def _has_changed(self, taken: int) -> bool:
        return self._ledger.framed_count != taken or self._lifecycle.state is not State.OPEN


def make_overflow(
    engine: Engine,
    options: Options,
    ledger: Ledger,
    lifecycle: Lifecycle,
    framer: Framer,
    may_wait: Callable[[], bool],
    request_flush: Callable[[], object],
) -> OverflowPolicy:
    """Return the policy that the options name."""
    policies: dict[Overflow, Callable[[], OverflowPolicy]] = {
        "drop_new": lambda: _DropNew(engine),
        "drop_old": lambda: _DropOld(framer),
        "block": lambda: _Block(options, ledger, lifecycle, may_wait, request_flush),
    }
    return policies[options.overflow]()
