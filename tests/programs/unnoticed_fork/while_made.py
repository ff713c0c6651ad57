"""Forks in a signal handler at each place in the construction of an SDK in turn."""

import os

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.forks import end_child
from tests.support.interruption import everywhere

child = -1


def fork() -> None:
    global child
    child = os.fork()


for interruption in everywhere(fork):
    transport, context = InMemoryTransport(), TextContext()
    with interruption:
        sdk = PaltabrainSdk("localhost", "key", context, transport=transport, buffer_bytes=65_536)
    sdk.track(TextEvent())
    assert sdk.shutdown(timeout=30)
    assert sdk.stats().delivered == 1
    if interruption.happened:
        end_child(child)
