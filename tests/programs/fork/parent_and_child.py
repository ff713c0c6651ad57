"""Tracks before a fork, and after it in both processes; each prints its session and instance."""

import os
import sys
import threading

from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

sdk = make_sdk(start_session=True)
for number in range(25):
    sdk.track(TextEvent(f"before:{number}"))
child = os.fork()
if child == 0:
    assert sdk.stats().accepted == len(sdk.event_buffer) == 0
    assert not [thread for thread in threading.enumerate() if "paltabrain" in thread.name]
    for number in range(25):
        sdk.track(TextEvent(f"child:{number}"))
    print(sdk.session_id, sdk.instance_id, flush=True)
    sys.exit()
for number in range(25):
    sdk.track(TextEvent(f"after:{number}"))
reap(child)
assert sdk.shutdown()
assert sdk.stats().retries == 0
print(sdk.session_id, sdk.instance_id)
