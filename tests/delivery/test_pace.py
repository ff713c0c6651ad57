"""``flush_pace_ms``: how far flushes by number are apart, and what need not wait for it."""

from __future__ import annotations

import pytest

from paltabrain_fast import InMemoryTransport

from ..support.events import TextEvent
from ..support.probe import Sleep, await_delivery, watching_events
from ..support.sdk import MakeSdk, texts
from .control import HOUR_MS, Sleeps, await_sleep


def paced(sleep: Sleep) -> bool:
    return sleep.seconds > 0 and sleep.buffered >= 10


def test_flushes_by_number_are_paced(make_sdk: MakeSdk, sleeps: Sleeps) -> None:
    """The first comes at once; what waits for the next wakes nobody, and no flush() waits."""
    transport = InMemoryTransport()
    sdk = make_sdk(
        transport=transport,
        flush_buffer_size=10,
        flush_pace_ms=HOUR_MS / 2,
        flush_interval_ms=HOUR_MS,
    )
    wake_ups: list[int] = []
    for _ in range(10):
        sdk.track(TextEvent())
    await_delivery(sdk, 10)
    with watching_events(sdk, lambda: wake_ups.append(number)):
        for number in range(1, 1001):
            sdk.track(TextEvent())
            if number == 10:
                await_sleep(sleeps, paced)
    assert wake_ups == [10]
    assert len(transport.batches) == 1
    assert sdk.flush(timeout=30)
    assert texts(transport)[1] == [TextEvent().text] * 1000
    for _ in range(10):
        sdk.track(TextEvent())
    await_sleep(sleeps, paced)
    sdk.flush_pace_ms = 0  # which wakes it
    await_delivery(sdk, 1020)


def test_flush_follows_when_the_pace_allows_it(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(
        transport=InMemoryTransport(),
        flush_buffer_size=10,
        flush_pace_ms=1,
        flush_interval_ms=HOUR_MS,
    )
    for number in range(10, 101, 10):
        for _ in range(10):
            sdk.track(TextEvent())
        await_delivery(sdk, number)


@pytest.mark.parametrize("buffer_bytes", [1 << 16, 1 << 24], ids=["half the buffer", "a batch"])
def test_pace_holds_back_no_more_than_fits(
    make_sdk: MakeSdk, sleeps: Sleeps, buffer_bytes: int
) -> None:
    sdk = make_sdk(
        transport=InMemoryTransport(),
        flush_buffer_size=10,
        flush_pace_ms=HOUR_MS / 2,
        flush_interval_ms=HOUR_MS,
        buffer_bytes=buffer_bytes,
    )
    large = "x" * min(1 << 19, buffer_bytes // 2)
    for _ in range(10):
        sdk.track(TextEvent())
    await_delivery(sdk, 10)
    for _ in range(10):
        sdk.track(TextEvent(large[: len(large) // 20]))
    await_sleep(sleeps, paced)
    for _ in range(10):
        sdk.track(TextEvent(large[: len(large) // 20]))
    await_delivery(sdk, 30)
    assert not sdk.stats().dropped


@pytest.mark.parametrize("options", [{"flush_buffer_size": 1}, {"flush_interval_ms": 0}])
def test_each_event_at_once_is_not_paced(make_sdk: MakeSdk, options: dict[str, int]) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), flush_pace_ms=HOUR_MS, **options)
    for number in range(1, 11):
        sdk.track(TextEvent())
        await_delivery(sdk, number)
