"""Measures ``track()`` in a scope against ``track(event, context)``, and what a scope costs.

python -m pytest benchmarks/bench_scope.py
"""

from __future__ import annotations

import time
from statistics import median

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from .shapes import CONTEXTS, EVENTS, Loop, make_values, take_all, undrained_sdk

VALUES = make_values(50_000)
ROUNDS = 31
TARGET = 1.1

sdk = undrained_sdk()


@pytest.mark.parametrize("way", CONTEXTS)
def test_track(benchmark: BenchmarkFixture, way: str) -> None:
    benchmark.group = "50,000 events"
    loop = CONTEXTS[way](sdk)
    benchmark.pedantic(loop, (VALUES,), setup=lambda: take_all(sdk) and None, rounds=ROUNDS)


def seconds(loop: Loop) -> float:
    take_all(sdk)
    start = time.perf_counter()
    loop(VALUES)
    return time.perf_counter() - start


def test_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    """In turns, so that the machine's other work disturbs both."""
    given, scoped = (CONTEXTS[way](sdk) for way in ("given context", "in a scope"))
    ratios = [seconds(scoped) / seconds(given) for _ in range(ROUNDS)]
    with capsys.disabled():
        print(
            f"\ntrack() in a scope takes {median(ratios):.3f} x track(event, context)"
            f" (target {TARGET} x at the most)"
        )


def test_scope(benchmark: BenchmarkFixture) -> None:
    """To enter, track one event and leave: the copy, and the context's bytes made anew."""
    event = EVENTS["no properties"]()

    def request() -> None:
        with sdk.scoped_context():
            sdk.track(event)

    benchmark.group = "one scope"
    benchmark.pedantic(request, rounds=5_000)
