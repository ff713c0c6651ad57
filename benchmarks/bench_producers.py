"""Two threads that record into one undrained ring, beside one thread that records as much.

    python -m benchmarks.bench_producers

Without the GIL, on two cores, it shows what producers cost each other.
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


def record(engine: NativeEngine, start: threading.Barrier, size: int, count: int) -> None:
    context, payload = bytes(bytearray(b"context")), bytes(bytearray(size))  # the thread's own
    append = engine.record
    start.wait()
    for _ in range(count):
        append(context, b"", payload, None)


def seconds(engine: NativeEngine, threads: int, size: int, count: int) -> float:
    start = threading.Barrier(threads + 1)
    works = [
        threading.Thread(target=record, args=(engine, start, size, count // threads))
        for _ in range(threads)
    ]
    for work in works:
        work.start()
    start.wait()
    begun = time.perf_counter()
    for work in works:
        work.join()
    taken = time.perf_counter() - begun
    assert len(engine) == count
    while engine.take("instance") is not None:
        pass
    return taken


def measure(kind: str) -> str:
    size, count = SIZES[kind]
    engine = NativeEngine(1 << 28)
    for _ in range(2):  # its pages are there from then on, and it goes on from its start
        seconds(engine, 1, size, count)
    ratios, ones = [], []
    for _ in range(ROUNDS):
        one = seconds(engine, 1, size, count)
        ones.append(one / count * 1e9)
        ratios.append(one / seconds(engine, 2, size, count))
    return (
        f"{kind} records: two threads do {median(ratios):.2f} x what one does"
        f" ({min(ratios):.2f} to {max(ratios):.2f} in {ROUNDS} rounds;"
        f" one: {median(ones):.0f} ns a record)"
    )


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
