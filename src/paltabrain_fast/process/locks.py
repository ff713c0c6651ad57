"""Locks of the operating system's threads, whatever has been patched.

gevent and eventlet put greenlets in the place of threads, at a time of their own choosing: before
this package is imported, or while its threads are at work. So that this is never half done, nothing
here takes any notice: locks are real ones, and so are the SDK's threads (see ``threads``). Whoever
holds a lock lets go of it within moments, without a switch to another greenlet; so a greenlet may
take one. Only what can last is waited for in the greenlets' own way, by ``acquire`` or a
``Condition``.
"""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable
from importlib import import_module
from importlib.machinery import BuiltinImporter, PathFinder
from importlib.util import module_from_spec
from typing import TYPE_CHECKING, Any, Final

from . import hosts
from .clock import monotonic

__all__ = [
    "TIMEOUT_MAX",
    "Condition",
    "Lock",
    "RLock",
    "acquire",
    "cooperative_sleep",
    "current",
    "get_ident",
    "get_native_id",
    "local",
    "own",
    "pristine",
    "wait_until",
]

_LONGEST_PAUSE: Final = 0.01
_SHORTEST_PAUSE: Final = 0.0005


def pristine(name: str) -> Any:
    """Make a module of C anew, as it is without patches; where that cannot be, take it as it is."""
    spec = BuiltinImporter.find_spec(name) or PathFinder.find_spec(name)
    if spec is None or spec.loader is None:
        return import_module(name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_thread = pristine("_thread")

if TYPE_CHECKING:
    from threading import local

    class RLock:
        """A lock that a thread may acquire again."""

        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...
        def release(self) -> None: ...
        def _release_save(self) -> Any: ...
        def _acquire_restore(self, state: Any) -> None: ...
        def __enter__(self) -> bool: ...
        def __exit__(self, *error: object) -> None: ...
else:
    local, RLock = _thread._local, _thread.RLock
    if sys.version_info[:2] == (3, 14):

        class RLock(_thread.RLock):
            """Is free again if a signal handler raises where only 3.14 calls one: when it is taken,
            but the body of the with statement is not yet begun."""

            def __enter__(self) -> bool:
                depth = self._recursion_count()
                try:
                    return self.acquire()
                except BaseException:
                    if self._recursion_count() > depth:
                        self.release()
                    raise


Lock: Final = _thread.allocate_lock
get_ident: Final[Callable[[], int]] = _thread.get_ident
get_native_id: Final[Callable[[], int]] = _thread.get_native_id
TIMEOUT_MAX: Final[float] = _thread.TIMEOUT_MAX


class _Own(local):
    thread: Any = None


own: Final = _Own()
"""The thread of the SDK's own that this is, if it is one."""


def cooperative_sleep() -> Callable[[float], object] | None:
    """Return how to wait here so that other greenlets run; ``None`` if there are none.

    Nor are there in the SDK's own threads, though code of the user's may have made a hub in one.
    """
    return None if own.thread is not None else hosts.cooperative_sleep()


def current() -> object:
    """Return what tells this flow of control from all others: its greenlet, or else its thread."""
    greenlet = hosts.greenlet()
    return get_ident() if greenlet is None else greenlet


def acquire(lock: Any, timeout: float | None) -> bool:
    """Acquire a lock that may be held for long; other greenlets run meanwhile.

    Args:
        lock: one that a release from any thread frees.
        timeout: seconds, ``None`` for no limit.
    """
    if lock.acquire(blocking=False):
        return True
    sleep = cooperative_sleep()
    if sleep is None:
        taken: bool = lock.acquire(timeout=-1 if timeout is None else min(timeout, TIMEOUT_MAX))
        return taken
    return wait_until(lambda: bool(lock.acquire(blocking=False)), timeout, sleep)


def wait_until(
    predicate: Callable[[], bool], timeout: float | None, sleep: Callable[[float], object]
) -> bool:
    """Ask again and again, at short intervals in which other greenlets run."""
    deadline = None if timeout is None else monotonic() + timeout
    pause = _SHORTEST_PAUSE
    while not predicate():
        if deadline is not None:
            left = deadline - monotonic()
            if left <= 0.0:
                return False
            pause = min(pause, left)
        sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    return True


class Condition(RLock):
    """A condition variable as that of ``threading``, and its lock, in one.

    So that a signal handler that raises finds nothing of Python between them when it is entered.
    """

    def __init__(self) -> None:
        self._waiters: deque[Any] = deque()

    def wait(self, timeout: float | None = None) -> bool:
        """Let go of the lock until notified, or until the timeout; return whether notified."""
        waiter = Lock()
        waiter.acquire()
        notified = False
        saved: list[Any] = []
        try:
            self._waiters.append(waiter)
            try:
                # in one call, as what a signal handler raises comes as soon as the lock is free
                saved.extend(map(RLock._release_save, (self,)))
                notified = acquire(waiter, timeout)
            finally:
                if saved:
                    self._acquire_restore(saved[0])
        finally:
            if not notified and waiter in self._waiters:
                self._waiters.remove(waiter)
        return notified

    def wait_for(self, predicate: Callable[[], Any], deadline: float | None = None) -> Any:
        """Wait until the predicate holds, or until the deadline; return what it said last.

        Args:
            predicate: asked after each notification.
            deadline: a reading of ``monotonic()``, ``None`` for no limit.
        """
        while not (result := predicate()):
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0.0:
                break
            self.wait(left)
        return result

    def notify(self, count: int = 1) -> None:
        """Wake some of those that wait. The lock must be held."""
        while count > 0 and self._waiters:
            count -= 1
            waiter = self._waiters[0]
            with contextlib.suppress(RuntimeError):  # a signal handler has released it meanwhile
                waiter.release()
            if waiter in self._waiters:  # until here, lest an exception of its own costs a wake-up
                self._waiters.remove(waiter)

    def notify_all(self) -> None:
        """Wake all of those that wait. The lock must be held."""
        self.notify(len(self._waiters))
