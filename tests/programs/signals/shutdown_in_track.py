"""Shuts down in a signal handler that comes at each place in ``track`` in turn."""

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.interruption import everywhere
from tests.support.sdk import Sdk

sdk: Sdk


def handler() -> None:
    sdk.shutdown()


for place, interruption in enumerate(everywhere(handler), start=1):
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
    sdk.track(TextEvent())
    with interruption:
        sdk.track(TextEvent())
    assert sdk.shutdown(timeout=30), place
    stats = sdk.stats()
    assert stats.delivered == stats.accepted >= 1, (place, stats)
