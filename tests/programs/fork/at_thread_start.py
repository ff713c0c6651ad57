"""Forks in a signal handler that comes just before the first thread of the SDK is started."""

import gc
import os
import sys
import threading
from types import BuiltinFunctionType, FrameType

from tests.support import probe
from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

child = -1
starting: list[threading.Thread] = []


def fork_before_start(_frame: FrameType, event: str, called: object) -> None:
    global child
    if (
        event == "c_call"
        and isinstance(called, BuiltinFunctionType)
        and called.__name__ in ("start_new_thread", "start_joinable_thread")
    ):
        sys.setprofile(None)
        objects = gc.get_objects()
        starting.extend(found for found in objects if type(found).__name__ == "Thread")
        child = os.fork()


sdk = make_sdk(flush_buffer_size=1)
sys.setprofile(fork_before_start)
sdk.track(TextEvent("parent:0"))
sys.setprofile(None)
assert child >= 0
if child == 0:
    sdk.track(TextEvent("child:0"))
    probe.await_delivery(sdk, 1)  # by another control thread, which was started
    (parents,) = [thread for thread in starting if thread.name == "paltabrain-control"]
    if parents.is_alive():
        parents.join(30)
        assert not parents.is_alive()
    os._exit(0)
reap(child)
