"""When the buffer is to be framed. Pure: knows neither clock nor buffer nor thread."""

from __future__ import annotations

import math

__all__ = ["Schedule"]


class Schedule:
    """Keeps the interval between flushes; all times are readings of one clock, in seconds.

    An interval begins with the first event after a while, or with the flush before. One in which
    nothing was tracked is followed by none: the next event begins one.

    A flush is also due when enough is buffered, but no sooner than the pace after the last one. So
    the first events after a while do not wait, and a high rate makes fewer and fuller batches.
    """

    def __init__(self) -> None:
        self._interval_start: float | None = None
        self._last_flush = -math.inf

    @property
    def is_idle(self) -> bool:
        """Whether no interval has begun."""
        return self._interval_start is None

    def begin(self, now: float) -> None:
        """Begin an interval, unless one has begun."""
        if self._interval_start is None:
            self._interval_start = now

    def due_at(self, flush_seconds: float) -> float:
        """Return when the interval is over."""
        if self._interval_start is None:
            raise AssertionError("no interval has begun")
        return self._interval_start + flush_seconds

    def enough_due_at(self, flush_seconds: float, pace_seconds: float) -> float:
        """Return when what is buffered is to be framed if that is enough."""
        return min(self.due_at(flush_seconds), self._last_flush + pace_seconds)

    def framed(self, now: float, *, was_busy: bool) -> None:
        """Begin the next interval; none if nothing was framed and nothing is buffered."""
        self._interval_start = now if was_busy else None
        if was_busy:
            self._last_flush = now
