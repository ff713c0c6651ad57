"""Loses events for all the reasons for which no server is needed, one SDK after another."""

import threading
from importlib import import_module
from typing import Any

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, Request, SendResult
from tests.support.events import TextContext, TextEvent

config: Any = import_module("examples.config")


class Held(InMemoryTransport):
    """Answers when it is let go."""

    def __init__(self) -> None:
        super().__init__(self._hold)
        self.asked, self.go = threading.Event(), threading.Event()

    def _hold(self, _request: Request) -> SendResult:
        self.asked.set()
        self.go.wait(60)
        return SendResult(status=200)


def raise_error(_request: Request) -> SendResult:
    raise LookupError("of the user's own\nin two lines, with s3cret-key")


def leave(_request: Request) -> SendResult:
    raise SystemExit(1)


class Tracking(InMemoryTransport):
    """Tracks an event for each request."""

    sdk: PaltabrainSdk[TextContext]

    def send(self, request: Request) -> SendResult:
        self.sdk.track(TextEvent())
        return super().send(request)


def make(transport: InMemoryTransport, **options: Any) -> PaltabrainSdk[TextContext]:
    return PaltabrainSdk(
        "localhost",
        "s3cret-key",
        TextContext(),
        transport=transport,
        outage_seconds=0,
        flush_max_retries=1,
        **options,
    )


def fill(overflow: Any) -> None:
    held = Held()
    with make(
        held, buffer_bytes=65_536, max_in_flight=1, overflow=overflow, block_timeout_ms=0
    ) as sdk:
        sdk.track(TextEvent())
        sdk.flush()
        held.asked.wait(60)
        for _ in range(1000):
            sdk.track(TextEvent("x" * 500))
        held.go.set()
    stats = sdk.stats()
    assert stats.delivered + stats.dropped["queue_full"] == 1001, stats


for policy in "drop_new", "drop_old", "block":
    fill(policy)

with make(InMemoryTransport()) as sdk:
    sdk.track(TextEvent("x" * 600_000))
    sdk.flush()
with make(InMemoryTransport()) as sdk:
    sdk.track(TextEvent("x" * 300_000), TextContext("y" * 300_000))

with make(InMemoryTransport()) as sdk:
    for _ in range(3):
        sdk.track(config.EventPageOpen(page_id=3))
    sdk.track(config.EventPageOpen(page_id="x").set_parent(parent_elements=3))

with make(InMemoryTransport(raise_error)) as sdk:
    sdk.track(TextEvent())
with make(InMemoryTransport(leave)) as sdk:
    sdk.track(TextEvent())
tracking = Tracking()
with make(tracking) as sdk:
    tracking.sdk = sdk
    sdk.track(TextEvent())

held = Held()
sdk = make(held)
sdk.track(TextEvent())
sdk.shutdown(timeout=0.1)
held.go.set()

sdk.track(TextEvent())  # told at exit, by no thread
