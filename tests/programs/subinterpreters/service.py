"""Delivers one event, and prints the engine that it came by; run in each interpreter."""

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, engine
from tests.support.events import TextContext, TextEvent

transport = InMemoryTransport()
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
sdk.track(TextEvent("x"))
assert sdk.flush(timeout=30)
assert sdk.shutdown(timeout=30)
print(engine, len(transport.batches), flush=True)
