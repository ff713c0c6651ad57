"""Measures the framing of events of 150 bytes, against a memcpy of the same bytes."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from .conftest import MakeEngine

EVENTS = [100, 1_000, 10_000, 100_000, 1_000_000]
EVENT_BYTES = 150
CONTEXT, HEADER, PAYLOAD = b"c" * 200, b"h" * 40, b"p" * 90


@pytest.mark.benchmark(group="frame")
@pytest.mark.parametrize("events", EVENTS)
def test_frame(benchmark: BenchmarkFixture, make_engine: MakeEngine, events: int) -> None:
    engine = make_engine(1 << 28)

    def fill() -> None:
        for _ in range(events):
            engine.record(CONTEXT, HEADER, PAYLOAD, 1)

    def frame() -> None:
        engine.mark()
        while engine.take("instance") is not None:
            pass

    benchmark.pedantic(frame, setup=fill, rounds=max(2, min(50, 200_000 // events)))
    assert len(engine) == 0


@pytest.mark.benchmark(group="frame")
@pytest.mark.parametrize("events", EVENTS)
def test_memcpy(benchmark: BenchmarkFixture, events: int) -> None:
    """Copy the same bytes in pieces of the size of a batch, each into a new object."""
    source = memoryview(bytearray(b"x" * (EVENT_BYTES * events)))
    piece = 524_288

    def copy() -> None:
        for start in range(0, len(source), piece):
            bytes(source[start : start + piece])

    benchmark.pedantic(copy, rounds=max(2, min(50, 200_000 // events)))
