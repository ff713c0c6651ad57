"""Has a child that ends without any exit handler, with one event flushed and one not."""

import os

from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

sdk = make_sdk()
sdk.track(TextEvent("parent:0"))
child = os.fork()
if child == 0:
    sdk.track(TextEvent("flushed:0"))
    assert sdk.flush(timeout=30)
    sdk.track(TextEvent("lost:0"))
    os._exit(0)
reap(child)
assert sdk.shutdown()
assert sdk.stats().dropped == {}
