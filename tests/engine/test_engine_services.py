"""What the control thread asks of an engine beside batches: telemetry, eviction, wake-up, fork."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from paltabrain_fast._engine.protocol import Engine, RecordStatus
from paltabrain_fast._native.engine import NativeEngine
from paltabrain_fast._reference.engine import ReferenceEngine
from paltabrain_fast.constant import BATCH_MAX_BYTE_SIZE
from paltabrain_fast.sdk_pb2 import Batch, BatchTelemetry

TELEMETRY = BatchTelemetry(events_dropped=7, serialization_errors=["bad", "worse"])


@pytest.fixture(params=[NativeEngine, ReferenceEngine], ids=lambda make: make.__name__)
def make_engine(request: pytest.FixtureRequest) -> Callable[[int], Engine]:
    make: Callable[[int], Engine] = request.param
    return make


@pytest.fixture
def engine(make_engine: Callable[[int], Engine]) -> Engine:
    return make_engine(1 << 24)


def put(engine: Engine, size: int = 1, context: bytes = b"c") -> RecordStatus:
    return engine.record(context, b"", b"p" * size, 1)


def test_telemetry_is_in_the_batch_as_protobuf_writes_it(engine: Engine) -> None:
    put(engine)
    engine.mark()
    framed = engine.take("instance", TELEMETRY.SerializeToString())
    assert framed is not None
    assert framed.telemetry
    batch = Batch.FromString(framed.body)
    assert batch.telemetry == TELEMETRY
    assert batch.SerializeToString() == framed.body
    put(engine)
    engine.mark()
    framed = engine.take("instance")
    assert framed is not None
    assert not framed.telemetry
    assert not Batch.FromString(framed.body).HasField("telemetry")


def test_telemetry_costs_no_event_its_place_and_exceeds_no_limit(engine: Engine) -> None:
    telemetry = TELEMETRY.SerializeToString()
    framed_size = 2 + len(telemetry)
    put(engine, 500_000)
    engine.mark()
    probe = engine.take("instance")
    assert probe is not None
    largest = 500_000 + BATCH_MAX_BYTE_SIZE - len(probe.body)
    for size, carried, length in [
        (largest, False, BATCH_MAX_BYTE_SIZE),
        (largest - framed_size + 1, False, BATCH_MAX_BYTE_SIZE - framed_size + 1),
        (largest - framed_size, True, BATCH_MAX_BYTE_SIZE),
    ]:
        put(engine, size)
        put(engine)
        engine.mark()
        framed = engine.take("instance", telemetry)
        assert framed is not None
        assert (framed.events, framed.too_large) == (1, 0)
        assert (framed.telemetry, len(framed.body)) == (carried, length)
        engine.mark()
        assert engine.take("instance") is not None


def test_eviction_makes_room_and_takes_the_oldest_with_their_numbers(
    make_engine: Callable[[int], Engine],
) -> None:
    engine = make_engine(65_536)
    evicted = accepted = 0
    for _ in range(1000):
        while put(engine, 500) is RecordStatus.FULL:
            gone = engine.evict()
            assert gone > 0
            evicted += gone
        accepted += 1
    assert (engine.accepted, engine.taken) == (accepted, evicted)
    assert engine.last_number == accepted
    assert len(engine) == accepted - evicted >= 100
    engine.mark()
    framed = engine.take("instance")
    assert framed is not None
    numbers = [e.common.session_event_seq_num for e in Batch.FromString(framed.body).events]
    assert numbers == list(range(evicted + 1, accepted + 1))
    assert (framed.start, framed.end) == (evicted, accepted)
    assert engine.evict() == 0


def test_restart_of_the_numbers_holds_when_what_was_before_is_evicted(
    make_engine: Callable[[int], Engine],
) -> None:
    engine = make_engine(65_536)
    for _ in range(3):
        put(engine, 500)
    engine.last_number = 1000
    while put(engine, 500) is RecordStatus.OK:
        pass
    gone = engine.evict()
    last = engine.last_number
    engine.mark()
    framed = engine.take("instance")
    assert framed is not None
    numbers = [e.common.session_event_seq_num for e in Batch.FromString(framed.body).events]
    assert numbers == [*range(gone + 1, 4), *range(1001, last + 1)]
    assert len(numbers) == framed.end - framed.start


def test_eviction_makes_room_for_contexts_as_well(make_engine: Callable[[int], Engine]) -> None:
    engine = make_engine(65_536)
    for number in range(1000):
        context = f"{number:5000}".encode()
        evictions = 0
        while put(engine, 1, context) is RecordStatus.FULL:
            engine.evict()
            evictions += 1
            assert evictions < 100
    contexts = []
    engine.mark()
    while (framed := engine.take("instance")) is not None:
        contexts.append(int(Batch.FromString(framed.body).context))
    assert contexts == list(range(1000 - len(contexts), 1000))


def test_one_event_is_told_of(engine: Engine) -> None:
    put(engine)
    assert [engine.due(), engine.due()] == [True, False]
    put(engine)
    assert not engine.due()
    assert [engine.arm(1), engine.arm(2), engine.arm(3)] == [False, False, True]
    assert not engine.due()
    put(engine)
    assert [engine.due(), engine.due()] == [True, False]
    engine.mark()
    while engine.take("instance"):
        pass
    assert engine.arm(1)
    assert not engine.due()
    put(engine)
    assert engine.due()


def test_abandoned_engine_is_empty_and_records_nothing(
    make_engine: Callable[[int], Engine],
) -> None:
    """As in a forked child: what is buffered stays the parent's."""
    engine = make_engine(65_536)
    for number in range(20):
        put(engine, 2000, str(number).encode())
    engine.abandon()
    assert engine.forked
    assert engine.counts() == (0, 0, 0)
    assert engine.taken == 0
    engine.mark()
    assert engine.take("instance") is None
    assert put(engine) is RecordStatus.FORKED


def test_native_engine_knows_that_it_was_forked() -> None:
    engine = NativeEngine(65_536)
    put(engine)
    child = os.fork()
    if child == 0:
        right = engine.forked and put(engine) is RecordStatus.FORKED
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not engine.forked
    assert engine.counts().accepted == 1
