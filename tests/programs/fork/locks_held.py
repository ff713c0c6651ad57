"""Forks while another thread holds all locks of the SDK."""

import os
import sys
import threading

from tests.support import probe
from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

sdk = make_sdk(flush_buffer_size=1)
sdk.track(TextEvent("parent:0"))
assert sdk.flush(timeout=30)
held, done = threading.Event(), threading.Event()


def hold() -> None:
    with probe.held(probe.locks_of(sdk)):
        held.set()
        done.wait(60)


thread = threading.Thread(target=hold)
thread.start()
held.wait(60)
child = os.fork()
if child == 0:
    sdk.track(TextEvent("child:0"))
    probe.await_delivery(sdk, 1)
    sdk.track(TextEvent("child:1"))
    assert sdk.flush(timeout=30)
    assert sdk.stats().delivered == 2
    sys.exit()
reap(child)
done.set()
thread.join()
