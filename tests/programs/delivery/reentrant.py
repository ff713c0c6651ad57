"""Tracks from a signal handler and from finalizers, which come at any moment."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from typing import Any

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent


class Restless:
    """Tracks when it is collected."""

    other: Restless

    def __del__(self) -> None:
        sdk.track(TextEvent("del"))


transport = InMemoryTransport()
overflow: Any = sys.argv[1]
sdk = PaltabrainSdk(
    "localhost",
    "key",
    TextContext(),
    transport=transport,
    flush_buffer_size=1,
    overflow=overflow,
    buffer_bytes=65536,
    block_timeout_ms=1,
)
signalled = 0


def handler(_signal: int, _frame: object) -> None:
    global signalled
    signalled += 1
    sdk.track(TextEvent("signal"))
    signal.setitimer(signal.ITIMER_REAL, 0.0001)


signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0001)
tracked = 0
while signalled < 500:
    a, b = Restless(), Restless()
    a.other, b.other = b, a
    sdk.track(TextEvent("x" * 1000))
    sdk.stats()
    sdk.flush()
    threading.Thread(target=int).start()
    tracked += 1
signal.setitimer(signal.ITIMER_REAL, 0)
del a, b
gc.collect()
assert sdk.flush(timeout=60)
stats = sdk.stats()
assert stats.accepted == stats.delivered + stats.dropped_after_acceptance, stats
refused = sum(stats.dropped.values()) - stats.dropped_after_acceptance
assert stats.accepted + refused == signalled + 3 * tracked, (stats, signalled, tracked)
assert sdk.shutdown()
