"""Measures the local collector: events stored a second, and how long its API takes meanwhile.

    python -m benchmarks.bench_collector

The collector runs in a process of its own. The real SDK sends to it over HTTPS, as fast as the
collector takes events. Then 100,000 events are stored, 2,000 a second arrive, a client reads
the stream, and requests to the API are timed.
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
from typing import NamedTuple

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


class Address(NamedTuple):
    """Where the collector is."""

    hostname: str
    http_url: str
    ca_file: str


@contextmanager
def collector_process() -> Iterator[Address]:
    """Run a collector in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "benchmarks.bench_collector", "serve", directory]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
            assert process.stdout is not None
            yield Address(*process.stdout.readline().split())
            process.communicate()


def serve(directory: Path) -> None:
    with running(load_schema(SCHEMA), directory / "events.duckdb") as collector:
        print(collector.hostname, collector.http_url, collector.ca_file, flush=True)
        sys.stdin.read()


def track(sdk: PaltabrainSdk[Context], numbers: Iterator[int], count: int) -> None:
    for number in itertools.islice(numbers, count):
        event = EventPageOpen(page_id=f"page-{number}")
        sdk.track(event.set_parent(parent_elements=PARENTS))


def measure_storing(sdk: PaltabrainSdk[Context], numbers: Iterator[int]) -> str:
    rates = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        track(sdk, numbers, EVENTS)
        assert sdk.flush(timeout=120)
        rates.append(EVENTS / (time.perf_counter() - start))
    del rates[0]  # the warm-up
    return (
        f"{EVENTS:,} events from the SDK over HTTPS: {median(rates):,.0f} events/s stored"
        f" ({min(rates):,.0f} to {max(rates):,.0f} in {ROUNDS} rounds)"
    )


def measure_reading(
    address: Address, sdk: PaltabrainSdk[Context], numbers: Iterator[int]
) -> list[str]:
    requests.post(f"{address.http_url}/api/reset", timeout=60).raise_for_status()
    track(sdk, numbers, STORED)
    assert sdk.flush(timeout=120)
    over = threading.Event()

    def arrive() -> None:
        due = time.perf_counter()
        while not over.is_set():
            track(sdk, numbers, RATE // 50)
            due += 0.02
            time.sleep(max(0, due - time.perf_counter()))

    messages: list[int] = []

    def read_stream() -> None:
        url = f"{address.http_url}/api/stream"
        with requests.get(url, stream=True, timeout=60) as answer:
            for line in answer.iter_lines():
                if line == b"event: events":
                    messages.append(len(messages))
                if over.is_set():
                    return

    threads = [threading.Thread(target=target) for target in (arrive, read_stream)]
    for thread in threads:
        thread.start()
    spent: dict[str, list[float]] = {path: [] for path in PATHS}
    start = time.perf_counter()
    with requests.Session() as session:
        while time.perf_counter() < start + SECONDS:
            for path, samples in spent.items():
                begun = time.perf_counter()
                session.get(address.http_url + path, timeout=60).raise_for_status()
                samples.append(time.perf_counter() - begun)
                time.sleep(0.02)
    elapsed = time.perf_counter() - start
    over.set()
    for thread in threads:
        thread.join()
    lines = [
        f"{STORED:,} events stored, {RATE:,} a second arriving; the stream:"
        f" {len(messages) / elapsed:.1f} messages/s"
    ]
    lines += [
        f"  {path}: {median(samples) * 1e3:.1f} ms (at most {max(samples) * 1e3:.1f} ms)"
        for path, samples in spent.items()
    ]
    return lines


def measure() -> str:
    with collector_process() as address:
        transport = HttpsTransport(ca_bundle=address.ca_file)
        numbers = itertools.count()
        with PaltabrainSdk(
            *(address.hostname, "key", make_context()),
            start_session=True,
            transport=transport,
            overflow="block",
        ) as sdk:
            lines = [measure_storing(sdk, numbers), *measure_reading(address, sdk, numbers)]
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
