"""What tests ask of an SDK and its server, in this process and in others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from paltabrain_fast import InMemoryTransport, PaltabrainSdk

from .api_server import ApiServer
from .probe import await_delivery as await_delivery

ROOT = Path(__file__).parent.parent.parent
Sdk = PaltabrainSdk[Any]
MakeSdk = Callable[..., Sdk]


def texts(api: ApiServer | InMemoryTransport) -> list[list[str]]:
    return [[event.payload.decode() for event in batch.events] for batch in api.batches]


def sent(sdk: Sdk, transport: InMemoryTransport) -> list[str]:
    """Deliver what is buffered; return the texts of all events that were."""
    assert sdk.flush(timeout=60)
    assert_balanced(sdk)
    return [text for batch in texts(transport) for text in batch]


def contexts_of_events(sdk: Sdk, transport: InMemoryTransport) -> dict[str, str]:
    """Deliver what is buffered; return the context of each event, by the text of the event."""
    assert sdk.flush(timeout=30)
    return {
        event.payload.decode(): batch.context.decode()
        for batch in transport.batches
        for event in batch.events
    }


# From Python 3.12 on, whoever forks a process with threads is warned; these tests mean to.
FORKS_WITH_THREADS: Final = ["-W", "ignore:This process:DeprecationWarning"]


def assert_balanced(sdk: Sdk) -> None:
    stats = sdk.stats()
    assert (
        stats.accepted == stats.delivered + stats.dropped_after_acceptance + stats.pending_events
    ), stats
