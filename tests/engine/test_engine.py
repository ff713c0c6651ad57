"""The engine: what goes in by ``record`` comes out by ``take``, as the protocol wants it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paltabrain_fast._engine.protocol import Engine, FramedBatch, RecordStatus
from paltabrain_fast._native.engine import NativeEngine
from paltabrain_fast._reference.engine import ReferenceEngine
from paltabrain_fast.constant import BATCH_MAX_BYTE_SIZE
from paltabrain_fast.sdk_pb2 import Batch

from ..support.programs import run_program

CAPACITY = 16 * 1024 * 1024


def engine_of_blocks(buffer_bytes: int) -> NativeEngine:
    """Make a native engine as it is where many threads track without a GIL."""
    engine = NativeEngine(max(buffer_bytes, 1 << 20), always_blocks=True)
    assert engine.arm(1 << 40)  # or else each event is waited for, and its block published
    return engine


ENGINES: list[Callable[[int], Engine]] = [NativeEngine, engine_of_blocks, ReferenceEngine]


@pytest.fixture(params=ENGINES, ids=lambda make: make.__name__)
def make_engine(request: pytest.FixtureRequest) -> Callable[[int], Engine]:
    make: Callable[[int], Engine] = request.param
    return make


@pytest.fixture
def engine(make_engine: Callable[[int], Engine]) -> Engine:
    return make_engine(CAPACITY)


@pytest.fixture(params=[NativeEngine, ReferenceEngine])
def thrifty(request: pytest.FixtureRequest) -> Engine:
    """An engine in which events take up no more than they need."""
    engine: Engine = request.param(CAPACITY)
    return engine


def take_all(engine: Engine, instance_id: str = "instance") -> list[FramedBatch]:
    batches = []
    engine.mark()
    while (batch := engine.take(instance_id)) is not None:
        batches.append(batch)
    return batches


def zigzag(value: int) -> bytes:
    """A sint64 on the wire, written here once more for the golden bytes."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def test_golden_bytes(engine: Engine) -> None:
    assert engine.record(b"CTX", b"HD", b"PAY", session_id=-2) is RecordStatus.OK
    assert engine.record(b"CTX", b"", b"P2", session_id=None) is RecordStatus.OK
    engine.mark()
    framed = engine.take("me")
    assert framed is not None
    first, second = Batch.FromString(framed.body).events
    common_1 = b"\x08" + zigzag(first.common.event_ts) + b"\x10\x03" + b"\x18\x02"
    common_2 = b"\x08" + zigzag(second.common.event_ts)
    event_1 = b"\x0a" + bytes([len(common_1)]) + common_1 + b"\x12\x02HD" + b"\x1a\x03PAY"
    event_2 = b"\x0a" + bytes([len(common_2)]) + common_2 + b"\x1a\x02P2"
    batch_common = b"\x0a\x02me" + b"\x12\x24" + framed.batch_id.encode()
    assert framed.body == (
        b"\x0a" + bytes([len(batch_common)]) + batch_common
        + b"\x12\x03CTX"
        + b"\x1a" + bytes([len(event_1)]) + event_1
        + b"\x1a" + bytes([len(event_2)]) + event_2
    )  # fmt: skip


def test_empty_engine_gives_nothing(engine: Engine) -> None:
    engine.mark()
    assert engine.take("instance") is None
    assert (len(engine), engine.accepted, engine.taken) == (0, 0, 0)


def test_counts_follow_what_goes_in_and_out(thrifty: Engine) -> None:
    engine = thrifty
    for _ in range(3):
        engine.record(b"c" * 100, b"h" * 10, b"p" * 10, None)
    accepted, pending, used = engine.counts()
    assert (accepted, pending, len(engine)) == (3, 3, 3)
    assert 100 + 3 * 20 <= used <= 100 + 3 * (20 + 32)
    (batch,) = take_all(engine)
    assert (batch.start, batch.end, batch.events, batch.too_large) == (0, 3, 3, 0)
    assert engine.counts()[:2] == (3, 0)
    assert engine.counts().pending_bytes <= 100  # a context may be kept for the next event
    assert engine.taken == 3


