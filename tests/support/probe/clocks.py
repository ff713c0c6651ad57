"""Time: clocks of the test's own, and how long delivery waits."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

from paltabrain_fast.delivery import (
    backoff,
    batch,
    control,
    ledger,
    losses,
    outage,
    overflow,
    pipeline,
    sender,
    telling,
    workers,
)
from paltabrain_fast.delivery.workers import Workers
from paltabrain_fast.process import clock as clocks
from paltabrain_fast.process import locks, log, threads
from paltabrain_fast.process.locks import acquire as locks_acquire

__all__ = [
    "JumpingClock",
    "WaitClock",
    "attempts_within",
    "backoff_drawn_from",
    "before_retries_wait",
    "download_within",
    "jumping_clock",
    "retry_delay",
    "retrying_after",
    "shedding_for",
    "telling_every",
    "waits_watched",
]

_join: Final = threads._JoinableThread.join


class WaitClock:
    """Stands in for the clock of deadlines, and stands still.

    Only the thread that made it is watched.

    Attributes:
        now: its reading.
        ends: until which reading that thread was ready to wait.
        is_in_vain: what is waited for does not come, and the whole time passes.
    """

    START: Final = 1e9  # which the clock that runs never reaches

    def __init__(self) -> None:
        self.now = self.START
        self.ends: set[float] = set()
        self.is_in_vain = False
        self._thread = threading.get_ident()

    def read(self) -> float:
        """Return the reading."""
        return self.now

    def acquire(self, lock: Any, timeout: float | None) -> bool:
        """Note until when this would wait, and let it wait for what comes soon."""
        if threading.get_ident() != self._thread or timeout is None:
            return locks_acquire(lock, timeout)
        self.ends.add(self.now + timeout)
        if self.is_in_vain:
            self.now += timeout
            return locks_acquire(lock, 0.0)
        return locks_acquire(lock, 30.0)

    def join(self, thread: Any, timeout: float | None) -> None:
        """Do the same for the end of a thread, which 3.13 and later wait for without a lock."""
        if threading.get_ident() != self._thread or timeout is None:
            _join(thread, timeout)
            return
        self.ends.add(self.now + timeout)
        if self.is_in_vain:
            self.now += timeout
        _join(thread, 0.0 if self.is_in_vain else 30.0)


@contextmanager
def waits_watched() -> Iterator[WaitClock]:
    """Have all deadlines go by a clock that stands still, and whatever waits be watched."""
    clock = WaitClock()

    def joined(thread: Any, timeout: float | None) -> None:
        clock.join(thread, timeout)

    modules = [clocks, batch, control, ledger, losses, log, outage, pipeline, sender, telling]
    modules.append(workers)
    with ExitStack() as stack:
        for module in modules:
            if hasattr(module, "monotonic"):
                stack.enter_context(patch.object(module, "monotonic", clock.read))
        stack.enter_context(patch.object(locks, "acquire", clock.acquire))
        stack.enter_context(patch.object(threads, "acquire", clock.acquire))
        if sys.version_info >= (3, 13):
            stack.enter_context(patch.object(threads._JoinableThread, "join", joined))
        yield clock


class JumpingClock:
    """Jumps ahead, as the clock does for a process that is stopped, and continued much later."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._clock = clocks.monotonic

    def read(self) -> float:
        """Return the reading."""
        return self._clock() + self._ahead

    def jump(self, seconds: float) -> None:
        """Go so far ahead."""
        self._ahead += seconds


@contextmanager
def jumping_clock() -> Iterator[JumpingClock]:
    """Have delivery go by a clock that can jump."""
    clock = JumpingClock()
    with ExitStack() as stack:
        modules = (batch, control, ledger, losses, outage, pipeline, sender, telling, workers)
        for module in modules:
            if hasattr(module, "monotonic"):
                stack.enter_context(patch.object(module, "monotonic", clock.read))
        yield clock


@contextmanager
def before_retries_wait(act: Callable[[], object]) -> Iterator[None]:
    """Call this whenever a batch begins to wait for its first or next attempt."""
    submit = Workers.submit

    def submit_and_act(self: Workers, *arguments: Any) -> None:
        submit(self, *arguments)
        act()

    with patch.object(Workers, "submit", submit_and_act):
        yield


@contextmanager
def attempts_within(seconds: float) -> Iterator[None]:
    """Give a batch that is cut from now on so long for all of its attempts."""
    with patch.object(batch, "_BATCH_SECONDS", seconds):
        yield


@contextmanager
def retrying_after(
    seconds: Callable[[int, float | None], float],
) -> Iterator[None]:
    """Have batches wait so long for their next attempt, given their attempts and Retry-After."""

    def delay(attempts: int, retry_after: float | None, *_longest: float) -> float:
        return seconds(attempts, retry_after)

    with patch.object(backoff, "delay", delay):
        yield


def retry_delay(attempts: int, retry_after: float | None) -> float:
    """How long a batch waits for its next attempt; every time it is drawn anew."""
    return backoff.delay(attempts, retry_after)


@contextmanager
def backoff_drawn_from(generator: random.Random) -> Iterator[None]:
    """Have a generator decide on the backoff."""
    with patch.object(backoff, "_uniform", lambda most: generator.uniform(0.0, most)):
        yield


@contextmanager
def shedding_for(milliseconds: int) -> Iterator[None]:
    """Have ``track()`` ask a full buffer for room only so long after it asked in vain."""
    with patch.object(overflow, "_SHED_MS", milliseconds):
        yield


@contextmanager
def telling_every(seconds: float) -> Iterator[None]:
    """Have the user told of losses of one kind so often."""
    with patch.object(losses, "_QUIET_SECONDS", seconds):
        yield


@contextmanager
def download_within(seconds: float) -> Iterator[None]:
    """Give the body of a config archive so long to arrive."""
    with patch("paltabrain_fast.cli.download_config._BODY_SECONDS", seconds):
        yield
