"""Shuts down in a signal handler that comes at each place in ``shutdown`` in turn."""

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.interruption import everywhere
from tests.support.sdk import Sdk

sdk: Sdk


def handler() -> None:
    sdk.track(TextEvent())
    sdk.shutdown()


for place, interruption in enumerate(everywhere(handler, least=10), start=1):
    sdk = PaltabrainSdk(
        "localhost", "key", TextContext(), transport=InMemoryTransport(), buffer_bytes=65_536
    )
    sdk.track(TextEvent())
    with interruption:
        sdk.shutdown(timeout=30)
    assert sdk.shutdown(timeout=30), place
    stats = sdk.stats()
    assert stats.delivered == stats.accepted >= 1, (place, stats)
