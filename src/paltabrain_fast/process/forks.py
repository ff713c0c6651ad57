"""Forks: a child gets successors of what its parent had, whether a hook announces it or not."""

from __future__ import annotations

import contextlib

# Before a fork, the hook that came last is called first. That of logging takes its lock, which
# nobody may hold while our hook waits for threads that may log.
import logging  # noqa: F401
import os
import weakref
from collections.abc import Callable
from typing import Final, Protocol

from . import fork_barrier, lifetime, threads
from .locks import RLock
from .reentrancy import is_forking, note_fork

__all__ = ["Forkable", "register", "reinit_after_fork", "reinit_if_forked"]


class Forkable(Protocol):
    """What has a successor in each forked child."""

    def _reinit_after_fork(self) -> None:
        """Replace what belongs to the parent; no other thread does so at the same time."""


count_forks: Callable[[], int] = int
"""How many forks have led here; always 0 without native code, which alone can count them."""

finish_fork: Callable[[], bool] = bool
"""Has Python do what ``os.fork()`` does in a child; returns ``False`` where it must not."""

free_object_locks: Callable[[], object] = bool
"""Frees, in a child, locks of objects that threads of the parent held; only native code can."""

_forkables: Final[weakref.WeakSet[Forkable]] = weakref.WeakSet()
_reinit_locks: Final[dict[int, RLock]] = {}  # by process, as the parent's may be held for ever
_forks_noticed = 0
_finishing: int | None = None  # the process in which finish_fork() is running


def register(forkable: Forkable) -> None:
    """Call ``_reinit_after_fork`` in each forked child, as long as this object lives."""
    _forkables.add(forkable)


def reinit_if_forked() -> None:
    """Do what a fork's hooks should have done, if it has called none of Python's hooks.

    Called by whoever notices such a fork, in any thread of the child. Python's own state is made
    anew as well: its GIL may wait for threads that only the parent has.
    """
    global _finishing
    process = os.getpid()
    with _reinit_locks.setdefault(process, RLock()):
        if count_forks() == _forks_noticed:
            return  # another thread was faster
        # whether a hook calls this: one that comes before ours, or one that finish_fork() calls
        is_hook = is_forking() or _finishing == process
        _finishing = process
        try:
            if is_hook or not finish_fork():  # which calls reinit_after_fork(), among others
                reinit_after_fork()
        finally:
            _finishing = None


def reinit_after_fork() -> None:
    """Replace all that a forked child must replace; nothing else does so."""
    global _forks_noticed
    forks = count_forks()
    if forks and forks == _forks_noticed:
        return  # reinit_if_forked() was called by a hook that came before this one
    free_object_locks()  # first of all, as whatever follows may need one
    note_fork(begun=False)
    fork_barrier.after_fork_in_child()
    lifetime.after_fork_in_child()
    threads.become_main_thread()
    for forkable in list(_forkables):
        with contextlib.suppress(Exception):  # such as a MemoryError; the others are to go on
            forkable._reinit_after_fork()
    _forks_noticed = forks


def _before_fork() -> None:
    note_fork(begun=True)
    fork_barrier.before_fork()


def _after_fork_in_parent() -> None:
    fork_barrier.after_fork_in_parent()
    note_fork(begun=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=reinit_after_fork,
    )
