"""Many threads at once: nothing is lost, doubled, reordered or left behind.

They run on every build, and show their worth where no GIL keeps the threads apart.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest

from paltabrain_fast import BaseContext, PaltabrainSdk
from paltabrain_fast._engine.protocol import Engine, FramedBatch, RecordStatus
from paltabrain_fast._native.engine import NativeEngine
from paltabrain_fast._reference.engine import ReferenceEngine
from paltabrain_fast.sdk_pb2 import Batch
from paltabrain_fast.transport import InMemoryTransport

from .support.events import TextContext, TextEvent
from .support.log_lines import LogLines
from .support.threads import DEADLINE, running

THREADS = 4
ENGINES: list[Callable[[int], Engine]] = [NativeEngine, ReferenceEngine]

Sdk = PaltabrainSdk[Any]


@pytest.fixture(params=ENGINES, ids=lambda make: make.__name__)
def make_engine(request: pytest.FixtureRequest) -> Callable[[int], Engine]:
    make: Callable[[int], Engine] = request.param
    return make


def assert_each_came_once(batches: Iterable[Batch], counts: list[int]) -> None:
    """Of each thread its first ``count`` events, in its order, all numbered without a gap.

    An event says ``thread:number``; its context ends in ``thread``, if it is a thread's own.
    """
    events = []
    for batch in batches:
        owner = batch.context.decode().partition(" of ")[2]
        for event in batch.events:
            thread, number = event.payload.decode().split(":")
            assert owner in ("", thread)
            events.append((event.common.session_event_seq_num, int(thread), int(number)))
    events.sort()
    assert [event[0] for event in events] == list(range(1, len(events) + 1))
    for index, count in enumerate(counts):
        assert [event[2] for event in events if event[1] == index] == list(range(count))


def test_all_that_threads_record_comes_out_once(make_engine: Callable[[int], Engine]) -> None:
    """Through a ring of many laps, with contexts that come and go."""
    engine, events = make_engine(32_768), 5000
    taken: list[FramedBatch] = []

    def record(thread: int) -> None:
        for number in range(events):
            context = f"{number // 7} of {thread}".encode()
            payload = f"{thread}:{number}".encode()
            while (status := engine.record(context, b"", payload, 1)) is RecordStatus.FULL:
                os.sched_yield()
            assert status is RecordStatus.OK

    with running(*(partial(record, thread) for thread in range(THREADS))) as recorders:
        while not all(recorder.done() for recorder in recorders) or len(engine):
            assert 0 <= len(engine) <= engine.accepted <= THREADS * events
            engine.mark()
            if (batch := engine.take("instance")) is not None:
                taken.append(batch)
    engine.mark()
    assert engine.take("instance") is None
    assert sorted(batch.end for batch in taken) == [batch.end for batch in taken]
    assert all(batch.end <= batch.taken for batch in taken)
    assert engine.accepted == engine.taken == taken[-1].end == THREADS * events
    assert_each_came_once((Batch.FromString(b.body) for b in taken), [events] * THREADS)


def test_close_is_final(make_engine: Callable[[int], Engine]) -> None:
    """What is accepted when ``close`` returns can be taken, and nothing comes after it."""

    def record(engine: Engine, thread: int) -> int:
        context, payload, number = str(thread).encode(), b"p" * 1000, 0
        while (status := engine.record(context, b"", payload, 1)) is not RecordStatus.CLOSED:
            number += status is RecordStatus.OK
        return number

    for _ in range(50):
        engine = make_engine(1 << 20)
        with running(*(partial(record, engine, thread) for thread in range(THREADS))) as recorders:
            while not engine.accepted:
                os.sched_yield()
            engine.close()
            accepted = engine.accepted
            engine.mark()
            while engine.take("instance") is not None:
                pass
            assert engine.taken == accepted
        assert sum(recorder.result() for recorder in recorders) == accepted == engine.accepted  # type: ignore[misc]


def test_number_is_right_while_a_batch_is_cut(make_engine: Callable[[int], Engine]) -> None:
    """Of what was accepted, part is numbered by then, part is counted: none twice or not at all."""
    engine, rounds = make_engine(1 << 22), 20
    # protobuf, with which the other one frames, is in pure Python where there is no GIL
    events = 20_000 if isinstance(engine, NativeEngine) else 2_000

    def take_all() -> None:
        engine.mark()
        while engine.take("instance") is not None:
            pass

    for done in range(1, rounds + 1):
        for _ in range(events):
            assert engine.record(b"c", b"", b"p", 1) is RecordStatus.OK
        with running(take_all) as (taker,):
            while not taker.done():
                assert engine.last_number == done * events


def test_restarts_race_those_who_record(make_engine: Callable[[int], Engine]) -> None:
    """Each restart begins a new row of numbers, in which none is missing or doubled."""
    engine, events, restarts = make_engine(32_768), 3000, 300
    taken: list[FramedBatch] = []

    def record() -> None:
        for _ in range(events):
            while engine.record(b"c", b"", b"p", 1) is RecordStatus.FULL:
                os.sched_yield()

    def restart() -> None:
        for number in range(1, restarts + 1):
            engine.last_number = number * 1_000_000
            assert engine.last_number >= number * 1_000_000
            os.sched_yield()

    works = [record] * (THREADS - 1) + [restart]
    with running(*works) as workers:
        while not all(worker.done() for worker in workers) or len(engine):
            engine.mark()
            if (batch := engine.take("instance")) is not None:
                taken.append(batch)
    numbers = [
        event.common.session_event_seq_num
        for batch in taken
        for event in Batch.FromString(batch.body).events
    ]
    assert len(numbers) == (THREADS - 1) * events
    for before, number in zip([0, *numbers], numbers, strict=False):
        assert number == before + 1 or (number > before and number % 1_000_000 == 1)
    assert engine.last_number in (numbers[-1], restarts * 1_000_000)


def track(sdk: Sdk, thread: int, contexts: list[BaseContext | None], events: int) -> None:
    for number in range(events):
        context = contexts[number % len(contexts)]
        if isinstance(context, TextContext):
            context.text = f"{number // 7} of {thread}"
        sdk.track(TextEvent(f"{thread}:{number}"), context)


@pytest.mark.parametrize(
    "contexts",
    [
        pytest.param(lambda: [None], id="shared context"),
        pytest.param(lambda: [TextContext()], id="own contexts"),
        pytest.param(lambda: [None, TextContext(), TextContext()], id="both"),
    ],
)
def test_all_that_threads_track_is_sent_once(
    make_sdk: Callable[..., Sdk], contexts: Callable[[], list[BaseContext | None]]
) -> None:
    transport, events = InMemoryTransport(), 2000
    sdk = make_sdk(transport=transport, session_id=1, flush_buffer_size=20)
    works = [partial(track, sdk, thread, contexts(), events) for thread in range(THREADS)]
    with running(*works) as trackers:
        while not all(tracker.done() for tracker in trackers):
            stats = sdk.stats()
            assert stats.accepted == stats.delivered + stats.pending_events
            assert 0 <= stats.pending_events <= stats.accepted <= THREADS * events
            sdk.context = TextContext(f"shared {stats.accepted}")
    assert sdk.flush(timeout=DEADLINE)
    assert not sdk.stats().dropped
    assert sdk.session_event_seq_num == THREADS * events
    assert_each_came_once(transport.batches, [events] * THREADS)


def test_shutdown_leaves_nothing_behind() -> None:
    """Each event that races it is sent or refused: none is pending for ever."""
    events = 1000
    for _ in range(20):
        transport = InMemoryTransport()
        sdk = Sdk("localhost", "key", TextContext(), session_id=1, transport=transport)
        LogLines(sdk)  # what is told later is not for the log of another test
        works = [partial(track, sdk, thread, [None], events) for thread in range(THREADS)]
        with running(*works):
            while not sdk.session_event_seq_num:
                os.sched_yield()
            assert sdk.shutdown(timeout=DEADLINE)
            accepted = sdk.session_event_seq_num
        stats = sdk.stats()
        assert stats.accepted == stats.delivered == accepted
        assert stats.dropped.get("already_shutdown", 0) == THREADS * events - accepted
        counts = Counter(
            int(event.payload.partition(b":")[0])
            for batch in transport.batches
            for event in batch.events
        )
        assert_each_came_once(transport.batches, [counts[thread] for thread in range(THREADS)])
