"""Forks in a signal handler while the main thread waits for a lock that another thread holds.

The child returns from the handler, and goes on to wait for a lock whose holder it does not have.
"""

import signal
import sys
import threading
from types import FrameType

from tests.support import probe
from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap
from tests.support.interruption import ForkWhileWaiting


class Fork(ForkWhileWaiting):
    """Lets the lock go in the parent, once it has forked; a child that hangs is ended."""

    def _handle(self, number: int, frame: FrameType | None) -> None:
        super()._handle(number, frame)
        if self.child:
            forked.set()
        elif self.child == 0:
            signal.alarm(30)


sdk = make_sdk(flush_buffer_size=1)
sdk.track(TextEvent("parent:0"))
assert sdk.flush(timeout=30)
held, forked = threading.Event(), threading.Event()


def hold() -> None:
    with probe.held(probe.locks_of(sdk)):
        held.set()
        forked.wait(60)


thread = threading.Thread(target=hold)
thread.start()
held.wait(60)
with Fork() as fork:
    sdk.stats()
if fork.child == 0:
    sdk.track(TextEvent("child:0"))
    assert sdk.flush(timeout=30)
    sys.exit()
assert fork.child is not None
reap(fork.child)
thread.join()
