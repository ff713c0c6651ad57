"""How long to wait before the server is asked again."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["delay"]

_BACKOFF_SECONDS: Final = 0.1
_MAX_BACKOFF_SECONDS: Final = 10.0
_MAX_RETRY_AFTER_SECONDS: Final = 30.0

_RANDOM_BYTES: Final = 7


def _uniform(most: float) -> float:
    """Return a number from 0 to ``most``, which a fork does not repeat."""
    return most * int.from_bytes(os.urandom(_RANDOM_BYTES), "big") / 256**_RANDOM_BYTES


def delay(attempts: int, retry_after: float | None, longest: float = _MAX_BACKOFF_SECONDS) -> float:
    """Return the seconds until the next attempt: exponential, full jitter.

    Args:
        attempts: how many have failed.
        retry_after: what the server asks for, up to half a minute; it is never asked earlier.
        longest: most seconds that are waited if the server asks for nothing.
    """
    most = min(_BACKOFF_SECONDS * 2.0 ** min(attempts, 32), longest)
    backoff = _uniform(most)
    # "not >", since a transport of the user's may return NaN
    if retry_after is None or not retry_after > backoff:
        return backoff
    return min(retry_after, _MAX_RETRY_AFTER_SECONDS)
