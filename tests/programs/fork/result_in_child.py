"""Forks in a signal handler that interrupts ``flush``, when an event has been lost in that call.

``result_in_child``; prints what the flush has returned in the parent, and in the child.
"""

import os
import signal
import threading
from types import FrameType

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from tests.support.events import TextContext, TextEvent, UnserializableEvent
from tests.support.forks import reap


class Interrupting(InMemoryTransport):
    def send(self, request: Request) -> SendResult:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert forked.wait(30)
        return super().send(request)


def handle(_signal: int, _frame: FrameType | None) -> None:
    sdk.track(UnserializableEvent())
    children.append(os.fork())
    forked.set()


forked = threading.Event()
children: list[int] = []
signal.signal(signal.SIGUSR1, handle)
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=Interrupting())
sdk.track(TextEvent())
result = sdk.flush(timeout=30)
if children == [0]:
    print("child:", result, flush=True)
    os._exit(0)
reap(*children)
print("parent:", result)
