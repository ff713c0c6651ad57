"""Measures recording events of 150 bytes into an engine, which is emptied between rounds."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from .conftest import MakeEngine

EVENTS = 10_000


@pytest.mark.benchmark(group="record 10,000 events")
def test_record(benchmark: BenchmarkFixture, make_engine: MakeEngine) -> None:
    engine = make_engine(1 << 24)
    context, header, payload = b"c" * 200, b"h" * 40, b"p" * 90

    def empty() -> None:
        engine.mark()
        while engine.take("instance") is not None:
            pass

    def record() -> None:
        for _ in range(EVENTS):
            engine.record(context, header, payload, 1)

    benchmark.pedantic(record, setup=empty, rounds=20)
    assert len(engine) == EVENTS
