"""Forks while a batch waits for a retry, which the parent makes and the child does not.

A batch of the child's own is retried later than that one would be.
"""

from gevent import monkey

monkey.patch_all()

import os

import gevent

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from tests.support.events import TextContext, TextEvent
from tests.support.forks import end_child
from tests.support.sdk import texts

WAITS = {b"parent": 0.2, b"child": 1.0}


def answer(request: Request) -> SendResult:
    (name,) = (name for name in WAITS if name in request.body)
    is_first = asked.count(name) == 0
    asked.append(name)
    return SendResult(503, retry_after=WAITS[name]) if is_first else SendResult(200)


asked: list[bytes] = []
transport = InMemoryTransport(answer)
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
sdk.track(TextEvent("parent"))
sdk.flush()
while not asked:
    gevent.sleep()
child = os.fork()
if child == 0:
    sdk.track(TextEvent("child"))
    assert sdk.flush(timeout=30)
    assert texts(transport) == [["parent"], ["child"], ["child"]], texts(transport)
    os._exit(0)
assert sdk.flush(timeout=30)
assert texts(transport) == [["parent"], ["parent"]]
end_child(child)
assert sdk.shutdown(timeout=30)
