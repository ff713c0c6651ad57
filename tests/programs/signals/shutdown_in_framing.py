"""Shuts down in a signal handler that comes when ``flush`` has framed, for want of threads."""

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support import probe
from tests.support.events import TextContext, TextEvent


def handler() -> None:
    sdk.track(TextEvent())
    nested.append(bool(sdk.shutdown()))


nested: list[bool] = []
probe.after_next_hand_over(handler)
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
with probe.no_threads():
    sdk.track(TextEvent())
    sdk.flush(timeout=30)
    assert sdk.shutdown()
assert len(nested) == 1
stats = sdk.stats()
assert stats.delivered == stats.accepted >= 1, stats
