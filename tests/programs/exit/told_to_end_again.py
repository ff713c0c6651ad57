"""Is told by a signal to exit, and told so again while the exit delivers.

Prints how many events were delivered by then.
"""

import atexit
import os
import signal
import sys
import threading
from typing import Any

atexit.register(lambda: print(sdk.stats().delivered))  # called after the handler of the SDK

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, SendResult
from tests.support.events import TextContext, TextEvent

AGAIN = 3
handled = threading.Semaphore(0)
answered = 0


def on_signal(*_signal: object) -> None:
    handled.release()
    sys.exit(0)


def answer(_request: object) -> SendResult:
    """Fail some attempts, and signal within each, so that the exit has yet to wait for another.

    Not one that the main thread makes itself, which the handler would interrupt.
    """
    global answered
    answered += 1
    if answered > AGAIN or threading.current_thread() is threading.main_thread():
        return SendResult(status=200)
    while handled.acquire(blocking=False):
        pass  # the signals that came before
    os.kill(os.getpid(), signal.SIGTERM)
    assert handled.acquire(timeout=30)
    return SendResult(status=503, retry_after=0.3)


sdk: PaltabrainSdk[Any] = PaltabrainSdk(
    "localhost",
    "key",
    TextContext(),
    flush_interval_ms=3_600_000,
    exit_timeout=30,
    transport=InMemoryTransport(answer),
)
signal.signal(signal.SIGTERM, on_signal)
for _ in range(10):
    sdk.track(TextEvent())
os.kill(os.getpid(), signal.SIGTERM)
