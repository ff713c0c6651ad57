"""Keeps forks away from threads inside libraries whose locks a child would inherit, held for ever.

OpenSSL, libcurl and the system's name resolution have such locks. They are held for moments only,
so a fork waits for those moments, and not for a request that waits in the network. One of them is
when a thread that has used OpenSSL ends: after all of Python, when it gives back what it had there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .clock import monotonic
from .locks import Condition, get_ident, get_native_id

__all__ = ["begin_fork", "end_fork", "end_thread", "guarded", "is_forking", "renew", "unguarded"]

_FORK_SECONDS: Final = 0.5
"""How long a fork may be held up: some libraries and transports wait while they are inside."""

_POLL_SECONDS: Final = 0.001
"""How often a fork looks whether the threads that are ending have ended."""


class _Guard:
    """Of one process: a thread is inside, or a fork is under way."""

    def __init__(self) -> None:
        # its lock is re-entrant: a signal handler may fork while its own thread holds it
        self._changed = Condition()
        self._inside: set[int] = set()
        self._ending: set[int] = set()  # by what the system calls them
        self._forking: list[int] = []  # by thread, as often as it forks in a fork's hooks

    def has(self, thread: int) -> bool:
        return thread in self._inside

    def is_forking(self, thread: int) -> bool:
        return thread in self._forking

    def enter(self, thread: int, deadline: float | None = None) -> None:
        with self._changed:
            # a thread does not wait for itself: this may be a hook of its own fork
            self._changed.wait_for(
                lambda: all(forking == thread for forking in self._forking), deadline
            )
            self._inside.add(thread)

    def leave(self, thread: int) -> None:
        with self._changed:
            self._inside.discard(thread)
            if self._forking:
                self._changed.notify_all()

    def end(self, thread: int) -> None:
        with self._changed:
            self.enter(thread)
            self.leave(thread)
            self._forget_ended()
            self._ending.add(get_native_id())

    def begin_fork(self, thread: int) -> None:
        deadline = monotonic() + _FORK_SECONDS
        with self._changed:
            self._forking.append(thread)
            self._changed.wait_for(lambda: not self._inside - {thread}, deadline)
            self._forget_ended()
            while self._ending and monotonic() < deadline:
                self._changed.wait(_POLL_SECONDS)  # the system does not tell
                self._forget_ended()
            self._ending.clear()  # nor will the next one wait: these are new threads

    def end_fork(self, thread: int) -> None:
        with self._changed:
            if thread in self._forking:  # not if a signal handler forked us before this fork
                self._forking.remove(thread)
            self._changed.notify_all()

    def dismiss(self, thread: int) -> None:
        """In a forked child: let in the thread that has forked, unless the lock is lost."""
        self._forking = [thread]
        if self._changed.acquire(blocking=False):
            self._changed.notify_all()
            self._changed.release()

    def _forget_ended(self) -> None:
        # a main thread never ends; it may be one of ours that has forked
        self._ending = {
            thread
            for thread in self._ending
            if thread != os.getpid() and Path(f"/proc/self/task/{thread}").exists()
        }


_guard = _Guard()


@contextlib.contextmanager
def guarded(deadline: float | None = None) -> Iterator[None]:
    """Let no fork happen while this thread is inside.

    One that is under way is waited for, until the deadline (``monotonic()``) at most.
    """
    guard, thread = _guard, get_ident()  # a signal handler may fork within
    if guard.has(thread):  # and has interrupted what is inside
        yield
        return
    try:
        guard.enter(thread, deadline)  # here, should a signal handler raise as it ends
        yield
    finally:
        guard.leave(thread)


@contextlib.contextmanager
def unguarded() -> Iterator[None]:
    """Within ``guarded``: let forks happen nevertheless, as this thread waits in the network."""
    guard, thread = _guard, get_ident()
    if not guard.has(thread):
        yield
        return
    guard.leave(thread)
    try:
        yield
    finally:
        guard.enter(thread)


def is_forking() -> bool:
    """Tell whether this thread is forking: one that is inside may be waiting for it."""
    return _guard.is_forking(get_ident())


def end_thread() -> None:
    """Let no fork happen before this thread has ended, which it must do at once.

    Only where there is a ``/proc`` to tell; elsewhere it waits for a fork that is under way.
    """
    _guard.end(get_ident())


def begin_fork() -> None:
    """Wait until nobody is inside, and let nobody in until ``end_fork``."""
    _guard.begin_fork(get_ident())


def end_fork() -> None:
    """Go on in the parent."""
    _guard.end_fork(get_ident())


def renew() -> None:
    """Go on in a forked child, where nobody is inside."""
    global _guard
    inherited, _guard = _guard, _Guard()
    inherited.dismiss(get_ident())
