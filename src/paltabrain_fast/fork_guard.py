"""Keeps forks away from threads inside libraries whose locks a child would inherit, held for ever.

OpenSSL, libcurl and the system's name resolution have such locks. They are held for moments only,
so a fork waits for those moments, and not for a request that waits in the network.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

__all__ = ["begin_fork", "end_fork", "guarded", "renew", "unguarded"]

_FORK_SECONDS: Final = 0.5
"""How long a fork may be held up: some libraries and transports wait while they are inside."""


class _Guard:
    """Of one process: a thread is inside, or a fork is under way."""

    def __init__(self) -> None:
        # its lock is re-entrant: a signal handler may fork while its own thread holds it
        self._changed = threading.Condition()
        self._inside: set[int] = set()
        self._forking: list[int] = []  # by thread, as often as it forks in a fork's hooks

    def has(self, thread: int) -> bool:
        return thread in self._inside

    def enter(self, thread: int) -> None:
        with self._changed:
            # a thread does not wait for itself: this may be a hook of its own fork
            self._changed.wait_for(lambda: all(forking == thread for forking in self._forking))
            self._inside.add(thread)

    def leave(self, thread: int) -> None:
        with self._changed:
            self._inside.discard(thread)
            if self._forking:
                self._changed.notify_all()

    def begin_fork(self, thread: int) -> None:
        with self._changed:
            self._forking.append(thread)
            self._changed.wait_for(lambda: not self._inside - {thread}, _FORK_SECONDS)

    def end_fork(self, thread: int) -> None:
        with self._changed:
            self._forking.remove(thread)
            self._changed.notify_all()


_guard = _Guard()


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Let no fork happen while this thread is inside; wait for one that is under way."""
    guard, thread = _guard, threading.get_ident()  # a signal handler may fork within
    guard.enter(thread)
    try:
        yield
    finally:
        guard.leave(thread)


@contextlib.contextmanager
def unguarded() -> Iterator[None]:
    """Within ``guarded``: let forks happen nevertheless, as this thread waits in the network."""
    guard, thread = _guard, threading.get_ident()
    if not guard.has(thread):
        yield
        return
    guard.leave(thread)
    try:
        yield
    finally:
        guard.enter(thread)


def begin_fork() -> None:
    """Wait until nobody is inside, and let nobody in until ``end_fork``."""
    _guard.begin_fork(threading.get_ident())


def end_fork() -> None:
    """Go on in the parent."""
    _guard.end_fork(threading.get_ident())


def renew() -> None:
    """Go on in a forked child, where nobody is inside."""
    global _guard
    _guard = _Guard()
