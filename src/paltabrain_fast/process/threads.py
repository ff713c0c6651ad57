"""The SDK's own threads: threads of the operating system, whatever has been patched."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, Final

from . import fork_barrier
from .clock import monotonic
from .locks import Lock, acquire, cooperative_sleep, own, pristine, wait_until
from .reentrancy import enter_thread

__all__ = ["Thread", "become_main_thread", "current_thread"]

_SYNCHRONOUS: Final = ("SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGTRAP")
"""Signals of a thread's own faults, which end the process without a word if they are blocked."""

_BLOCKED: Final = {
    int(number)
    for number in (signal.valid_signals() if hasattr(signal, "valid_signals") else ())
    if getattr(number, "name", None) not in _SYNCHRONOUS
}

_thread = pristine("_thread")

# of C: one of Python could be interrupted by a handler before it does anything
_set_mask: Final[Callable[[int, Iterable[int]], set[int]] | None] = getattr(
    import_module("_signal"), "pthread_sigmask", None
)


def current_thread() -> Thread | None:
    """Return the current thread, if it is one of the SDK's own."""
    thread: Thread | None = own.thread
    return thread


def become_main_thread() -> None:
    """In a child that one of the SDK's threads has forked: take signals as its starter did."""
    if _set_mask is not None and own.thread is not None and own.thread.mask is not None:
        _set_mask(signal.SIG_SETMASK, own.thread.mask)


class _Native:
    """What ``Thread`` and, from 3.13 on, ``threading`` itself ask of a thread of the system."""

    ident: int | None = None

    def __init__(self) -> None:
        self.is_launched = False

    def _set_done(self, **_options: object) -> None:
        """Nothing to do: gevent asks for it in a child, for a thread that only the parent has."""


class _JoinableThread(_Native):
    """A thread that the system knows: it has ended when nothing is left of it."""

    def __init__(self) -> None:
        super().__init__()
        self._handle: Final = _thread._ThreadHandle()

    def launch(self, call: Callable[[], object]) -> None:
        self.is_launched = True  # before: what a signal handler raises comes after
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


class _SentinelThread(_Native):
    """A thread of Python up to 3.12, which releases a lock when the interpreter forgets it."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = Lock()
        self._begun.acquire()
        self._sentinel: Any = None

    def launch(self, call: Callable[[], object]) -> None:
        self.is_launched = True  # before: what a signal handler raises comes after
        try:
            _thread.start_new_thread(self._run, (call,))
        except RuntimeError:
            self.is_launched = False
            raise

    def _run(self, call: Callable[[], object]) -> None:
        sentinel = _thread._set_sentinel()
        sentinel.acquire()
        self._sentinel = sentinel
        self._begun.release()
        call()

    def is_done(self) -> bool:
        return self._sentinel is not None and not self._sentinel.locked()

    def join(self, timeout: float | None) -> None:
        deadline = None if timeout is None else monotonic() + timeout
        if acquire(self._begun, timeout):
            self._begun.release()
            left = None if deadline is None else max(0.0, deadline - monotonic())
            if acquire(self._sentinel, left):
                self._sentinel.release()


_make_thread: Final = _JoinableThread if sys.version_info >= (3, 13) else _SentinelThread


class Thread(threading.Thread):
    """A thread of the SDK's own; a daemon, so that it never keeps a process alive.

    It takes no signals: they are for threads that wait for them.

    ``threading`` lists it, and knows it as the current thread. But it is started, and waited for,
    without the locks of ``threading``: a signal handler may have interrupted their holder, and they
    may have become those of greenlets.
    """

    def __init__(self, name: str, target: Callable[[], object]) -> None:
        # where an interpreter is to have no daemons, this would be refused
        super().__init__(name=f"paltabrain-{name}", daemon=False)
        self._daemonic = True
        self._call = target
        self._native = _make_thread()
        self._handle = self._os_thread_handle = self._native  # for threading of 3.13, and later
        self.mask: set[int] | None = None
        """Signals that the user's thread blocks that has brought it about, if there are any."""

    def start(self) -> None:
        """Start, without waiting for anything.

        Raises:
            RuntimeError: no thread can be started.
        """
        if _set_mask is None:
            self._native.launch(self._begin)
            return
        # it is inherited, so that none can arrive before it is set
        mask = _set_mask(signal.SIG_BLOCK, ())
        starter = current_thread()
        self.mask = mask if starter is None else starter.mask
        try:
            _set_mask(signal.SIG_BLOCK, _BLOCKED)
            self._native.launch(self._begin)
        finally:
            _set_mask(signal.SIG_SETMASK, mask)

    def is_alive(self) -> bool:
        """Tell whether it was started and has not ended."""
        return self._native.is_launched and not self._native.is_done()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end; also that of what Python and the system keep for it."""
        self._native.join(timeout)

    def wait(self, deadline: float | None) -> None:
        """Wait for its end, if it is another thread and was started, or until the deadline."""
        if self._native.is_launched and self is not current_thread():
            # not join(), in whose place gevent has put one that waits for ever where 0 s are left
            self._native.join(None if deadline is None else max(0.0, deadline - monotonic()))

    def run(self) -> None:
        """Run the target."""
        try:
            self._call()
        finally:
            del self._call  # and what it refers to

    def _begin(self) -> None:
        own.thread = self
        enter_thread()
        try:
            with self._listed():
                sys.settrace(threading.gettrace())
                sys.setprofile(threading.getprofile())
                self.run()
        finally:
            fork_barrier.end_thread()

    @contextlib.contextmanager
    def _listed(self) -> Iterator[None]:
        """Have ``threading`` know the current thread, as far as it can be told."""
        active = getattr(threading, "_active", {})
        ident = self._ident = self._native.ident = threading.get_ident()  # as it is looked for
        active[ident] = self
        try:
            yield
        finally:
            active.pop(ident, None)