def test_context_is_counted_once(thrifty: Engine) -> None:
    engine = thrifty
    context = b"c" * 10_000
    for _ in range(1000):
        engine.record(bytes(bytearray(context)), b"", b"p", None)
    assert engine.counts().pending_bytes <= 10_000 + 1000 * 33


@pytest.mark.parametrize("make", [NativeEngine, ReferenceEngine])
def test_full_is_a_status_and_room_comes_back(make: Callable[[int], Engine]) -> None:
    engine = make(65_536)
    statuses = [engine.record(b"c", b"", b"p" * 1000, None) for _ in range(100)]
    accepted = statuses.count(RecordStatus.OK)
    assert statuses == [RecordStatus.OK] * accepted + [RecordStatus.FULL] * (100 - accepted)
    assert 60 <= accepted <= 65
    take_all(engine)
    assert engine.record(b"c", b"", b"p" * 1000, None) is RecordStatus.OK


def test_closed_engine_accepts_nothing_and_gives_what_it_has(engine: Engine) -> None:
    engine.record(b"c", b"", b"p", None)
    engine.close()
    assert engine.record(b"c", b"", b"p", None) is RecordStatus.CLOSED
    assert [batch.events for batch in take_all(engine)] == [1]


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("value", [None, "text", bytearray(b"x"), 5])
def test_only_bytes_are_taken(engine: Engine, part: int, value: object) -> None:
    parts: list[object] = [b"", b"", b""]
    parts[part] = value
    with pytest.raises(TypeError, match="bytes"):
        engine.record(*parts, None)  # type: ignore[call-arg,arg-type]
    assert len(engine) == 0


def largest_payload(engine: Engine) -> int:
    """Length of the payload that fills a batch to its last byte."""
    engine.record(b"c", b"", b"p" * 500_000, None)
    (batch,) = take_all(engine)
    return 500_000 + BATCH_MAX_BYTE_SIZE - len(batch.body)


def test_batch_is_filled_to_the_limit_and_not_beyond(engine: Engine) -> None:
    largest = largest_payload(engine)
    engine.record(b"c", b"", b"p" * largest, None)
    engine.record(b"c", b"", b"p" * (largest + 1), None)
    engine.record(b"c", b"", b"small", None)
    full, rest = take_all(engine)
    assert len(full.body) == BATCH_MAX_BYTE_SIZE
    assert (full.events, full.too_large, full.start, full.end) == (1, 1, 1, 3)
    assert (rest.events, rest.too_large, rest.start, rest.end) == (1, 0, 3, 4)


def test_event_that_never_fits_alone_is_reported_without_a_body(engine: Engine) -> None:
    engine.record(b"c", b"", b"p" * (BATCH_MAX_BYTE_SIZE - 30), None)
    (batch,) = take_all(engine)
    assert (batch.body, batch.events, batch.too_large, batch.end) == (b"", 0, 1, 1)


def test_too_large_event_uses_up_its_number(engine: Engine) -> None:
    for size in 1, BATCH_MAX_BYTE_SIZE - 30, 1:
        engine.record(b"c", b"", b"p" * size, session_id=1)
    numbers = [
        event.common.session_event_seq_num
        for batch in take_all(engine)
        for event in Batch.FromString(batch.body).events
    ]
    assert numbers == [1, 3]


@pytest.mark.parametrize("part", [0, 1, 2])
def test_part_that_no_batch_holds_is_refused_at_once(engine: Engine, part: int) -> None:
    parts = [b"", b"", b""]
    parts[part] = b"x" * (BATCH_MAX_BYTE_SIZE + 1)
    context, header, payload = parts
    assert engine.record(context, header, payload, None) is RecordStatus.TOO_LARGE
    assert engine.counts().accepted == 0


records = st.tuples(
    st.sampled_from([b"", b"one", b"two" * 50]),
    st.binary(max_size=5),
    st.binary(max_size=5) | st.integers(0, 300_000).map(lambda size: b"p" * size),
    st.none() | st.integers(-(2**63), 2**63 - 1),
)


