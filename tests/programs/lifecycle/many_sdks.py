"""Makes two hundred SDKs and forgets them, every other one after a shutdown.

Prints how many pieces of memory without a file the process has in the end.
"""

import gc
import threading
import weakref
from pathlib import Path

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from paltabrain_fast.sdk_pb2 import Batch
from tests.support.events import TextContext, TextEvent
from tests.support.threads import await_end, threads_of_sdks


def note(request: Request) -> SendResult:
    arrived.extend(int(event.payload) for event in Batch.FromString(request.body).events)
    return SendResult(200)


arrived: list[int] = []
forgotten: list[weakref.ref[object]] = []
for number in range(200):
    transport = InMemoryTransport(note)
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
    sdk.track(TextEvent(str(number)))
    forgotten += weakref.ref(sdk), weakref.ref(transport)
    if number % 2:
        sdk.shutdown()
del sdk, transport
gc.collect()
while threads := threads_of_sdks():
    await_end(threads)
assert threading.active_count() == 1, threading.enumerate()
gc.collect()
assert not any(found() for found in forgotten)
assert sorted(arrived) == list(range(200))
mappings = Path("/proc/self/maps").read_text().splitlines()
print(len([mapping for mapping in mappings if "rw-p" in mapping and " 0 " in mapping]))
