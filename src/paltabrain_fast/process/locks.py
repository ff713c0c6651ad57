"""Locks of the operating system's threads, and how to wait without holding up greenlets.

The holder of a lock releases it within moments, without a switch to another greenlet; so a greenlet
may take one. To wait for what can last, use ``acquire`` or a ``Condition``, which let other
greenlets run meanwhile.
"""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from . import hosts
from .clock import deadline_after, seconds_left
from .pristine import TIMEOUT_MAX, Lock, pristine_thread
from .reentrancy import own_thread

__all__ = [
    "Condition",
    "Lock",
    "RLock",
    "acquire",
    "cooperative_sleep",
    "free_after_fork",
    "wait_until",
]

_LONGEST_PAUSE: Final = 0.01
_SHORTEST_PAUSE: Final = 0.0005

if TYPE_CHECKING:

    class RLock:
        """A lock that a thread may acquire again."""

        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...
        def release(self) -> None: ...
        def _release_save(self) -> Any: ...
        def _acquire_restore(self, state: Any) -> None: ...
        def _is_owned(self) -> bool: ...
        def _at_fork_reinit(self) -> None: ...
        def __enter__(self) -> bool: ...
        def __exit__(self, *error: object) -> None: ...
else:
    RLock = pristine_thread.RLock
    if sys.version_info[:2] == (3, 14):

        class RLock(pristine_thread.RLock):
            """Is released if a signal handler raises when the lock is taken, but the body of the
            ``with`` has not begun. Only 3.14 calls handlers there."""

            def __enter__(self) -> bool:
                depth = self._recursion_count()
                try:
                    return self.acquire()
                except BaseException:
                    if self._recursion_count() > depth:
                        self.release()
                    raise


def cooperative_sleep() -> Callable[[float], object] | None:
    """Return how to wait here so that other greenlets run; ``None`` if there are none.

    Nor are there in the SDK's own threads, though code of the user's may have made a hub in one.
    """
    return None if own_thread() is not None else hosts.cooperative_sleep()


def free_after_fork(lock: RLock) -> None:
    """Free a lock in a forked child, unless this thread holds it.

    The thread that held it may be one of the parent's, which never lets go of it. It is released,
    not replaced: a signal handler that has forked may have interrupted a call that waits for it,
    and that call goes on waiting for the same one.
    """
    if not lock._is_owned():
        try:
            lock._release_save()  # which does not ask whose it is, until 3.13
        except RuntimeError:  # nobody's; or, from 3.14 on, not ours, and freed in its place
            lock._at_fork_reinit()


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
    deadline = None if timeout is None else deadline_after(timeout)
    pause = _SHORTEST_PAUSE
    while not predicate():
        if (left := seconds_left(deadline)) is not None:
            if left <= 0.0:
                return False
            pause = min(pause, left)
        sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    return True


class Condition(RLock):
    """A condition variable as that of ``threading``, and its lock, in one object.

    So ``with`` takes the lock in C. Were ``__enter__`` a method in Python, a signal handler could
    raise in it, with the lock taken and nobody to release it.
    """

    def __init__(self) -> None:
        self._waiters: deque[Any] = deque()
        self._is_abandoned = False  # in a forked child, where nobody notifies any more

    def wait(self, timeout: float | None = None) -> bool:
        """Let go of the lock until notified, or until the timeout; return whether notified."""
        waiter = Lock()
        waiter.acquire()
        notified = False
        saved: list[Any] = []
        try:
            self._waiters.append(waiter)
            if self._is_abandoned:  # a signal handler has forked before there was a waiter to wake
                return False
            try:
                # One call of C releases the lock and stores its state, which is needed to take it
                # again: a signal handler may raise as soon as the lock is free.
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
            left = seconds_left(deadline)
            if left is not None and left <= 0.0:
                break
            self.wait(left)
        return result

    @property
    def waiting(self) -> int:
        """Number of those that wait, and are not notified yet. The lock must be held."""
        return len(self._waiters)

    def is_owned(self) -> bool:
        """Tell whether this thread holds the lock: a handler or finalizer may be asking."""
        return self._is_owned()

    def reinit_after_fork(self) -> None:
        """Free the lock in a forked child, and wake the one thread that is left, if it waits.

        From then on nobody waits here: what is waited for must have come true.
        """
        self._is_abandoned = True
        free_after_fork(self)
        for waiter in self._waiters:
            with contextlib.suppress(RuntimeError):  # notified already
                waiter.release()

    def notify(self, count: int = 1) -> None:
        """Wake some of those that wait. The lock must be held."""
        while count > 0 and self._waiters:
            count -= 1
            waiter = self._waiters[0]
            with contextlib.suppress(RuntimeError):  # a signal handler has notified it meanwhile
                waiter.release()
            # Removed last: if a signal handler raises before, the waiter is woken twice, not never.
            # The waiter may have removed itself meanwhile.
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def notify_all(self) -> None:
        """Wake all of those that wait; nothing, where nobody does. The lock must be held."""
        if self._waiters:
            self.notify(len(self._waiters))
