"""Tracks one event and shuts down; prints how many were delivered."""

from __future__ import annotations

import sys
from typing import Any

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.probe import attempts_within

hostname, transport, seconds = sys.argv[1:]
choice: Any = transport or None
sdk = PaltabrainSdk(
    hostname,
    "key",
    TextContext(),
    transport=choice,
    flush_max_retries=2,
    request_timeout=2,
    shutdown_timeout=float(seconds),
)
with attempts_within(2.0):  # longer than the answers of the test take, shorter than the freeze
    sdk.track(TextEvent())
    sdk.shutdown()
print(sdk.stats().delivered)
