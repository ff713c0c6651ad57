"""Measures ``track()`` on both engines, each in a process of its own, in turns.

pytest-benchmark shows the time of one event of each shape. The table at the end compares the
engines, with the first event of a process and with memory. Two more figures show the limits of the
ratios: the reference engine against the protobuf calls that it makes, and a native method that only
reads the clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from statistics import median
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from .shapes import EVENTS, SHAPES

ROUNDS, COLD_ROUNDS = 30, 5
ENGINES = {"native": "native", "reference": "python"}
TARGETS = {  # speed as a multiple of that of the reference engine
    "no properties": 80,
    "string + header": 80,
    "everything": 30,
    "construct + header": 22,
    "context changed": 15,
}


class Worker:
    """A process that runs ``track_worker``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, measure: str, shape: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([measure, shape]), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


@contextmanager
def worker(engine: str) -> Iterator[Worker]:
    command = [sys.executable, "-m", "benchmarks.track_worker"]
    environment = {**os.environ, "PALTABRAIN_SDK_ENGINE": ENGINES[engine]}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        yield Worker(process)


@cache
def warm(shape: str) -> dict[str, list[float]]:
    """Sample both engines in turns, so that the machine's other work disturbs both."""
    with worker("native") as native, worker("reference") as reference:
        pair = {"native": native, "reference": reference}
        for one in pair.values():
            one.ask("warm", shape)  # the warm-up: classes are recognised, memory is mapped
        samples: dict[str, list[float]] = {engine: [] for engine in pair}
        for _ in range(ROUNDS):
            for engine, one in pair.items():
                samples[engine].append(one.ask("warm", shape))
    return samples


def cold(shape: str, engine: str) -> float:
    samples: list[float] = []
    for _ in range(COLD_ROUNDS):
        with worker(engine) as fresh:
            samples.append(fresh.ask("cold", shape))
    return median(samples)


class ReportedClock:
    """A clock for pytest-benchmark that only moves by the times that a worker has reported."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


clock = ReportedClock()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.benchmark(timer=clock)
def test_track(benchmark: BenchmarkFixture, shape: str, engine: str) -> None:
    benchmark.group = f"track: {shape}"
    samples = iter(warm(shape)[engine])
    benchmark.pedantic(lambda: clock.advance(next(samples)), rounds=ROUNDS)


@pytest.mark.parametrize("shape", SHAPES)
def test_comparison(capsys: pytest.CaptureFixture[str], shape: str) -> None:
    samples = warm(shape)
    fastest = {engine: min(samples[engine]) for engine in ENGINES}
    ratio = median(samples["reference"]) / median(samples["native"])
    lines = [
        f"{shape}: {fastest['reference'] / fastest['native']:.1f} x as fast"
        f" ({ratio:.1f} x by medians; target {TARGETS[shape]} x)"
    ]
    for engine in ENGINES:
        with worker(engine) as one:
            memory = one.ask("memory", shape)
        lines.append(
            f"  {engine:9}  {fastest[engine] * 1e9:6.0f} ns,"
            f" first in a process {cold(shape, engine) * 1e6:5.0f} µs;"
            f" heap: {memory['kept blocks']:.1f} blocks kept, {memory['peak bytes']} bytes at peak;"
            f" buffered: {memory['buffered bytes']:.0f} bytes, {memory['encoded bytes']:.0f} sent"
        )
    with capsys.disabled():
        print("\n" + "\n".join(lines))


@pytest.mark.parametrize("shape", EVENTS)
def test_reference_is_honest(capsys: pytest.CaptureFixture[str], shape: str) -> None:
    with worker("reference") as reference:
        pairs = [(reference.ask("warm", shape), reference.ask("bare", shape)) for _ in range(11)]
    track, bare = (min(samples) for samples in zip(*pairs, strict=True))
    with capsys.disabled():
        print(
            f"\nthe reference's track() takes {track / bare:.2f} x its protobuf calls"
            f" (target 1.3 x at the most): {shape}"
        )


def test_floor(capsys: pytest.CaptureFixture[str]) -> None:
    with worker("native") as native:
        fastest = min(native.ask("floor", "") for _ in range(ROUNDS))
    with capsys.disabled():
        print(f"\nan empty native method that reads the clock takes {fastest * 1e9:.0f} ns")
