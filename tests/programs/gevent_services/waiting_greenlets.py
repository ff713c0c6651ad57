"""Has two greenlets wait for the SDK, and lets its transport go on in another.

``waiting_greenlets MOMENT CALL``, patched early or late.
"""

import sys
import warnings
from collections.abc import Callable

warnings.simplefilter("ignore")
moment, call = sys.argv[1:]
from gevent import monkey

if moment == "early":
    monkey.patch_all()
import gevent

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from tests.support.events import TextContext, TextEvent

answered = monkey.get_original("_thread", "allocate_lock")()
answered.acquire()


class Transport(InMemoryTransport):
    def send(self, request: Request) -> SendResult:
        with answered:
            return super().send(request)


sdk = PaltabrainSdk(
    "localhost",
    "key",
    TextContext(),
    transport=Transport(),
    overflow="block",
    block_timeout_ms=30_000,
    buffer_bytes=65_536,
    flush_buffer_size=1,
    max_in_flight=1,
)
sdk.track(TextEvent("x"))
monkey.patch_all()
sdk.flush()


def fill() -> bool:
    for _ in range(100):
        sdk.track(TextEvent("x" * 1000))
    return not sdk.stats().dropped


calls: dict[str, Callable[[], object]] = {
    "flush": lambda: sdk.flush(timeout=30),
    "shutdown": lambda: sdk.shutdown(timeout=30),
    "track": fill,
}
waiting = [gevent.spawn(calls[call]) for _ in range(2)]
for _ in range(20):  # turns of the loop
    gevent.sleep(0)
assert not any(greenlet.ready() for greenlet in waiting)
answered.release()
gevent.joinall(waiting)
assert all(greenlet.value for greenlet in waiting)
