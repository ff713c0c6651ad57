"""Holds a fork back while a thread is inside a library whose locks a child would inherit, held.

OpenSSL, libcurl and the system's name resolution have such locks. They are held for moments only,
so a fork waits for those moments, and not for a request that waits in the network. So have modules
that are being imported: a child would wait for ever for a module that only its parent goes on with.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from .clock import deadline_after
from .locks import Condition
from .pristine import get_ident

__all__ = [
    "after_fork_in_child",
    "after_fork_in_parent",
    "before_fork",
    "call_allowing_forks",
    "call_holding_forks",
    "hold_forks",
    "hold_forks_for_import",
    "is_interrupted",
]

T = TypeVar("T")

_FORK_SECONDS: Final = 0.5
"""How long a fork may be held back: some libraries and transports wait while they are inside."""

_IMPORT_SECONDS: Final = 10.0
"""How long a fork may be held back while there is an import, which waits for the disk only."""


class _Barrier:
    """Which threads of one process are inside, and which are forking; by ``get_ident()``.

    Who enters notes that first and then looks whether anybody forks; who forks notes that first and
    then looks whether anybody is inside. So at least one of the two sees the other, and to enter
    and to leave takes no lock as long as nobody forks.
    """

    def __init__(self) -> None:
        # its lock is re-entrant: a signal handler may fork while its own thread holds it
        self._changed = Condition()
        self.inside: set[int] = set()
        self.importing: set[int] = set()
        self.forking: set[int] = set()

    def enter(self, thread: int, deadline: float | None = None) -> None:
        self.inside.add(thread)
        if self.forking:
            self._await_forks(thread, deadline)

    def _await_forks(self, thread: int, deadline: float | None) -> None:
        with self._changed:
            if not self.forking - {thread}:  # this may be a hook of its own fork
                return
            self.inside.discard(thread)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self.forking - {thread}, deadline)
            self.inside.add(thread)

    def leave(self, thread: int) -> None:
        self.inside.discard(thread)
        if self.forking:
            with self._changed:
                self._changed.notify_all()

    def begin_fork(self, thread: int) -> None:
        with self._changed:
            self.forking.add(thread)
            self._changed.wait_for(
                lambda: not self.inside - {thread}, deadline_after(_FORK_SECONDS)
            )
            # asked now: who was inside may have begun an import since
            self._changed.wait_for(
                lambda: not (self.inside & self.importing) - {thread},
                deadline_after(_IMPORT_SECONDS),
            )

    def end_fork(self, thread: int) -> None:
        with self._changed:
            self.forking.discard(thread)
            self._changed.notify_all()

    def is_held(self) -> bool:
        return self._changed.is_owned()

    def abandon(self, thread: int) -> None:
        """Let in, in a forked child, the thread that has forked: it may be waiting here."""
        self.forking = {thread}
        self._changed.reinit_after_fork()


_barrier = _Barrier()


def call_holding_forks(call: Callable[[], T], deadline: float | None = None) -> T:
    """Call something, and let no fork happen until it returns; any thread may call this.

    Args:
        call: what is called.
        deadline: how long to wait for a fork that has begun, as a reading of ``monotonic()``.
    """
    barrier, thread = _barrier, get_ident()  # kept, since a signal handler may fork within
    if thread in barrier.inside:  # this is a handler that has interrupted what is inside
        return call()
    try:
        barrier.enter(thread, deadline)  # within try, as a signal handler may raise when it is done
        return call()
    finally:
        barrier.inside.discard(thread)  # at once, as a signal handler may raise in what follows
        barrier.leave(thread)


@contextlib.contextmanager
def hold_forks(deadline: float | None = None) -> Iterator[None]:
    """Let no fork happen within; as ``call_holding_forks``, which takes less time."""
    barrier, thread = _barrier, get_ident()
    if thread in barrier.inside:
        yield
        return
    try:
        barrier.enter(thread, deadline)
        yield
    finally:
        barrier.inside.discard(thread)
        barrier.leave(thread)


def call_allowing_forks(call: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Call what waits in the network, within ``call_holding_forks``; forks may happen meanwhile."""
    barrier, thread = _barrier, get_ident()
    if thread not in barrier.inside:
        return call(*arguments, **options)
    barrier.leave(thread)
    try:
        return call(*arguments, **options)
    finally:
        barrier.enter(thread)


@contextlib.contextmanager
def hold_forks_for_import() -> Iterator[None]:
    """Do as ``hold_forks``, and hold a fork back for as long as an import may take."""
    barrier, thread = _barrier, get_ident()
    with hold_forks():
        if thread in barrier.importing:
            yield
            return
        try:
            barrier.importing.add(thread)
            yield
        finally:
            barrier.importing.discard(thread)


def is_interrupted() -> bool:
    """Tell whether this thread holds the lock of the barrier: a handler has interrupted it there.

    The handler must not wait for threads of the SDK, which take that lock for each attempt.
    """
    return _barrier.is_held()


def before_fork() -> None:
    """Wait until nobody is inside, a limited time; let nobody in until the fork is over."""
    _barrier.begin_fork(get_ident())


def after_fork_in_parent() -> None:
    """Let threads in again."""
    _barrier.end_fork(get_ident())


def after_fork_in_child() -> None:
    """Start anew: in a child nobody is inside."""
    global _barrier
    inherited, _barrier = _barrier, _Barrier()
    inherited.abandon(get_ident())
