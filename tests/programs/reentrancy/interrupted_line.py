"""Is interrupted at each place in turn where an event that fails is logged, and tracks on."""

import contextlib
import gc

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent, UnserializableEvent
from tests.support.interruption import everywhere, interrupt


def raise_interrupt() -> None:
    try:
        interrupt()
    except KeyboardInterrupt as error:
        caught.append(error)  # with its traceback, as who prints it may
        raise


gc.disable()  # a finalizer that is interrupted would say so
caught: list[KeyboardInterrupt] = []
with PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport()) as first:
    first.track(UnserializableEvent())  # so that the class is known
for place, interruption in enumerate(everywhere(raise_interrupt, least=10), start=1):
    sdk = PaltabrainSdk(
        "localhost", "key", TextContext(), transport=InMemoryTransport(), buffer_bytes=65_536
    )
    with contextlib.suppress(KeyboardInterrupt), interruption:
        sdk.track(UnserializableEvent())
    sdk.track(TextEvent("x"))
    assert sdk.stats().accepted == 1, (place, sdk.stats())
    assert sdk.shutdown(timeout=30)
    assert sdk.stats().delivered == 1, (place, sdk.stats())
