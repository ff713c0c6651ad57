"""Tracks in a hook of a fork that is called before those of the SDK."""

import os

calls: list[int] = []


def hook() -> None:
    calls.append(os.getpid())
    sdk.track(TextEvent())


os.register_at_fork(after_in_child=hook)

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.forks import end_child

sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
sdk.track(TextEvent())
child = os.fork()
if child == 0:
    assert sdk.shutdown(timeout=30)
    stats = sdk.stats()
    assert stats.accepted == stats.delivered == 1 == len(calls), (stats, calls)
end_child(child)
assert sdk.shutdown(timeout=30)
assert sdk.stats().delivered == 1
