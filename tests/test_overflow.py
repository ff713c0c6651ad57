"""What happens when the buffer is full, for each policy."""

from __future__ import annotations

import resource
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast._engine import choice
from paltabrain_fast._engine.protocol import RecordStatus
from paltabrain_fast.sdk_pb2 import Batch
from paltabrain_fast.transport import Request

from .support.events import TextContext, TextEvent
from .support.log_lines import LogLines
from .support.probe import before_making_room, cutting_a_batch, shedding_for
from .support.sdk import MakeSdk, Sdk, assert_balanced

config: Any = import_module("examples.config")


def lines_of_full_buffers(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for text in caplog.messages if text.startswith("buffer full")]


def told(events: int, overflow: str) -> str:
    """How the line begins that tells of so many drops."""
    return f"buffer full (buffer_bytes=65536, overflow={overflow!r}): {events} events lost; "


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
    assert sdk.shutdown()
    assert lines_of_full_buffers(caplog)[-1].startswith(told(1000 - kept, "drop_new"))


def test_contexts_of_the_past_leave_the_buffer(make_sdk: MakeSdk) -> None:
    """A context a request, as in a service that never pauses: each flush finds new ones."""
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, buffer_bytes=65536)
    for lap in range(1000):
        for number in range(10):
            sdk.track(TextEvent(), TextContext(f"{lap}:{number}" * 20))
        assert sdk.flush(timeout=30)
        assert sdk.stats().pending_bytes < 16384
    assert sdk.stats().delivered == 10_000


prefaulting = pytest.mark.skipif(
    sys.platform != "linux" or choice.name != "native",
    reason="only the native engine, on Linux, asks for memory before it is used",
)


@prefaulting
def test_a_backlog_has_the_memory_of_a_full_buffer_at_hand() -> None:
    engine = choice.make_engine(16 << 20)
    before = resident_bytes()
    for _ in range(1000):
        assert engine.record(b"", b"", b"x" * 500, None) is RecordStatus.OK
    assert resident_bytes() - before < 4 << 20
    engine.mark()
    assert engine.take("instance") is not None
    assert resident_bytes() - before > 14 << 20


@prefaulting
def test_events_do_not_wait_for_memory_while_the_buffer_fills(
    make_sdk: MakeSdk, held: Held
) -> None:
    event = config.EventPageOpen(page_id="x" * 500)
    sdk = make_sdk(transport=held, max_in_flight=1, flush_buffer_size=1)
    sdk.track(event)
    sdk.flush()
    before = resident_bytes()
    sdk.track(event)  # the control thread finds that it has to wait with this one
    while resident_bytes() - before < 14 << 20:
        pass
    faults = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(20_000):
        sdk.track(event)
    assert sdk.stats().pending_bytes > 10_000_000
    assert resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - faults < 100


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@shedding_for(1_000_000)
@pytest.mark.parametrize("event", [TextEvent("x" * 500), config.EventPageOpen(page_id="x" * 500)])
def test_a_full_buffer_is_asked_for_room_once(make_sdk: MakeSdk, held: Held, event: Any) -> None:
    """Until there has been room, ``track()`` only counts what does not fit."""
    sdk = occupied(make_sdk, held, "drop_new")
    asked = Mock()
    with before_making_room(sdk, asked):
        for _ in range(1000):
            sdk.track(event)
    assert asked.call_count == 1
    assert sdk.stats().accepted + sdk.stats().dropped["queue_full"] == 1001
    held.go.set()
    assert sdk.flush(timeout=30)
    held.go.clear()
    sdk.track(event)
    sdk.flush()
    with before_making_room(sdk, asked):
        for _ in range(1000):
            sdk.track(event)
    assert asked.call_count == 2
    held.go.set()
    assert sdk.flush(timeout=30)
    sdk.track(event)
    assert sdk.flush(timeout=30)
    told = sum(batch.telemetry.events_dropped for batch in held.batches)
    stats = sdk.stats()
    assert_balanced(sdk)
    assert stats.dropped == {"queue_full": told}
    assert stats.accepted + told == 2003


@shedding_for(0)
def test_a_full_buffer_is_asked_again_after_a_while(make_sdk: MakeSdk, held: Held) -> None:
    sdk = occupied(make_sdk, held, "drop_new")
    asked = Mock()
    with before_making_room(sdk, asked):
        for _ in range(1000):
            sdk.track(TextEvent("x" * 500))
    assert asked.call_count == sdk.stats().dropped["queue_full"]


def test_line_counts_what_the_engine_has_dropped_by_itself(make_sdk: MakeSdk, held: Held) -> None:
    """Also while no batch is answered, so that nothing is framed."""
    sdk = occupied(make_sdk, held, "drop_new")
    lines = LogLines(sdk)
    for _ in range(2000):
        sdk.track(TextEvent("x" * 500))
    line = lines.next()
    assert line.startswith(told(sdk.stats().dropped["queue_full"], "drop_new"))


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
    assert sdk.shutdown()
    assert lines_of_full_buffers(caplog)[-1].startswith(told(dropped, "drop_old"))


def test_drop_old_while_a_batch_is_cut_drops_the_new(make_sdk: MakeSdk, held: Held) -> None:
    sdk = occupied(make_sdk, held, "drop_old")
    for number in range(200):
        sdk.track(TextEvent(f"{number:0500}"))
    evicted = sdk.stats().dropped_after_acceptance
    with cutting_a_batch(sdk):
        for _ in range(10):
            sdk.track(TextEvent("9" * 5000))
    stats = sdk.stats()
    assert stats.dropped_after_acceptance == evicted
    assert stats.dropped["queue_full"] == evicted + 10
    assert_balanced(sdk)
    sdk.track(TextEvent("9" * 5000))  # makes room again
    assert sdk.stats().dropped_after_acceptance > evicted
    assert sdk.stats().accepted == stats.accepted + 1


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


def test_block_does_not_wait_when_room_was_made_meanwhile(make_sdk: MakeSdk, held: Held) -> None:
    """The buffer is empty then, so that nobody would wake a thread that waits."""
    sdk = occupied(make_sdk, held, "block", block_timeout_ms=10_000)

    def make_room_meanwhile() -> None:
        held.go.set()
        assert sdk.flush(timeout=30)

    with before_making_room(sdk, make_room_meanwhile):
        for number in range(200):
            sdk.track(TextEvent(f"{number:0500}"))
    assert sdk.flush(timeout=30)
    assert numbers(held.batches) == [-1, *range(200)]


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
