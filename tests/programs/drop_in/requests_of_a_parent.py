"""Print how many requests run in a child, and in the parent that waits for their answers."""

import os
import threading

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from tests.support.events import TextContext, TextEvent

release, arrived = threading.Event(), threading.Event()


def answer(_request: Request) -> SendResult:
    arrived.set()
    assert release.wait(60)
    return SendResult(status=200)


with PaltabrainSdk(
    "host", "key", TextContext(), transport=InMemoryTransport(answer), max_in_flight=1
) as sdk:
    for context in "first", "second":
        sdk.track(TextEvent(), TextContext(context))
    sdk.flush()
    assert arrived.wait(60)
    if not (child := os.fork()):
        os._exit(len(sdk.running_requests))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(sdk.running_requests))
    release.set()
