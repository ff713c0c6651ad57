"""The end of the process: delivers what is left, as long as threads run, and without them."""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import sys
import threading
from typing import Final, Protocol

from . import hosts
from .clock import deadline_after, monotonic

__all__ = [
    "AtWork",
    "deliver",
    "hold_seconds",
    "is_ending",
    "is_registered",
    "lacks_threads",
    "may_start_threads",
    "register",
    "unregister",
]


class AtWork(Protocol):
    """A pipeline that has had an event, and has not ended."""

    def begin_exit(self) -> None:
        """Have everything put on its way; waits for nothing."""

    def await_start(self, deadline: float) -> None:
        """Wait until everything is on its way, as soon no thread can be started any more."""

    def exit(self, started: float) -> None:
        """Deliver what is left, and end; ``started`` is when the exit began, by ``monotonic()``."""

    def hold_seconds(self) -> float | None:
        """Say how long a signal handler may hold what it has interrupted.

        ``None``: that is our own work, which is to go on first.
        """


_START_SECONDS: Final = 1.0
"""How long the exit waits in all until everything is on its way."""

_MAX_REQUESTS_TO_EXIT: Final = 100
"""How often a signal handler may raise ``SystemExit`` in the midst of the exit, which goes on."""

_STARTS_NONE_AT_EXIT: Final = (3, 12, 0) <= sys.version_info[:3] <= (3, 12, 1)
"""Whether no thread can be started any more when the main thread has ended: later versions start
some until the functions of ``atexit`` are called."""

_at_work: Final[set[AtWork]] = set()
_may_start = True  # until the interpreter starts no thread any more
_is_ending = False
_finalizer_of: int | None = None  # the process that has a finalizer of multiprocessing


def may_start_threads() -> bool:
    """Tell whether a thread of ours would run, and harm nobody.

    Not at the end of the interpreter, nor in uWSGI without threads. Nor in the master of uWSGI: it
    forks its workers without regard to threads, and a worker would never get the GIL if one of ours
    had it at that moment.
    """
    if not _may_start or lacks_threads():
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


def register(at_work: AtWork) -> None:
    """Keep this alive, and shut it down when the process ends, until ``unregister``.

    Any thread may call this.
    """
    if not _is_ending:
        _at_work.add(at_work)
        _register_with_multiprocessing()


def unregister(at_work: AtWork) -> None:
    """Forget what has ended."""
    _at_work.discard(at_work)


def is_registered(at_work: AtWork) -> bool:
    """Tell whether this would be shut down when the process ends."""
    return at_work in _at_work


def is_ending() -> bool:
    """Tell whether the interpreter ends, and everything is being delivered already."""
    return _is_ending


def hold_seconds() -> float | None:
    """Say how long a signal handler may hold what it has interrupted; ``None`` for our own work."""
    seconds = [at_work.hold_seconds() for at_work in list(_at_work)]
    known = [each for each in seconds if each is not None]
    return None if len(known) < len(seconds) else min(known, default=0.0)


def deliver() -> None:
    """Shut everything down, as the exit does; for a process that does not get that far."""
    started = monotonic()
    everything = list(_at_work)
    for at_work in everything:
        with contextlib.suppress(Exception):  # the others are to go on
            at_work.begin_exit()
    _shut_down(everything, started)


def after_fork_in_child() -> None:
    """Forget what is at work in the parent, which sends its events itself."""
    _at_work.clear()


def _register_with_multiprocessing() -> None:
    """Have our exit handler called where ``multiprocessing`` ends a child without ``atexit``."""
    global _finalizer_of
    multiprocessing = hosts.loaded("multiprocessing")
    util = hosts.loaded("multiprocessing.util")
    if multiprocessing is None or util is None or multiprocessing.parent_process() is None:
        return
    if _finalizer_of != os.getpid():
        _finalizer_of = os.getpid()
        util.Finalize(None, _exit, exitpriority=0)


def _begin_exit() -> None:
    """Have everything on its way as long as threads can be started."""
    global _may_start
    if _STARTS_NONE_AT_EXIT:
        _may_start = False
    deadline = deadline_after(_START_SECONDS)  # for all: they start at the same time
    everything = list(_at_work)
    for at_work in everything:
        with contextlib.suppress(Exception, SystemExit):  # the others are to go on
            at_work.begin_exit()
    for at_work in everything:
        with contextlib.suppress(Exception, SystemExit):
            at_work.await_start(deadline)


def _exit() -> None:
    global _is_ending, _may_start
    started = monotonic()
    _begin_exit()
    _is_ending, _may_start = True, False
    _shut_down(list(_at_work), started)


def _shut_down(everything: list[AtWork], started: float) -> None:
    """Shut all down, one after another; the ``exit_timeout`` of each counts from the start.

    So they share the time: their threads all send meanwhile. After a Ctrl-C there is none left:
    each gives up what it has, and tells of that.
    """
    interrupt: BaseException | None = None
    for at_work in everything:
        try:
            _finish(at_work, started)
        except BaseException as error:
            interrupt, started = error, -math.inf
            _finish(at_work, started)
    if interrupt is not None:
        raise interrupt


def _finish(at_work: AtWork, started: float) -> None:
    """Shut this down, also if signal handlers tell the process meanwhile to exit, as it does."""
    for _ in range(_MAX_REQUESTS_TO_EXIT):
        with contextlib.suppress(SystemExit):
            with contextlib.suppress(Exception):  # the others are to go on
                at_work.exit(started)
            return


# From Python 3.12 on, no thread can be started any more when the functions of atexit are called.
with contextlib.suppress(AttributeError, RuntimeError):
    threading._register_atexit(_begin_exit)  # type: ignore[attr-defined]
atexit.register(_exit)
