"""Ends without a shutdown while the server cannot be reached: each batch has its attempts then.

They are made at once: none ends before each batch has begun one.
"""

import atexit
import logging
import threading


@atexit.register  # before the SDK is imported, so that it comes after its own
def check() -> None:
    stats = sdk.stats()
    assert stats.dropped == {"retries_exhausted": BATCHES}, stats
    assert stats.outage_age is None, stats
    assert all_begun.is_set()


from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from tests.support.events import TextContext, TextEvent
from tests.support.probe import parked_batches

BATCHES = 10


def answer(request: Request) -> SendResult:
    if is_ending:
        begun.add(request.body)
        if len(begun) == BATCHES:
            all_begun.set()
        assert all_begun.wait(30)
    return SendResult(error=ConnectionError("nobody there"))


logging.disable()
is_ending, begun, all_begun = False, set[bytes](), threading.Event()
sdk = PaltabrainSdk(
    "localhost",
    "key",
    TextContext(),
    transport=InMemoryTransport(answer),
    flush_max_retries=2,
    exit_timeout=600,
    request_timeout=600,
)
for number in range(BATCHES):
    sdk.track(TextEvent(), TextContext(str(number)))
sdk.flush()
while parked_batches(sdk) < BATCHES - 1:
    pass
is_ending = True
