"""Ends while two SDKs have a server that is dead, and four others one that is well.

A dead one fails as soon as all that the others have has arrived. Prints how many events of theirs
have arrived at the very end.
"""

import atexit


@atexit.register  # before the SDK is imported, so that it comes after its own
def tell() -> None:
    print(len(well.batches))


import threading

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from tests.support.events import TextContext, TextEvent


class Well(InMemoryTransport):
    def send(self, request: Request) -> SendResult:
        result = super().send(request)
        if len(self.batches) >= 4:
            all_arrived.set()
        return result


class Dead(InMemoryTransport):
    def send(self, request: Request) -> SendResult:
        all_arrived.wait(request.timeout)
        return SendResult(error=TimeoutError())


all_arrived = threading.Event()
well = Well()
for transport in (Dead(), well, well, Dead(), well, well):
    sdk = PaltabrainSdk(
        "localhost",
        "key",
        TextContext(),
        transport=transport,
        exit_timeout=600,
        request_timeout=600,
        flush_interval_ms=3_600_000,
    )
    sdk.track(TextEvent())
