"""Shuts down in a signal handler that comes at each place in ``flush`` or ``shutdown`` in turn.

``shutdown_everywhere CALL``
"""

import sys

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.interruption import everywhere
from tests.support.sdk import Sdk

sdk: Sdk


def handler() -> None:
    sdk.track(TextEvent("handler"))
    sdk.shutdown()


for place, interruption in enumerate(everywhere(handler, least=20), start=1):
    sdk = PaltabrainSdk(
        "localhost", "key", TextContext(), transport=InMemoryTransport(), buffer_bytes=65_536
    )
    sdk.track(TextEvent("x"))
    with interruption:
        getattr(sdk, sys.argv[1])(timeout=30)
    assert sdk.shutdown(timeout=30), place
    stats = sdk.stats()
    assert stats.delivered == stats.accepted >= 1, (place, stats)
