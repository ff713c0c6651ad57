"""Forks while the server cannot be reached: the child knows nothing of that, nor of its batches."""

import logging
import os

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from tests.support.events import TextContext, TextEvent
from tests.support.forks import end_child
from tests.support.probe import await_delivery, parked_batches
from tests.support.sdk import texts


def answer(_request: Request) -> SendResult:
    return SendResult(503 if is_down else 200)


logging.disable()
is_down = True
transport = InMemoryTransport(answer)
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport, flush_max_retries=1)
for number in range(5):
    sdk.track(TextEvent("parent"), TextContext(str(number)))
sdk.flush()
while parked_batches(sdk) < 4:
    pass
child = os.fork()
if child == 0:
    is_down = False
    stats = sdk.stats()
    assert (stats.outages, stats.outage_age, stats.requests) == (0, None, 0), stats
    assert parked_batches(sdk) == 0
    before = len(transport.requests)
    sdk.track(TextEvent("child"))
    assert sdk.flush(timeout=30)
    assert texts(transport)[before:] == [["child"]], texts(transport)
    end_child(child)
is_down = False
await_delivery(sdk, 5)
end_child(child)
assert sdk.shutdown(timeout=30)
assert sdk.stats().dropped == {}
