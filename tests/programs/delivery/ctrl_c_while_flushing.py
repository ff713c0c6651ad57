"""Ctrl-C comes again and again while it flushes."""

from __future__ import annotations

import os
import signal
import threading

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent

signal.signal(signal.SIGINT, signal.default_int_handler)  # which may be ignored in the background
transport = InMemoryTransport()
sdk = PaltabrainSdk(
    "localhost",
    "key",
    TextContext(),
    transport=transport,
    flush_buffer_size=10**6,
    flush_interval_ms=3_600_000,
    buffer_bytes=64 << 20,
    shutdown_timeout=30,
)


def interrupt(go: threading.Event) -> None:
    go.wait()
    os.kill(os.getpid(), signal.SIGINT)


for _attempt in range(20):
    for _ in range(4000):
        sdk.track(TextEvent("x" * 500))
    go = threading.Event()
    thread = threading.Thread(target=interrupt, args=(go,))
    thread.start()
    try:
        go.set()
        while True:
            sdk.flush()
    except KeyboardInterrupt:
        thread.join()
assert sdk.shutdown()
stats = sdk.stats()
assert stats.accepted == stats.delivered == 80_000, stats
assert stats.delivered == sum(len(batch.events) for batch in transport.batches)
