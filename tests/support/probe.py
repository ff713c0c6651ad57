"""The only place where tests name what is private to the package.

What a function promises is said in words of behaviour, so that only its body changes when the
package does. Whatever the public API tells, or ``threading`` by the names of threads, needs no
function here.
"""

from __future__ import annotations

import gc
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import MethodType
from typing import Any, Final
from unittest.mock import patch

import paltabrain_fast.sdk
from paltabrain_fast import PaltabrainSdk, Stats
from paltabrain_fast.delivery import control, sender
from paltabrain_fast.delivery.sender import Sender
from paltabrain_fast.process import fork_barrier
from paltabrain_fast.process.locks import Lock, RLock

__all__ = [
    "after_next_hand_over",
    "archive_entries_unchecked",
    "attempts_within",
    "await_delivery",
    "await_end_of_other_senders",
    "await_stats",
    "backoff_drawn_from",
    "before_making_room",
    "before_telling_ends",
    "cutting_a_batch",
    "download_within",
    "foreign_classes_unreported",
    "have_forks_wait",
    "held",
    "locks_of",
    "locks_of_process",
    "retry_delay",
    "retrying_after",
    "shedding_for",
]

_PACKAGE: Final = "paltabrain_fast"
_LOCKS: Final = (type(Lock()), RLock)
_PASSED_THROUGH: Final = (list, tuple, dict, set, deque, partial, MethodType)


def await_delivery(sdk: PaltabrainSdk[Any], count: int, deadline: float = 30.0) -> None:
    """Wait until so many events are delivered, and do nothing for it, as ``flush()`` would."""
    await_stats(sdk, lambda stats: stats.delivered == count, deadline)


def await_stats(
    sdk: PaltabrainSdk[Any], condition: Callable[[Stats], bool], deadline: float = 30.0
) -> None:
    """Wait until the counts are such."""
    ledger, engine = sdk._control.ledger, sdk._engine
    assert ledger.wait(
        lambda: condition(ledger.stats(engine.counts())), time.monotonic() + deadline
    ), sdk.stats()


def after_next_hand_over(act: Callable[[], object]) -> None:
    """Call this once, in the thread that frames, when a batch was taken and handed to be sent."""
    submit = Sender.submit

    def submit_then_act(*arguments: Any) -> None:
        setattr(Sender, submit.__name__, submit)
        submit(*arguments)
        act()

    setattr(Sender, submit.__name__, submit_then_act)


def have_forks_wait(seconds: float) -> None:
    """Set how long a fork waits for a thread that is inside OpenSSL, libcurl or a transport."""
    fork_barrier._FORK_SECONDS = seconds  # type: ignore[misc]


# Each of these holds within a ``with``, or in a function that it decorates.


@contextmanager
def retrying_after(
    seconds: Callable[[int, float | None], float],
) -> Iterator[None]:
    """Have batches wait so long for their next attempt, given their attempts and Retry-After."""
    with patch.object(sender, "_delay", seconds):
        yield


def retry_delay(attempts: int, retry_after: float | None) -> float:
    """How long a batch waits for its next attempt; every time it is drawn anew."""
    return sender._delay(attempts, retry_after)


@contextmanager
def backoff_drawn_from(generator: random.Random) -> Iterator[None]:
    """Have a generator decide on the backoff."""
    with patch.object(sender, "_random", generator):
        yield


@contextmanager
def attempts_within(seconds: float) -> Iterator[None]:
    """Give a batch that is cut from now on so long for all of its attempts."""
    with patch.object(sender, "_BATCH_SECONDS", seconds):
        yield


@contextmanager
def shedding_for(milliseconds: int) -> Iterator[None]:
    """Have ``track()`` ask a full buffer for room only so long after it asked in vain."""
    with patch.object(control, "_SHED_MS", milliseconds):
        yield


@contextmanager
def before_making_room(sdk: PaltabrainSdk[Any], action: Callable[[], object]) -> Iterator[None]:
    """Call this each time that ``track()`` asks a full buffer for room."""
    make_room = sdk._control.make_room

    def ask() -> Iterator[None]:
        action()
        return make_room()

    with patch.object(sdk._control, "make_room", ask):
        yield


@contextmanager
def cutting_a_batch(sdk: PaltabrainSdk[Any]) -> Iterator[None]:
    """Another thread is just cutting a batch."""
    cutting, done = threading.Event(), threading.Event()

    def cut() -> None:
        with sdk._control._framing:
            cutting.set()
            assert done.wait(60)

    thread = threading.Thread(target=cut)
    thread.start()
    assert cutting.wait(60)
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def before_telling_ends(sdk: PaltabrainSdk[Any], action: Callable[[], object]) -> Iterator[None]:
    """Call this when a thread has told ``on_error`` all there was, but may still be left more."""
    lock = threading.Lock()

    class Telling:
        acquire = lock.acquire

        def release(self) -> None:
            action()
            lock.release()

    with patch.object(sdk._reporter, "_telling", Telling()):
        yield


def await_end_of_other_senders(sdk: PaltabrainSdk[Any], deadline: float = 30.0) -> None:
    """Wait until the SDK wants no more threads to send, and all but the calling one have ended."""
    pool, latest = sdk._control._pool, time.monotonic() + deadline
    with pool._changed:
        assert pool._changed.wait_for(lambda: pool._closed, latest)
    pool.join(latest)


@contextmanager
def archive_entries_unchecked() -> Iterator[None]:
    """Unpack a config archive whatever its directory says of it."""
    with patch("paltabrain_fast.cli.config_archive._check_entries", lambda _entries: None):
        yield


@contextmanager
def download_within(seconds: float) -> Iterator[None]:
    """Give the body of a config archive so long to arrive."""
    with patch("paltabrain_fast.cli.download_config._BODY_SECONDS", seconds):
        yield


@contextmanager
def foreign_classes_unreported() -> Iterator[None]:
    """Forget that the hint about events on other base classes was given in this process."""
    with patch.object(paltabrain_fast.sdk, "_foreign_classes_reported", False):
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
