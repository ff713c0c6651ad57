"""Forks in a signal handler at each third place in ``flush`` or ``shutdown`` in turn.

Goes on in both processes. ``anywhere CALL``
"""

import os
import sys

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.forks import reap
from tests.support.interruption import everywhere
from tests.support.sdk import texts

child = -1


def fork() -> None:
    global child
    child = os.fork()


(call,) = sys.argv[1:]
for number, interruption in enumerate(everywhere(fork, least=150, step=3)):
    transport = InMemoryTransport()
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
    sdk.track(TextEvent("parent"))
    with interruption:
        assert getattr(sdk, call)(timeout=30), number
    if child == 0:
        before = len(transport.batches)
        if call == "flush":
            sdk.track(TextEvent("child"))
            assert sdk.flush(timeout=30), number
            assert texts(transport)[before:] == [["child"]], number
            assert sdk.stats().accepted == sdk.stats().delivered == 1, (number, sdk.stats())
        else:
            assert sdk.shutdown(timeout=30), number
            assert len(transport.batches) == before, number
        os._exit(0)
    if interruption.happened:
        reap(child)
    assert sdk.shutdown(timeout=30), number
    assert texts(transport) == [["parent"]], number
print(number)
