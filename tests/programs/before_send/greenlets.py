"""A greenlet waits in the hook, and others of its thread track meanwhile."""

from typing import Any

import gevent

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent


def wait(event: TextEvent, _context: Any) -> TextEvent:
    if event.text == "slow":
        gevent.sleep(0)
        assert sdk.stats().accepted == 1, sdk.stats()
    return event


sdk = PaltabrainSdk(
    "localhost", "key", TextContext(), transport=InMemoryTransport(), before_send=wait
)
greenlets = [gevent.spawn(sdk.track, TextEvent(text)) for text in ("slow", "quick")]
gevent.joinall(greenlets, timeout=30, raise_error=True)
assert sdk.shutdown(timeout=30)
assert (sdk.stats().delivered, sdk.stats().dropped) == (2, {}), sdk.stats()
