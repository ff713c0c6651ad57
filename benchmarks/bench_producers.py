"""Measures two threads that record into one ring, or each into its own, against one thread.

    python -m benchmarks.bench_producers

Without the GIL, on two cores, it shows how much producers of one ring slow each other down. Two
rings show what the machine can do.
"""

from __future__ import annotations

import sys
import threading
import time
from statistics import median

import pytest

from paltabrain_fast._native.engine import NativeEngine

ROUNDS = 7
SIZES = {"smallest": (0, 1_000_000), "2 KB": (2048, 100_000)}  # bytes of payload, records


def record(
    engine: NativeEngine, start: threading.Barrier, size: int, count: int, times: list[float]
) -> None:
    context, payload = (
        bytes(bytearray(b"context")),
        bytes(bytearray(size)),
    )  # own objects: threads share no reference counts
    append = engine.record
    start.wait()
    times.append(time.perf_counter())
    for _ in range(count):
        append(context, b"", payload, None)
    times.append(time.perf_counter())


def seconds(engines: list[NativeEngine], size: int, count: int) -> float:
    """Return the seconds that one thread per engine takes for ``count`` records in all."""
    threads = len(engines)
    start, times = threading.Barrier(threads), list[float]()
    works = [
        threading.Thread(target=record, args=(engine, start, size, count // threads, times))
        for engine in engines
    ]
    for work in works:
        work.start()
    for work in works:
        work.join()
    assert sum(len(engine) for engine in set(engines)) == count
    for engine in engines:
        engine.mark()
        while engine.take("instance") is not None:
            pass
    return max(times) - min(times)


def measure(kind: str) -> str:
    size, count = SIZES[kind]
    shared, other = NativeEngine(1 << 28), NativeEngine(1 << 28)
    for engine in shared, other, shared, other:  # the warm-up: the kernel provides their pages
        seconds([engine], size, count)
    together, apart, alone = [], [], []
    for _ in range(ROUNDS):
        one = seconds([shared], size, count)
        alone.append(one / count * 1e9)
        together.append(one / seconds([shared, shared], size, count))
        apart.append(one / seconds([shared, other], size, count))
    return (
        f"{kind} records: two threads do {spread(together)} what one does into the same ring,"
        f" {spread(apart)} into rings of their own (one: {median(alone):.0f} ns a record)"
    )


def spread(ratios: list[float]) -> str:
    return f"{median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"


@pytest.mark.skipif(
    getattr(sys, "_is_gil_enabled", lambda: True)(), reason="needs a CPython without the GIL"
)
@pytest.mark.parametrize("kind", SIZES)
def test_producers(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    result = measure(kind)
    with capsys.disabled():
        print("\n" + result)


if __name__ == "__main__":
    for kind in SIZES:
        print(measure(kind))
