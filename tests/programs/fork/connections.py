"""Sends before a fork, in the child, and in the parent after it, where nothing is to be retried.

``connections HOSTNAME FORK``
"""

import sys

from tests.support.events import TextEvent
from tests.support.forks import FORKS, make_sdk, reap

sdk = make_sdk(max_in_flight=1)
sdk.track(TextEvent("before:0"))
assert sdk.flush(timeout=30)
child = FORKS[sys.argv[2]]()
if child == 0:
    sdk.track(TextEvent("child:0"))
    assert sdk.shutdown(timeout=30)
    sys.exit()
reap(child)
sdk.track(TextEvent("after:0"))
assert sdk.flush(timeout=30)
assert sdk.stats().retries == 0
