"""Measures two threads that track with one SDK and one context, against one thread.

python -m benchmarks.bench_threads
"""

from __future__ import annotations

import sys
import threading
import time
from statistics import median
from typing import Any

import pytest

from .bench_producers import spread
from .shapes import EVENTS, take_all, undrained_sdk

ROUNDS = 9
COUNTS = {"no properties": 400_000, "everything": 100_000}


def track(
    sdk: Any, event: object, start: threading.Barrier, count: int, times: list[float]
) -> None:
    start.wait()
    times.append(time.perf_counter())
    for _ in range(count):
        sdk.track(event)
    times.append(time.perf_counter())


def seconds(sdk: Any, shape: str, threads: int) -> float:
    """Return the seconds that the threads take for the same number of events in all."""
    count = COUNTS[shape] // threads
    start, times = threading.Barrier(threads), list[float]()
    works = [
        threading.Thread(target=track, args=(sdk, EVENTS[shape](), start, count, times))
        for _ in range(threads)
    ]
    for work in works:
        work.start()
    for work in works:
        work.join()
    assert len(sdk._engine) == count * threads
    take_all(sdk)
    return max(times) - min(times)


def measure(shape: str) -> str:
    sdk = undrained_sdk()
    for threads in 1, 2:  # the warm-up: the kernel provides the buffer's pages
        seconds(sdk, shape, threads)
    alone, together = [], []
    for _ in range(ROUNDS):
        one = seconds(sdk, shape, 1)
        alone.append(one / COUNTS[shape] * 1e9)
        together.append(one / seconds(sdk, shape, 2))
    return (
        f"{shape}: two threads track {spread(together)} what one does"
        f" (one: {median(alone):.0f} ns an event)"
    )


@pytest.mark.skipif(
    getattr(sys, "_is_gil_enabled", lambda: True)(), reason="needs a CPython without the GIL"
)
@pytest.mark.parametrize("shape", COUNTS)
def test_threads(capsys: pytest.CaptureFixture[str], shape: str) -> None:
    result = measure(shape)
    with capsys.disabled():
        print(f"\n{result}")


if __name__ == "__main__":
    for shape in COUNTS:
        print(measure(shape))
