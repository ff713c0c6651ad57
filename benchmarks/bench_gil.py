"""Measures the speed of a Python thread while another thread frames, for which it holds no GIL.

The baseline is the thread's speed while another process copies the same bytes.

python -m benchmarks.bench_gil
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from statistics import median

import pytest

from paltabrain_fast._native.engine import NativeEngine

EVENTS, EVENT_BYTES, ENGINES, ROUNDS = 1_000_000, 150, 4, 5
CONTEXT, HEADER, PAYLOAD = b"c" * 200, b"h" * 40, b"p" * 90

COPY = f"""
source, piece = memoryview(bytearray(b"x" * {EVENTS * EVENT_BYTES})), 524_288
print("ready", flush=True)
while True:
    for start in range(0, len(source), piece):
        bytes(source[start : start + piece])
"""


class Spinner:
    """A Python thread that counts the rounds of its loop."""

    def __init__(self) -> None:
        self.rounds = 0
        self._stopped = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Spinner:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped = True
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped:
            self.rounds += 1


def beside_framing() -> float:
    """Return the rounds per second while another thread frames; the engines are filled before."""
    engines = [NativeEngine(1 << 28) for _ in range(ENGINES)]
    for engine in engines:
        for _ in range(EVENTS):
            engine.record(CONTEXT, HEADER, PAYLOAD, 1)
    with Spinner() as spinner:
        rounds, start = spinner.rounds, time.perf_counter()
        for engine in engines:
            engine.mark()
            while engine.take("instance") is not None:
                pass
        return (spinner.rounds - rounds) / (time.perf_counter() - start)


def beside_a_process() -> float:
    """Return the rounds per second while another process copies the same bytes."""
    command = [sys.executable, "-c", COPY]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process, Spinner() as spinner:
        assert process.stdout is not None
        process.stdout.readline()
        rounds, start = spinner.rounds, time.perf_counter()
        time.sleep(0.5)
        speed = (spinner.rounds - rounds) / (time.perf_counter() - start)
        process.kill()
    return speed


def measure() -> str:
    ratios = [beside_framing() / beside_a_process() for _ in range(ROUNDS)]
    return (
        f"a thread beside framing has {median(ratios):.0%} of its speed beside another process"
        f" ({min(ratios):.0%} to {max(ratios):.0%} in {ROUNDS} rounds)"
    )


def test_gil(capsys: pytest.CaptureFixture[str]) -> None:
    result = measure()
    with capsys.disabled():
        print("\n" + result)


if __name__ == "__main__":
    print(measure())
