"""Is interrupted at each place in turn where the first event starts a thread of the SDK."""

import contextlib
import gc
import signal

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support import probe
from tests.support.events import TextContext, TextEvent
from tests.support.interruption import everywhere, interrupt
from tests.support.sdk import Sdk


def make() -> Sdk:
    return PaltabrainSdk(
        "localhost",
        "key",
        TextContext(),
        transport=InMemoryTransport(),
        flush_buffer_size=1,
        buffer_bytes=65_536,
    )


with make() as first:
    first.track(TextEvent())  # so that the class is known
gc.disable()  # a finalizer that is interrupted would say so
before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
before.add(signal.SIGUSR2)
for place, interruption in enumerate(everywhere(interrupt), start=1):
    sdk = make()
    with contextlib.suppress(KeyboardInterrupt), interruption:
        sdk.track(TextEvent())
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before, place
    if not interruption.happened:
        probe.await_delivery(sdk, 1)  # by that thread
    assert sdk.shutdown(timeout=30)
