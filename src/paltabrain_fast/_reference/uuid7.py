"""UUIDv7 strings from the ``uuid6`` package."""

import time
from typing import Final
from uuid import UUID

import uuid6

_MAX_STEP_MS: Final = 10_000
"""A clock that is set back by no more is waited for."""

_latest_ms = 0  # that the clock has shown since it was set back
_ahead_ms = 0  # how far the package, which never goes back, is ahead of a clock that has been set


def uuid_v7() -> str:
    """Return a new UUIDv7 (RFC 9562) as 36 lower-case characters with hyphens."""
    global _ahead_ms, _latest_ms
    made = uuid6.uuid7().int
    made_ms, now_ms = made >> 80, time.time_ns() // 1_000_000  # by the clock that uuid6 reads
    if now_ms + _MAX_STEP_MS < _latest_ms:
        _ahead_ms, _latest_ms = made_ms - now_ms, now_ms
    else:
        _ahead_ms, _latest_ms = min(_ahead_ms, made_ms - now_ms), max(_latest_ms, now_ms)
    return str(UUID(int=made - (max(0, _ahead_ms) << 80)))
