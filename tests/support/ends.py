"""What programs that end in some way, and their tests, have in common."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from paltabrain_fast import PaltabrainSdk

from .api_server import ApiServer
from .events import TextContext

__all__ = ["make_sdk", "received"]


def make_sdk(hostname: str | None = None, **options: Any) -> PaltabrainSdk[Any]:
    """Make one that sends nothing before it is asked to, or ends.

    Args:
        hostname: that of the server; the program's first argument if not given.
        options: as of ``PaltabrainSdk``.
    """
    merged: dict[str, Any] = {
        "flush_buffer_size": 1_000_000,
        "flush_interval_ms": 3_600_000,
    } | options
    return PaltabrainSdk(hostname or sys.argv[1], "key", TextContext(), **merged)


def received(api: ApiServer) -> Counter[str]:
    """Count what the server has got, by the text of the event."""
    return Counter(event.payload.decode() for batch in api.batches for event in batch.events)
