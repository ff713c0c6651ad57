"""What happens to a whole process, and to every SDK in it: a fork, and the end."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, Protocol

from . import fork_barrier, hosts, reentrancy, threads
from .clock import monotonic
from .locks import RLock

__all__ = [
    "enter",
    "has_entered",
    "is_exiting",
    "lacks_threads",
    "leave",
    "may_start_threads",
    "renew_after_fork",
    "renew_unnoticed",
]


class Renewable(Protocol):
    """What a forked child must renew."""

    def _renew(self) -> None:
        """Start from nothing; no other thread does so at the same time."""


class Control(Protocol):
    """What is at work until the end of the process: delivery, which is above this layer."""

    @property
    def is_forked(self) -> bool:
        """Whether all of this is the parent's, and yet to be renewed."""

    def flush(self, timeout: float | None) -> bool:
        """Frame what is buffered."""

    def wake(self) -> None:
        """Look for work."""

    def exit(self, started: float) -> None:
        """Shut down, in time counted from a reading of ``monotonic()``."""


_renewables: weakref.WeakSet[Renewable] = weakref.WeakSet()
_at_work: set[Control] = set()  # each had an event, and is not shut down
_renewing: dict[int, Any] = {}  # by process, as one may hold its parent's
_renewed = 0
_finishing: set[int] = set()  # processes that are renewing Python's own state
_is_exiting = False
_is_ending = False
_finalizer_of: int | None = None  # the process that has a finalizer of multiprocessing


count_forks: Callable[[], int] = int
"""How many forks have led here; always 0 where they cannot be counted, without native code."""

finish_fork: Callable[[], bool] = bool
"""Renews Python's own state after a fork that has called no hooks; returns whether it did."""


def may_start_threads() -> bool:
    """Tell whether a thread of ours would run, and harm nobody.

    Not at the end of the interpreter. Not in the master of uWSGI, which forks as if there were no
    threads: one that has the GIL then would leave the workers without it.
    """
    if _is_ending or lacks_threads():
        return False
    uwsgi = hosts.uwsgi()
    return uwsgi is None or uwsgi.worker_id() != 0


def lacks_threads() -> bool:
    """Tell whether this is uWSGI without threads, where none of ours would run between requests."""
    uwsgi = hosts.uwsgi()
    if uwsgi is None or hasattr(uwsgi, "has_threads"):
        return uwsgi is not None and not uwsgi.has_threads
    options = {name.decode() if isinstance(name, bytes) else name for name in uwsgi.opt}
    return not options & {"enable-threads", "threads"}


def renew_after_fork(renewable: Renewable) -> None:
    """Renew this in each forked child, as long as it lives."""
    _renewables.add(renewable)


def enter(control: Control) -> None:
    """Keep a control until it leaves, and flush what it has at the end of the interpreter."""
    if not _is_ending:
        _at_work.add(control)
        _register_with_multiprocessing()


def leave(control: Control) -> None:
    """Forget a control that is shut down."""
    _at_work.discard(control)


def has_entered(control: Control) -> bool:
    """Tell whether a control has something to do yet."""
    return control in _at_work


def _register_with_multiprocessing() -> None:
    """Have our exit handler called where ``multiprocessing`` ends a child without ``atexit``."""
    global _finalizer_of
    multiprocessing = sys.modules.get("multiprocessing")
    util = sys.modules.get("multiprocessing.util")
    if multiprocessing is None or util is None or multiprocessing.parent_process() is None:
        return
    if _finalizer_of != os.getpid():
        _finalizer_of = os.getpid()
        util.Finalize(None, _exit, exitpriority=0)


def renew_unnoticed() -> None:
    """Renew after a fork that has bypassed Python's hooks; else do nothing.

    Called by whoever notices it. Python's own state has to be renewed as well: its GIL counts on
    threads that are gone.
    """
    process = os.getpid()
    with _renewing.setdefault(process, RLock()):
        if count_forks() == _renewed:
            return  # or another thread has done it
        # in a hook that finish_fork() calls, or that was called before ours
        hooked = process in _finishing or fork_barrier.is_forking()
        _finishing.add(process)
        try:
            if hooked or not finish_fork():  # which calls ``renew``, among others
                renew()
        finally:
            _finishing.discard(process)


def renew() -> None:
    """Renew all that a forked child must; the one place where that is done."""
    global _at_work, _renewed
    forks = count_forks()
    if forks and forks == _renewed:
        return  # a hook that came before ours has noticed the fork
    _at_work = set()  # what the parent has buffered, it sends itself
    fork_barrier.renew()
    reentrancy.renew()
    threads.become_main_thread()
    for renewable in list(_renewables):
        renewable._renew()
    _renewed = forks


def is_exiting() -> bool:
    """Tell whether the end of the interpreter has begun: soon, or already, no thread can start."""
    return _is_exiting


def _begin_exit() -> None:
    """Have everything on its way as long as threads can be started.

    CPython 3.12.0 and 3.12.1 start none even now: the control threads, which are there, send then.
    """
    global _is_exiting
    _is_exiting = True
    for control in list(_at_work):
        if not control.is_forked:
            with contextlib.suppress(Exception):  # the others are to go on
                control.flush(None)
                control.wake()


def _exit() -> None:
    """Flush everything, all at the same time."""
    global _is_ending
    started = monotonic()
    _begin_exit()
    _is_ending = True
    for control in [control for control in list(_at_work) if not control.is_forked]:
        control.exit(started)


# Python 3.12 starts no thread any more when the functions of atexit are called
with contextlib.suppress(AttributeError, RuntimeError):
    threading._register_atexit(_begin_exit)  # type: ignore[attr-defined]
atexit.register(_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=fork_barrier.begin_fork,
        after_in_parent=fork_barrier.end_fork,
        after_in_child=renew,
    )
