"""Which threads hold forks back, and which fork."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from paltabrain_fast.process import fork_barrier, forks
from paltabrain_fast.process.log import Sparing

__all__ = [
    "fork_barrier_condition",
    "have_forks_wait",
    "interrupted_turn",
    "own_fork_barrier",
    "threads_that_fork",
    "threads_that_hold_forks",
    "turns_kept",
    "within_a_fork",
]


def have_forks_wait(seconds: float) -> None:
    """Set how long a fork waits for a thread that is inside OpenSSL, libcurl or a transport."""
    fork_barrier._FORK_SECONDS = seconds  # type: ignore[misc]


def threads_that_hold_forks() -> set[int]:
    """Return the identities of those that are inside a library which must not be forked."""
    return fork_barrier._barrier.inside


def threads_that_fork() -> set[int]:
    """Return the identities of those that are forking, or wait for that."""
    return fork_barrier._barrier.forking


@contextmanager
def own_fork_barrier() -> Iterator[None]:
    """A barrier of the test's own; forks wait until they may happen."""
    with (
        patch.object(fork_barrier, "_FORK_SECONDS", 60.0),
        patch.object(fork_barrier, "_barrier", fork_barrier._Barrier()),
    ):
        yield


def fork_barrier_condition() -> Any:
    """Return what a thread waits for that a fork keeps out."""
    return fork_barrier._barrier._changed


@contextmanager
def within_a_fork() -> Iterator[None]:
    """This thread is forking: a hook or a handler of the user's runs."""
    forks._before_fork()
    try:
        yield
    finally:
        forks._after_fork_in_parent()


def turns_kept(sparing: Sparing) -> int:
    """Return how many turns to tell of something are remembered."""
    return len(sparing._takers)


def interrupted_turn(sparing: Sparing, topic: str) -> None:
    """Have a thread ask, and end in the midst of it, as all others do in a forked child."""

    class Ending(dict[tuple[str, float], object]):
        def setdefault(self, *_turn: object) -> object:
            raise InterruptedError

    takers, sparing._takers = sparing._takers, Ending()
    try:
        sparing.may_tell(topic)
    except InterruptedError:
        sparing._takers = takers
