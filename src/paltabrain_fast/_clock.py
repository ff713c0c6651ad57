"""The clocks of the SDK, which no patch reaches: what waits by a frozen clock never ends.

Libraries that freeze time replace functions of ``time``, wherever a module holds one. They do not
find these. Where an interval is waited for, ``Lock.acquire`` and its like read the same clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

__all__ = ["monotonic", "monotonic_ns", "real_time_ns", "wait_for"]

_Outcome = TypeVar("_Outcome")

monotonic: Final[Callable[[], float]] = partial(time.clock_gettime, time.CLOCK_MONOTONIC)
"""Seconds of the clock that ``time.monotonic()`` reads when nobody has patched it."""

monotonic_ns: Final[Callable[[], int]] = partial(time.clock_gettime_ns, time.CLOCK_MONOTONIC)
"""The same in nanoseconds."""

real_time_ns: Final[Callable[[], int]] = partial(time.clock_gettime_ns, time.CLOCK_REALTIME)
"""Unix time in nanoseconds, as the system has it just now."""


def wait_for(
    condition: threading.Condition, predicate: Callable[[], _Outcome], deadline: float | None
) -> _Outcome:
    """Do as ``Condition.wait_for``, which goes by a clock that can be patched.

    Args:
        condition: held by the caller.
        predicate: asked after each notification.
        deadline: a reading of ``monotonic()``, ``None`` for no limit.

    Returns:
        What the predicate said last.
    """
    while not (outcome := predicate()):
        left = None if deadline is None else deadline - monotonic()
        if left is not None and left <= 0:
            break
        condition.wait(left)
    return outcome
