"""The SDK's own threads: threads of the operating system, whatever has been patched."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, Final

from .clock import deadline_after, seconds_left
from .locks import Lock, acquire, cooperative_sleep, wait_until
from .pristine import pristine_thread as _thread
from .reentrancy import enter_thread, own_thread

__all__ = ["Thread", "become_main_thread", "current_thread"]

_SYNCHRONOUS: Final = ("SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGTRAP")
"""Signals of a thread's own faults, which end the process without a word if they are blocked."""

_BLOCKED: Final = {
    int(number)
    for number in (signal.valid_signals() if hasattr(signal, "valid_signals") else ())
    if getattr(number, "name", None) not in _SYNCHRONOUS
}

# of C: one of Python could be interrupted by a handler before it does anything
_set_mask: Final[Callable[[int, Iterable[int]], set[int]] | None] = getattr(
    import_module("_signal"), "pthread_sigmask", None
)


def current_thread() -> Thread | None:
    """Return the current thread, if it is one of the SDK's own."""
    thread: Thread | None = own_thread()
    return thread


def become_main_thread() -> None:
    """Take signals again, in a child that was forked by one of the SDK's threads.

    As in the thread of the user's that led to the start of that thread.
    """
    thread = current_thread()
    if _set_mask is not None and thread is not None and thread.mask is not None:
        _set_mask(signal.SIG_SETMASK, thread.mask)


class _OsThread:
    """What ``Thread`` and, from 3.13 on, ``threading`` itself ask of a thread of the system."""

    ident: int | None = None

    def __init__(self) -> None:
        self.is_launched = False

    def abandon(self) -> None:
        """Have ended, in a forked child; CPython 3.13 and later sees to it."""

    def _set_done(self, **_options: object) -> None:
        """Nothing to do: gevent asks for it in a child, for a thread that only the parent has."""


class _JoinableThread(_OsThread):
    """A thread that the system knows: it has ended when nothing is left of it."""

    def __init__(self) -> None:
        super().__init__()
        self._handle: Final = _thread._ThreadHandle()

    def launch(self, call: Callable[[], object]) -> None:
        if self.is_launched:
            return
        # Set before the launch, since a signal handler may raise right after that. Between the test
        # and this no call stands in which a handler could launch the thread, too.
        self.is_launched = True
        try:
            _thread.start_joinable_thread(call, handle=self._handle, daemon=True)
        except RuntimeError:
            self.is_launched = False
            raise

    def is_done(self) -> bool:
        return bool(self._handle.is_done())

    def join(self, timeout: float | None) -> None:
        sleep = cooperative_sleep()
        if sleep is None:
            self._handle.join(timeout)
        else:
            wait_until(self.is_done, timeout, sleep)


class _SentinelThread(_OsThread):
    """A thread of Python up to 3.12, which releases a lock when the interpreter forgets it."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = Lock()
        self._begun.acquire()
        self._sentinel: Any = None

    def launch(self, call: Callable[[], object]) -> None:
        if self.is_launched:
            return
        # Set before the launch, since a signal handler may raise right after that. Between the test
        # and this no call stands in which a handler could launch the thread, too.
        self.is_launched = True
        try:
            _thread.start_new_thread(self._run, (call,))
        except RuntimeError:
            self.is_launched = False
            raise

    def _run(self, call: Callable[[], object]) -> None:
        sentinel = _thread._set_sentinel()
        sentinel.acquire()
        self._sentinel = sentinel
        with contextlib.suppress(RuntimeError):  # abandon() has freed it before the launch
            self._begun.release()
        call()

    def is_done(self) -> bool:
        return self._sentinel is not None and not self._sentinel.locked()

    def abandon(self) -> None:
        if self._sentinel is None:
            self._sentinel = Lock()
        self._begun._at_fork_reinit()
        self._sentinel._at_fork_reinit()

    def join(self, timeout: float | None) -> None:
        deadline = None if timeout is None else deadline_after(timeout)
        for attribute in "_begun", "_sentinel":
            lock = getattr(self, attribute)
            if not acquire(lock, seconds_left(deadline)):
                return
            with contextlib.suppress(RuntimeError):  # a handler has forked, and abandon() freed it
                lock.release()


_make_thread: Final = _JoinableThread if sys.version_info >= (3, 13) else _SentinelThread


class Thread(threading.Thread):
    """A thread of the SDK's own; a daemon, so that it never keeps a process alive.

    It takes no signals: they are for threads that wait for them.

    ``threading`` lists it, and knows it as the current thread. But it is started, and waited for,
    without the locks of ``threading``: a signal handler may have interrupted their holder, and they
    may have become those of greenlets.
    """

    def __init__(self, name: str, target: Callable[[], object]) -> None:
        # not daemon=True, which is refused in a subinterpreter that allows no daemons
        super().__init__(name=f"paltabrain-{name}", daemon=False)
        self._daemonic = True
        self._call = target
        self._os_thread = _make_thread()
        self._handle = self._os_thread_handle = self._os_thread  # for threading of 3.13, and later
        self.mask: set[int] | None = None
        """Signals that were blocked in the thread of the user's that led to its start."""

    def start(self) -> None:
        """Start, unless it was started, without waiting for anything.

        One thread at a time may call this; a signal handler may interrupt it and call it, too.

        Raises:
            RuntimeError: no thread can be started.
        """
        if _set_mask is None:
            self._os_thread.launch(self._begin)
            return
        # A new thread inherits the mask, so that it takes no signal even before it runs our code.
        mask = _set_mask(signal.SIG_BLOCK, ())
        starter = current_thread()
        self.mask = mask if starter is None else starter.mask
        try:
            _set_mask(signal.SIG_BLOCK, _BLOCKED)
            self._os_thread.launch(self._begin)
        finally:
            _set_mask(signal.SIG_SETMASK, mask)

    def is_alive(self) -> bool:
        """Tell whether it was started and has not ended."""
        return self._os_thread.is_launched and not self._os_thread.is_done()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end; also that of what Python and the system keep for it."""
        self._os_thread.join(timeout)

    def wait(self, deadline: float | None) -> None:
        """Wait for its end, if it is another thread and was started, or until the deadline."""
        if self._os_thread.is_launched and self is not current_thread():
            # not self.join(), which gevent replaces by one that waits for ever if 0 s are left
            self._os_thread.join(seconds_left(deadline))

    def abandon(self) -> None:
        """Count as ended in a forked child, unless it is the one that has forked.

        The child may be in the midst of waiting for it, in a signal handler that has forked.
        """
        if self is not current_thread():
            self._os_thread.abandon()

    def run(self) -> None:
        """Run the target."""
        try:
            self._call()
        finally:
            del self._call  # and what it refers to

    def _begin(self) -> None:
        enter_thread(self)
        with self._listed():
            # Only where there is one: without the GIL, each call stops all other threads, and in a
            # child that is forked meanwhile (by 3.13) nobody ever frees the lock that this takes.
            if (trace := threading.gettrace()) is not None:
                sys.settrace(trace)
            if (profile := threading.getprofile()) is not None:
                sys.setprofile(profile)
            self.run()

    @contextlib.contextmanager
    def _listed(self) -> Iterator[None]:
        """Have ``threading`` know the current thread, as far as it can be told."""
        active = getattr(threading, "_active", {})
        ident = self._ident = self._os_thread.ident = threading.get_ident()  # as it is looked for
        active[ident] = self
        try:
            yield
        finally:
            active.pop(ident, None)
