"""UUIDv7 strings from the ``uuid6`` package, corrected when the clock is set back."""

import time
from typing import Final
from uuid import UUID

import uuid6

_MAX_STEP_MS: Final = 10_000
"""A smaller step back is not corrected: the timestamps stand still until the clock catches up."""

_latest_ms = 0  # latest reading of the clock since it was last set back
_ahead_ms = 0  # how far uuid6, whose timestamps never go back, is ahead of the clock


def uuid_v7() -> str:
    """Return a new UUIDv7 (RFC 9562) as 36 lower-case characters with hyphens."""
    global _ahead_ms, _latest_ms
    made = uuid6.uuid7().int
    made_ms, now_ms = made >> 80, time.time_ns() // 1_000_000  # the clock of uuid6
    if now_ms + _MAX_STEP_MS < _latest_ms:  # the clock was set back
        _ahead_ms, _latest_ms = made_ms - now_ms, now_ms
    else:
        _ahead_ms, _latest_ms = min(_ahead_ms, made_ms - now_ms), max(_latest_ms, now_ms)
    return str(UUID(int=made - (max(0, _ahead_ms) << 80)))
