"""What happens when the buffer is full, for each policy."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast.sdk_pb2 import Batch
from paltabrain_fast.transport import Request

from .support.events import TextContext, TextEvent
from .support.sdk import MakeSdk, Sdk, assert_balanced


class Held(InMemoryTransport):
    """Answers nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__(self._hold)
        self.go = threading.Event()

    def _hold(self, _request: Request) -> SendResult:
        self.go.wait(60)
        return SendResult(status=200)


@pytest.fixture
def held() -> Iterator[Held]:
    transport = Held()
    yield transport
    transport.go.set()


def numbers(batches: list[Batch]) -> list[int]:
    return [int(event.payload) for batch in batches for event in batch.events]


def occupied(make_sdk: MakeSdk, held: Held, overflow: str, block_timeout_ms: int = 0) -> Sdk:
    """An SDK whose one batch in flight, with the event -1, gets no answer."""
    sdk = make_sdk(
        transport=held,
        buffer_bytes=65_536,
        max_in_flight=1,
        overflow=overflow,
        block_timeout_ms=block_timeout_ms,
        session_id=1,
    )
    sdk.track(TextEvent("-1"))
    sdk.flush()
    return sdk


def test_drop_new_keeps_the_oldest(
    make_sdk: MakeSdk, held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    sdk = occupied(make_sdk, held, "drop_new")
    for number in range(1000):
        sdk.track(TextEvent(f"{number:0500}"))
    stats = sdk.stats()
    kept = stats.accepted - 1
    assert stats.dropped == {"queue_full": 1000 - kept}
    assert stats.dropped_after_acceptance == 0
    assert 100 <= kept <= 130
    held.go.set()
    assert sdk.flush(timeout=30)
    assert numbers(held.batches) == [-1, *range(kept)]
    assert sdk.stats().delivered == kept + 1
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warnings == ["Events are dropped: queue full"]


def test_drop_old_keeps_the_newest_with_their_numbers(
    make_sdk: MakeSdk, held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    sdk = occupied(make_sdk, held, "drop_old")
    for number in range(1000):
        sdk.track(TextEvent(f"{number:0500}"))
    stats = sdk.stats()
    dropped = stats.dropped["queue_full"]
    assert stats.accepted == 1001
    assert stats.dropped_after_acceptance == dropped
    assert 870 <= dropped <= 900
    assert_balanced(sdk)
    held.go.set()
    assert sdk.flush(timeout=30)
    assert numbers(held.batches) == [-1, *range(dropped, 1000)]
    last = held.batches[-1].events[-1]
    assert last.common.session_event_seq_num == 1001
    assert_balanced(sdk)
    assert sdk.stats().delivered == 1001 - dropped
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warnings == ["Events are dropped: queue full"]


def test_drop_old_while_a_batch_is_cut_drops_the_new(make_sdk: MakeSdk, held: Held) -> None:
    sdk = occupied(make_sdk, held, "drop_old")
    for number in range(200):
        sdk.track(TextEvent(f"{number:0500}"))
    evicted = sdk.stats().dropped_after_acceptance
    framing, done = threading.Event(), threading.Event()

    def frame() -> None:
        with sdk._control._framing:
            framing.set()
            done.wait(60)

    thread = threading.Thread(target=frame)
    thread.start()
    framing.wait(60)
    try:
        for _ in range(10):
            sdk.track(TextEvent("9" * 5000))
    finally:
        done.set()
        thread.join()
    stats = sdk.stats()
    assert stats.dropped_after_acceptance == evicted
    assert stats.dropped["queue_full"] == evicted + 10
    assert_balanced(sdk)


def test_block_waits_for_room_and_loses_nothing(make_sdk: MakeSdk, held: Held) -> None:
    sdk = occupied(make_sdk, held, "block", block_timeout_ms=60_000)
    done = threading.Event()

    def work() -> None:
        for number in range(2000):
            sdk.track(TextEvent(f"{number:0500}"))
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while sdk.stats().pending_bytes < 60_000:
        pass
    assert not done.is_set()
    assert sdk.stats().accepted < 200
    held.go.set()
    thread.join(60)
    assert done.is_set()
    assert sdk.flush(timeout=30)
    assert numbers(held.batches) == [-1, *range(2000)]
    assert sdk.stats().dropped == {}


def test_block_drops_after_its_limit(make_sdk: MakeSdk, held: Held) -> None:
    sdk = occupied(make_sdk, held, "block", block_timeout_ms=1)
    for number in range(150):
        sdk.track(TextEvent(f"{number:0500}"))
    stats = sdk.stats()
    assert stats.dropped["queue_full"] == 151 - stats.accepted > 0
    assert_balanced(sdk)


def test_block_ends_at_shutdown(make_sdk: MakeSdk, held: Held) -> None:
    sdk = occupied(make_sdk, held, "block", block_timeout_ms=60_000_000)

    def work() -> None:
        while not sdk.is_shutdown:
            sdk.track(TextEvent("x" * 500))

    thread = threading.Thread(target=work)
    thread.start()
    while sdk.stats().pending_bytes < 60_000:
        pass
    assert not sdk.shutdown(timeout=0)
    thread.join(30)
    assert not thread.is_alive()


def test_full_buffer_is_flushed_without_waiting_for_the_interval(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(
        transport=transport,
        buffer_bytes=65_536,
        flush_buffer_size=10**9,
        overflow="block",
        block_timeout_ms=60_000,
    )
    for number in range(1000):
        sdk.track(TextEvent(f"{number:0500}"))
    assert sdk.flush(timeout=30)
    assert numbers(transport.batches) == list(range(1000))


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "block"])
def test_a_million_events_into_a_small_ring(make_sdk: MakeSdk, overflow: str) -> None:
    """However many are dropped, each is counted once."""
    transport = InMemoryTransport()
    sdk = make_sdk(
        transport=transport, buffer_bytes=65_536, overflow=overflow, block_timeout_ms=10_000
    )
    event, context = TextEvent("x" * 50), TextContext()

    def work() -> None:
        for _ in range(250_000):
            sdk.track(event, context)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sdk.flush(timeout=60)
    stats = sdk.stats()
    assert_balanced(sdk)
    assert stats.delivered == sum(len(batch.events) for batch in transport.batches)
    assert stats.delivered + stats.dropped.get("queue_full", 0) == 1_000_000
    assert set(stats.dropped) <= {"queue_full"}
    if overflow == "block":
        assert stats.delivered == 1_000_000