@pytest.mark.parametrize("make", ENGINES, ids=lambda make: make.__name__)
@given(st.lists(records, max_size=20), st.text(max_size=10))
def test_all_comes_out_by_contexts_in_order_within_limits(
    make: Callable[[int], Engine],
    recorded: list[tuple[bytes, bytes, bytes, int | None]],
    instance_id: str,
) -> None:
    engine = make(CAPACITY)
    for record in recorded:
        assert engine.record(*record) is RecordStatus.OK
    came_out = []
    for framed in take_all(engine, instance_id):
        assert 0 < len(framed.body) <= BATCH_MAX_BYTE_SIZE
        batch = Batch.FromString(framed.body)
        assert batch.SerializeToString() == framed.body
        assert batch.common.instance_id == instance_id
        assert batch.common.batch_id == framed.batch_id
        for event in batch.events:
            session = event.common.session_id if event.common.HasField("session_id") else None
            number = event.common.session_event_seq_num
            came_out.append((batch.context, event.header, event.payload, session, number))
    numbers = itertools.accumulate(session is not None for *_, session in recorded)
    numbered = [
        (*record, number if record[-1] is not None else 0)
        for record, number in zip(recorded, numbers, strict=True)
    ]
    contexts = list(dict.fromkeys(context for context, *_ in recorded))
    assert came_out == sorted(numbered, key=lambda record: contexts.index(record[0]))
    assert engine.last_number == sum(number > 0 for *_, number in numbered)
    assert engine.counts()[:2] == (len(recorded), 0)


def comparable(framed: FramedBatch | None) -> object:
    """A batch, but for what differs from run to run: its id and times."""
    if framed is None:
        return None
    batch = Batch.FromString(framed.body)
    batch.common.ClearField("batch_id")
    for event in batch.events:
        event.common.event_ts = 0
    return batch.SerializeToString(), framed[2:]


def test_numbers_restart_with_what_is_recorded_next(engine: Engine) -> None:
    """What is buffered keeps its numbers, in the same batch as well."""
    for session in 1, None, 1:
        engine.record(b"c", b"", b"p", session)
    engine.last_number = 0
    assert engine.last_number == 0
    for session in None, 2, 2:
        engine.record(b"c", b"", b"p", session)
    assert engine.last_number == 2
    engine.last_number = 1
    engine.last_number = 2**62
    engine.record(b"c", b"", b"p", 3)
    (framed,) = take_all(engine)
    numbers = [e.common.session_event_seq_num for e in Batch.FromString(framed.body).events]
    assert numbers == [1, 0, 2, 0, 1, 2, 2**62 + 1]
    assert engine.last_number == 2**62 + 1
    for _ in range(100):  # more of them than there was room for at first
        engine.last_number = 5
        engine.record(b"c", b"", b"p", 4)
    (framed,) = take_all(engine)
    assert {e.common.session_event_seq_num for e in Batch.FromString(framed.body).events} == {6}


@given(st.lists(records | st.integers(0, 2**62) | st.sampled_from(["mark", "take"]), max_size=50))
def test_both_engines_give_the_same(
    steps: list[tuple[bytes, bytes, bytes, int | None] | int | str],
) -> None:
    """Random sequences of record, of restarts of the numbers, of marks and of batches."""
    native, reference = NativeEngine(CAPACITY), ReferenceEngine(CAPACITY)
    for step in [*steps, *["mark", *["take"] * 60] * 2]:
        if step == "take":
            assert comparable(native.take("me")) == comparable(reference.take("me"))
        elif step == "mark":
            assert native.mark() == reference.mark()
        elif isinstance(step, int):
            native.last_number = reference.last_number = step
        else:
            assert native.record(*step) is reference.record(*step)
        assert native.counts()[:2] == reference.counts()[:2]
        assert (native.accepted, native.taken) == (reference.accepted, reference.taken)
        assert native.watermark == reference.watermark <= native.taken
        assert native.last_number == reference.last_number
    assert native.watermark == native.taken == native.accepted


