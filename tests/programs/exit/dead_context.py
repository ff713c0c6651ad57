"""Ends while one SDK has a batch that its server does not answer, and another that it does.

``dead_context FIRST LAST``, which are "dead" and "well". The dead one comes to nothing when the
other has arrived. Prints how many have at the very end.
"""

import atexit


@atexit.register  # before the SDK is imported, so that it comes after its own
def tell() -> None:
    print(len(transport.batches))


import sys
import threading

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from tests.support.events import TextContext, TextEvent


class Half(InMemoryTransport):
    def send(self, request: Request) -> SendResult:
        if b"dead" in request.body:
            arrived.wait(request.timeout)
            return SendResult(error=TimeoutError())
        result = super().send(request)
        arrived.set()
        return result


arrived = threading.Event()
transport = Half()
sdk = PaltabrainSdk(
    "localhost",
    "key",
    TextContext(),
    transport=transport,
    exit_timeout=600,
    request_timeout=600,
    flush_interval_ms=3_600_000,
)
for name in sys.argv[1:]:
    sdk.track(TextEvent(name), TextContext(name))
