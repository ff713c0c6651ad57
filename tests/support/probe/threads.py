"""The SDK's own threads, and its locks."""

from __future__ import annotations

import gc
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import MethodType
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.delivery.control import Control
from paltabrain_fast.delivery.workers import Workers
from paltabrain_fast.process import clock, lifetime
from paltabrain_fast.process.locks import Lock, RLock
from paltabrain_fast.process.threads import Thread

__all__ = [
    "Sleep",
    "await_end_of_other_senders",
    "control_thread_busy",
    "held",
    "locks_of",
    "locks_of_process",
    "make_workers",
    "no_threads",
    "number_of_threads",
    "sleeping_threads",
    "starting_sender_fails",
    "starting_thread_interrupted",
    "watching_sleeps",
]

_PACKAGE: Final = "paltabrain_fast"
_LOCKS: Final = (type(Lock()), RLock)
_PASSED_THROUGH: Final = (list, tuple, dict, set, deque, partial, MethodType)


@contextmanager
def no_threads() -> Iterator[None]:
    """The SDK may start no thread, as at the end of the interpreter, or in uWSGI."""
    with patch.object(lifetime, "may_start_threads", lambda: False):
        yield


@contextmanager
def starting_sender_fails(message: str, spared: int = 0) -> Iterator[None]:
    """The system starts but so many threads to send with; the control thread it does start."""
    start, left = Thread.start, iter(range(spared))

    def start_or_fail(thread: Thread) -> None:
        if "sender" in thread.name and next(left, None) is None:
            raise RuntimeError(message)
        start(thread)

    with patch.object(Thread, "start", start_or_fail):
        yield


def number_of_threads(workers: Workers) -> int:
    """Tell how many threads were started for these calls."""
    return len(workers._threads)


def sleeping_threads(workers: Workers) -> int:
    """Tell how many threads wait for a call."""
    return workers._changed.waiting


def make_workers(max_threads: int) -> Workers:
    """Make sender threads that belong to no SDK; the test provides and closes them."""
    sdk = PaltabrainSdk[Any]("localhost", "key", None, transport=InMemoryTransport())
    return Workers(max_threads, sdk._reporter, sdk._pipeline.ledger)


class Sleep(NamedTuple):
    """How the control thread goes to sleep."""

    seconds: float  # -1 for ever
    taken: int  # from the buffer until then
    buffered: int  # and still in it


@contextmanager
def watching_sleeps(note: Callable[[Sleep], object]) -> Iterator[None]:
    """Call this whenever a control thread goes to sleep."""
    sleep_seconds = Control._sleep_seconds

    def look(control: Control) -> float:
        seconds = sleep_seconds(control)
        note(Sleep(seconds, control._engine.taken, len(control._engine)))
        return seconds

    with patch.object(Control, "_sleep_seconds", look):
        yield


@contextmanager
def control_thread_busy(release: threading.Event) -> Iterator[None]:
    """Each control thread frames what it has to, and then does nothing until it is released."""
    work = Control._work

    def work_and_wait(control: Control) -> None:
        work(control)
        if len(control._engine) == 0 and control._engine.accepted:
            assert release.wait(60)

    with patch.object(Control, "_work", work_and_wait):
        yield


@contextmanager
def starting_thread_interrupted(
    name: str, act: Callable[[], object], *, started: bool
) -> Iterator[None]:
    """Call this once, before the next thread of such a name is started, or when it is."""
    start = Thread.start
    calls = [act]

    def start_and_act(thread: Thread) -> None:
        call = calls.pop() if calls and name in thread.name else None
        if call is not None and not started:
            call()
        start(thread)
        if call is not None and started:
            call()

    with patch.object(Thread, "start", start_and_act):
        yield


def locks_of(sdk: PaltabrainSdk[Any]) -> list[Any]:
    """Return all locks that belong to this SDK."""
    return list(_locks_below([sdk]))


def locks_of_process() -> list[Any]:
    """Return all locks of the package that belong to no SDK."""
    modules = [module for name, module in sys.modules.items() if name.startswith(_PACKAGE)]
    return list(_locks_below(value for module in modules for value in vars(module).values()))


@contextmanager
def held(locks: Iterable[Any]) -> Iterator[None]:
    """Hold those of the locks that nobody else does."""
    with ExitStack() as stack:
        taken = 0
        for lock in locks:
            if lock.acquire(blocking=False):
                stack.callback(lock.release)
                taken += 1
        assert taken, "there is no lock"
        yield


def _locks_below(roots: Iterable[object]) -> Iterator[Any]:
    """Find the locks that objects refer to, directly or by others of the package."""
    pending, seen = list(roots), set[int]()
    while pending:
        found = pending.pop()
        if id(found) in seen or isinstance(found, type):
            continue
        seen.add(id(found))
        if isinstance(found, _LOCKS):
            yield found
        if isinstance(found, _PASSED_THROUGH) or type(found).__module__.startswith(_PACKAGE):
            pending += gc.get_referents(found)


def await_end_of_other_senders(sdk: PaltabrainSdk[Any], deadline: float = 30.0) -> None:
    """Wait until the SDK wants no more threads to send, and all but the calling one have ended."""
    senders, latest = sdk._pipeline._workers, clock.monotonic() + deadline
    with senders._changed:
        assert senders._changed.wait_for(lambda: senders._is_closed, latest)
    senders.join(latest)
