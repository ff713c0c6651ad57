"""Measures the local collector: events stored a second, and how long its API takes meanwhile.

    python -m benchmarks.bench_collector

The collector runs in a process of its own. The real SDK sends to it over HTTPS, as fast as the
collector takes events: alone, and while a client reads the stream, as the live page does. Then
100,000 events are stored, 2,000 a second arrive, a client reads the stream, and requests to the API
are timed.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest
import requests

from examples.config import Context, EventPageOpen
from paltabrain_fast import HttpsTransport, PaltabrainSdk
from paltabrain_fast.collector.server import running
from paltabrain_fast.schema.load import load_schema

from .shapes import PARENTS, make_context

SCHEMA = Path(__file__).parent.parent / "examples" / "schema.yaml"
EVENTS, ROUNDS = 50_000, 8
STORED, RATE, SECONDS = 100_000, 2_000, 10
PATHS = (
    "/api/counts",
    "/api/events",
    "/api/events?type=PageOpen&property=page_id:page-77",
    "/api/events?q=page-99999",
    "/api/rejected",
)


class CollectorProcess:
    """A running collector, and where it is."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.hostname, self.http_url, self.ca_file = self._read().split()

    def cpu_seconds(self) -> float:
        """Return how much CPU it has used."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        return float(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def collector_process() -> Iterator[CollectorProcess]:
    """Run a collector in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "benchmarks.bench_collector", "serve", directory]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
            yield CollectorProcess(process)
            process.communicate()


def serve(directory: Path) -> None:
    with running(load_schema(SCHEMA), directory / "events.duckdb") as collector:
        print(collector.hostname, collector.http_url, collector.ca_file, flush=True)
        for _ in sys.stdin:
            print(time.process_time(), flush=True)


def track(sdk: PaltabrainSdk[Context], numbers: Iterator[int], count: int) -> None:
    for number in itertools.islice(numbers, count):
        event = EventPageOpen(page_id=f"page-{number}")
        sdk.track(event.set_parent(parent_elements=PARENTS))


@contextmanager
def reading_stream(collector: CollectorProcess) -> Iterator[list[float]]:
    """Read the stream meanwhile; give the times at which messages with events came."""
    times: list[float] = []
    over = threading.Event()

    def read() -> None:
        url = f"{collector.http_url}/api/stream"
        with requests.get(url, stream=True, timeout=60) as answer:
            for line in answer.iter_lines():
                if line == b"event: events":
                    times.append(time.perf_counter())
                if over.is_set():
                    return

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield times
    finally:
        over.set()
        thread.join()  # a heartbeat comes within 15 seconds


def measure_storing(
    collector: CollectorProcess, sdk: PaltabrainSdk[Context], numbers: Iterator[int]
) -> str:
    rates, costs = [], []
    for _ in range(ROUNDS + 1):
        start, cpu = time.perf_counter(), collector.cpu_seconds()
        track(sdk, numbers, EVENTS)
        assert sdk.flush(timeout=120)
        rates.append(EVENTS / (time.perf_counter() - start))
        costs.append((collector.cpu_seconds() - cpu) / EVENTS * 1e6)
    del rates[0], costs[0]  # the warm-up
    return (
        f"{EVENTS:,} events from the SDK over HTTPS: {median(rates):,.0f} events/s stored"
        f" ({min(rates):,.0f} to {max(rates):,.0f} in {ROUNDS} rounds); {median(costs):.1f} µs of"
        f" the collector's CPU an event ({min(costs):.1f} to {max(costs):.1f})"
    )


def measure_reading(
    collector: CollectorProcess, sdk: PaltabrainSdk[Context], numbers: Iterator[int]
) -> list[str]:
    requests.post(f"{collector.http_url}/api/reset", timeout=60).raise_for_status()
    track(sdk, numbers, STORED)
    assert sdk.flush(timeout=120)
    over = threading.Event()

    def arrive() -> None:
        due = time.perf_counter()
        while not over.is_set():
            track(sdk, numbers, RATE // 50)
            due += 0.02
            time.sleep(max(0, due - time.perf_counter()))

    thread = threading.Thread(target=arrive)
    thread.start()
    spent: dict[str, list[float]] = {path: [] for path in PATHS}
    start = time.perf_counter()
    with reading_stream(collector) as messages, requests.Session() as session:
        while time.perf_counter() < start + SECONDS:
            for path, samples in spent.items():
                begun = time.perf_counter()
                session.get(collector.http_url + path, timeout=60).raise_for_status()
                samples.append(time.perf_counter() - begun)
                time.sleep(0.02)
    over.set()
    thread.join()
    elapsed = messages[-1] - messages[0]
    lines = [
        f"{STORED:,} events stored, {RATE:,} a second arriving; the stream:"
        f" {(len(messages) - 1) / elapsed:.1f} messages/s"
    ]
    lines += [
        f"  {path}: {median(samples) * 1e3:.1f} ms (at most {max(samples) * 1e3:.1f} ms)"
        for path, samples in spent.items()
    ]
    return lines


def measure() -> str:
    with collector_process() as collector:
        transport = HttpsTransport(ca_bundle=collector.ca_file)
        numbers = itertools.count()
        with PaltabrainSdk(
            *(collector.hostname, "key", make_context()),
            start_session=True,
            transport=transport,
            overflow="block",
        ) as sdk:
            lines = [measure_storing(collector, sdk, numbers)]
            with reading_stream(collector):
                lines.append(f"with a live page: {measure_storing(collector, sdk, numbers)}")
            lines += measure_reading(collector, sdk, numbers)
        transport.close()
    stats = sdk.stats()
    assert stats.delivered == stats.accepted
    return "\n".join(lines)


def test_collector(capsys: pytest.CaptureFixture[str]) -> None:
    result = measure()
    with capsys.disabled():
        print("\n" + result)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]))
    else:
        print(measure())
