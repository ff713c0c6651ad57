"""What an outage costs that is longer than ``outage_seconds``, or where there are none."""

from __future__ import annotations

import threading

import pytest

from paltabrain_fast import InMemoryTransport, SendResult

from ..support.events import TextContext, TextEvent
from ..support.probe import await_stats
from ..support.sdk import MakeSdk, assert_balanced
from .watching import BATCHES, Watching, track_batches


@pytest.mark.usefixtures("quick")
def test_outage_costs_what_has_waited_too_long(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    """And what has found no room, and nothing else."""
    is_down = threading.Event()
    is_down.set()
    watching = Watching(InMemoryTransport(lambda _: SendResult(503 if is_down.is_set() else 200)))
    sdk = make_sdk(
        transport=watching,
        flush_max_retries=1,
        outage_seconds=0.4,
        max_in_flight=1,  # so that nothing is framed before it is over
        buffer_bytes=65_536,
    )
    sdk.track(TextEvent())
    sdk.track(TextEvent())
    sdk.flush()
    await_stats(sdk, lambda stats: stats.dropped == {"deadline": 2})
    sdk.track(TextEvent())
    sdk.flush()
    watching.await_attempts(watching.attempts.total() + 1)
    for number in range(300):
        sdk.track(TextEvent("x" * 1000), TextContext(str(number)))
    is_down.clear()
    assert sdk.flush(timeout=30)
    sdk.flush(timeout=30)
    stats = sdk.stats()
    assert set(stats.dropped) == {"deadline", "queue_full"}
    assert stats.dropped["queue_full"] > 100
    assert_balanced(sdk)
    lost = sum(stats.dropped.values())
    assert lost == 303 - stats.delivered
    assert f" s: {lost} events lost" in caplog.text


@pytest.mark.usefixtures("quick")
def test_without_outages_each_batch_has_its_attempts(make_sdk: MakeSdk) -> None:
    watching = Watching(InMemoryTransport(lambda _: SendResult(error=ConnectionError("no"))))
    sdk = make_sdk(transport=watching, flush_max_retries=3, outage_seconds=0)
    track_batches(sdk)
    assert sdk.flush(timeout=30)
    stats = sdk.stats()
    assert (stats.dropped, stats.outages) == ({"retries_exhausted": BATCHES}, 0)
    assert set(watching.attempts.values()) == {3}
