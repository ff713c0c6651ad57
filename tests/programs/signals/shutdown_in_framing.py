"""Shuts down in a signal handler that comes when ``flush`` has handed over a batch."""

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support import probe
from tests.support.events import TextContext, TextEvent


def handler() -> None:
    sdk.track(TextEvent())
    nested.append(sdk.shutdown())


nested: list[bool] = []
probe.after_next_hand_over(handler)
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
sdk.track(TextEvent())
sdk.flush()
assert sdk.shutdown() is True
assert len(nested) == 1
stats = sdk.stats()
assert stats.delivered == stats.accepted >= 1, stats
