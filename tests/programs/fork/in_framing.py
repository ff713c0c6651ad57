"""Forks in a signal handler that comes when ``flush`` has framed a batch, for want of threads."""

import os

from tests.support import probe
from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

child = -1


def fork() -> None:
    global child
    child = os.fork()


probe.after_next_hand_over(fork)
sdk = make_sdk()
with probe.no_threads():
    sdk.track(TextEvent("parent:0"))
    assert sdk.flush(timeout=30)
if child == 0:
    sdk.track(TextEvent("child:0"))
    assert sdk.flush(timeout=30)
    stats = sdk.stats()
    assert (stats.accepted, stats.delivered, stats.dropped) == (1, 1, {}), stats
    os._exit(0)
reap(child)
