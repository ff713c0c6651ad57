"""A WSGI application that tracks each path that it is asked for.

It takes its options from the environment: ``API``, ``TRANSPORT``, ``FLUSH_SIZE``; it flushes at
each path that ends in ``FLUSH_AT``.
"""

import os
from collections.abc import Callable
from typing import Any

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

sdk = PaltabrainSdk(
    os.environ["API"],
    "key",
    TextContext(),
    flush_interval_ms=3_600_000,
    start_session=True,
    exit_timeout=30,
    flush_buffer_size=int(os.environ.get("FLUSH_SIZE", "100")),
    transport="curl" if os.environ.get("TRANSPORT") == "curl" else None,
)
sdk.track(TextEvent("loaded"))


def application(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> list[bytes]:
    """Answer with the number of the process."""
    path = environ["PATH_INFO"]
    sdk.track(TextEvent(path))
    if "FLUSH_AT" in os.environ and path.endswith(os.environ["FLUSH_AT"]):
        assert sdk.flush(timeout=30)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
