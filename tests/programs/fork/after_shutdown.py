"""Tracks in a child that was forked after ``shutdown``."""

import os
import sys

from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

sdk = make_sdk()
sdk.track(TextEvent("parent:0"))
assert sdk.shutdown()
child = os.fork()
if child == 0:
    sdk.track(TextEvent("child:0"))
    assert sdk.stats().dropped == {"already_shutdown": 1}
    assert sdk.is_shutdown
    assert sdk.shutdown(timeout=30)
    sys.exit()
reap(child)