def numbers_of(framed: FramedBatch | None) -> list[int]:
    assert framed is not None
    return [event.common.session_event_seq_num for event in Batch.FromString(framed.body).events]


def test_a_batch_has_what_was_accepted_before_the_mark(engine: Engine) -> None:
    for context in b"a", b"b", b"a":
        engine.record(context, b"", b"p", 1)
    assert engine.take("me") is None
    assert engine.mark() == 3
    engine.record(b"a", b"", b"p", 1)
    assert numbers_of(engine.take("me")) == [1, 3]
    assert (engine.taken, engine.watermark, len(engine)) == (2, 1, 2)
    engine.record(b"b", b"", b"p", 1)
    assert engine.mark() == 5
    assert numbers_of(engine.take("me")) == [2]  # the mark is for what comes when all is taken
    assert (engine.taken, engine.watermark) == (3, 3)
    assert numbers_of(engine.take("me")) == [4]
    assert numbers_of(engine.take("me")) == [5]
    assert engine.take("me") is None


def test_what_waits_for_its_batch_counts_as_buffered(make_engine: Callable[[int], Engine]) -> None:
    engine = make_engine(65_536)
    for number in range(100):
        assert engine.record(str(number).encode(), b"", b"p" * 200, 1) is RecordStatus.OK
    engine.mark()
    assert engine.take("me") is not None
    assert engine.counts()[:2] == (100, 99)
    assert engine.counts().pending_bytes >= 99 * 200
    assert not engine.arm(99)
    accepted = 100
    while engine.record(b"another", b"", b"p" * 200, 1) is RecordStatus.OK:
        accepted += 1
    assert engine.counts().pending_bytes >= 65_536 * 0.9
    evicted = engine.evict()
    assert evicted > 0
    assert engine.watermark == engine.taken == 1 + evicted  # the oldest ones
    assert engine.record(b"another", b"", b"p" * 200, 1) is RecordStatus.OK
    batches = take_all(engine)
    assert sum(batch.events for batch in batches) == accepted - evicted
    assert sorted(number for batch in batches for number in numbers_of(batch)) == list(
        range(2 + evicted, accepted + 2)
    )


def test_abandoned_engine_forgets_what_waits_for_its_batch(engine: Engine) -> None:
    for context in b"a", b"b":
        engine.record(context, b"", b"p", 1)
    engine.mark()
    assert engine.take("me") is not None
    engine.abandon()
    assert engine.counts() == (0, 0, 0)
    assert (engine.watermark, engine.mark(), engine.take("me")) == (0, 0, None)


def test_contexts_of_the_past_make_room_when_nothing_is_buffered(
    make_engine: Callable[[int], Engine],
) -> None:
    """Nobody may come to empty a buffer that holds no event."""
    engine = make_engine(65_536)
    full = 0
    for number in range(100):
        if engine.record(f"{number:5000}".encode(), b"", b"p", None) is RecordStatus.FULL:
            full += 1
            take_all(engine)
            assert engine.record(f"{number:5000}".encode(), b"", b"p", None) is RecordStatus.OK
        elif number % 12 == 11:
            take_all(engine)
    assert full <= 1


def test_many_contexts_come_and_go(engine: Engine) -> None:
    for lap in range(50):
        for number in range(200):
            context = f"{lap}:{number}".encode() * 20
            assert engine.record(context, b"", b"p", None) is RecordStatus.OK
        batches = take_all(engine)
        assert [Batch.FromString(batch.body).context for batch in batches] == [
            f"{lap}:{number}".encode() * 20 for number in range(200)
        ]
    for _ in range(10):  # drains that see none of them
        engine.record(b"another", b"", b"p", None)
        take_all(engine)
    assert engine.counts().pending_bytes < 1000


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc/self/statm")
def test_memory_stays_flat_over_millions_of_events() -> None:
    """A ring of 64 MiB that never holds much, over many laps, and engines that are dropped."""
    assert int(run_program("engine/flat_memory", timeout=120)) < 4_000_000
