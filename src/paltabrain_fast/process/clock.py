"""The clocks of the SDK, which no patch reaches: a wait by a frozen clock would never end.

Libraries that freeze time replace functions of ``time`` wherever a module holds one. They do not
find these. ``Lock.acquire`` waits by the same clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final, overload

from .pristine import TIMEOUT_MAX

__all__ = [
    "deadline_after",
    "earlier",
    "is_over",
    "monotonic",
    "monotonic_ns",
    "real_time_ns",
    "seconds_left",
]

monotonic: Final[Callable[[], float]] = partial(time.clock_gettime, time.CLOCK_MONOTONIC)
"""Seconds of the clock that ``time.monotonic()`` reads when nobody has patched it."""

monotonic_ns: Final[Callable[[], int]] = partial(time.clock_gettime_ns, time.CLOCK_MONOTONIC)
"""The same in nanoseconds."""

real_time_ns: Final[Callable[[], int]] = partial(time.clock_gettime_ns, time.CLOCK_REALTIME)
"""Unix time in nanoseconds, as the system has it now."""


def deadline_after(timeout: float) -> float:
    """Return the reading of ``monotonic()`` at which a timeout is over.

    Args:
        timeout: seconds, clamped to what ``wait()`` accepts.
    """
    return monotonic() + min(max(timeout, 0.0), TIMEOUT_MAX / 2)


@overload
def seconds_left(deadline: float) -> float: ...
@overload
def seconds_left(deadline: None) -> None: ...
@overload
def seconds_left(deadline: float | None) -> float | None: ...
def seconds_left(deadline: float | None) -> float | None:
    """Return the seconds until a deadline, at least 0; ``None`` for no deadline."""
    return None if deadline is None else max(0.0, deadline - monotonic())


def earlier(deadline: float | None, other: float) -> float:
    """Return the earlier of two deadlines, of which the first may be none."""
    return other if deadline is None else min(deadline, other)


def is_over(deadline: float | None) -> bool:
    """Tell whether a deadline has passed; never, if there is none."""
    return deadline is not None and monotonic() >= deadline
