"""Is interrupted at each place in turn where the hook is called, and tracks on."""

import contextlib
import gc
from typing import Any

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.interruption import everywhere, interrupt


def scrub(event: TextEvent, _context: Any) -> TextEvent:
    event.text = event.text.strip()
    return event


gc.disable()  # a finalizer that is interrupted would say so
sdk = PaltabrainSdk(
    "localhost", "key", TextContext(), transport=InMemoryTransport(), before_send=scrub
)
sdk.track(TextEvent())  # so that the class is known
for place, interruption in enumerate(everywhere(interrupt), start=1):
    with contextlib.suppress(KeyboardInterrupt), interruption:
        sdk.track(TextEvent())
    accepted = sdk.stats().accepted
    sdk.track(TextEvent())
    assert sdk.stats().accepted == accepted + 1, (place, sdk.stats())
    assert sdk.stats().dropped == {}, (place, sdk.stats())
assert sdk.shutdown(timeout=30)
