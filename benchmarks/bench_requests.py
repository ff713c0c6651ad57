"""Measures a service whose requests have a context each: 8 threads, 5 events a request.

    python -m benchmarks.bench_requests [KIND ...]

A request makes a context and five events, with a pause of 0.5 ms in their midst; 2 ms later its
thread begins the next. Each kind is a process of its own that delivers over TLS to another one, and
the kinds take turns. "no SDK" makes contexts and events and tracks none: its CPU is that of the
benchmark itself, and subtracted. The original is among the kinds where it can be imported.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib.machinery import PathFinder
from statistics import median, quantiles
from typing import Any, Final

import pytest

from examples.config import EventPageOpen
from paltabrain_fast import HttpsTransport, InMemoryTransport, PaltabrainSdk

from .shapes import PARENTS, make_context
from .sink import Sink, running_sink

THREADS, REQUESTS, EVENTS, ROUNDS = 8, 300, 5, 3
WARM_UP: Final = 20  # requests of each thread: classes are recognised, connections opened
PAUSE_SECONDS, BETWEEN_SECONDS = 0.5e-3, 2e-3

ALONE, MEMORY, ORIGINAL, SHARED = "no SDK", "in memory", "the original", "one context"
OPTIONS: Final[dict[str, dict[str, float]]] = {
    ALONE: {},
    MEMORY: {},
    "default": {},
    "curl": {},
    "default, reference engine": {},
    "a flush a second": {"flush_buffer_size": math.inf, "flush_interval_ms": 1000},
    f"{SHARED}, flush_pace_ms=0": {"flush_pace_ms": 0},
    f"{SHARED}, flush_pace_ms=50": {"flush_pace_ms": 50},
    f"{SHARED}, a flush a second": {"flush_buffer_size": math.inf, "flush_interval_ms": 1000},
}
"""The kinds, each with its options; the original has none. The last ones share one context."""

Track = Callable[[Any, Any], object]


def transport_of(kind: str, ca_file: str) -> Any:
    if kind == MEMORY:
        return InMemoryTransport()
    if kind == "curl":
        from paltabrain_fast.transport.curl import CurlTransport

        return CurlTransport(ca_bundle=ca_file)
    return HttpsTransport(ca_bundle=ca_file)


def sdk_of(kind: str, hostname: str, ca_file: str) -> Any:
    """Return the SDK of a kind; ``None`` for none."""
    if kind == ALONE:
        return None
    if kind == ORIGINAL:
        os.environ["REQUESTS_CA_BUNDLE"] = ca_file
        original: Any = importlib.import_module("paltabrain_sdk")
        return original.PaltabrainSdk(hostname, "key", make_context(), start_session=True)
    transport = transport_of(kind, ca_file)
    options: dict[str, Any] = {"start_session": True, "transport": transport, **OPTIONS[kind]}
    return PaltabrainSdk[Any](hostname, "key", None, **options)


def serve(track: Track, requests: int, start: threading.Barrier, samples: list[float]) -> None:
    """Answer requests in one thread; note the seconds that each of them took."""
    thread = start.wait()
    for number in range(requests):
        begun = time.perf_counter()
        context = make_context().set_user(user_id=f"user-{thread}-{number}")
        for place in range(EVENTS):
            if place == EVENTS // 2:
                time.sleep(PAUSE_SECONDS)
            event = EventPageOpen(page_id=f"page-{number}")
            track(event.set_parent(parent_elements=PARENTS), context)
        samples.append(time.perf_counter() - begun)
        time.sleep(BETWEEN_SECONDS)


def run_threads(track: Track, requests: int) -> list[float]:
    start, samples = threading.Barrier(THREADS), list[float]()
    threads = [
        threading.Thread(target=serve, args=(track, requests, start, samples))
        for _ in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return samples


def batches_of(sdk: Any) -> int:
    return 0 if sdk is None else sum(sdk.batch_counters.values())


def switches() -> int:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_nvcsw + usage.ru_nivcsw


def measure_here(kind: str, hostname: str, ca_file: str) -> dict[str, float]:
    """Measure one kind in this process."""
    sdk = sdk_of(kind, hostname, ca_file)
    track: Track = (lambda _event, _context: None) if sdk is None else sdk.track
    if kind.startswith(SHARED):
        sdk.context = make_context()
        track = lambda event, _context: sdk.track(event)  # noqa: E731
    run_threads(track, WARM_UP)
    if sdk is not None:
        sdk.flush(60)
    batches, switched, cpu = batches_of(sdk), switches(), time.process_time()
    samples = run_threads(track, REQUESTS)
    if sdk is not None:
        sdk.flush(60)
    cpu, switched, batches = (
        time.process_time() - cpu,
        switches() - switched,
        batches_of(sdk) - batches,
    )
    if sdk is not None and kind != ORIGINAL:
        assert sdk.stats().delivered == EVENTS * THREADS * (REQUESTS + WARM_UP)
    cuts = quantiles(samples, n=100)
    return {
        "cpu": cpu,
        "batches": batches,
        "switches": switched,
        "p50": cuts[49],
        "p99": cuts[98],
    }


def measure_apart(kind: str, sink: Sink) -> dict[str, float]:
    """Measure one kind in a process of its own."""
    engine = "python" if "reference" in kind else "native"
    environment = {**os.environ, "PALTABRAIN_SDK_ENGINE": engine}
    if kind == ORIGINAL:
        environment["PALTABRAIN_SDK_NO_ALIAS"] = "1"
    command = [sys.executable, "-m", __spec__.name, "--here", kind, *map(str, sink.address)]
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    result: dict[str, float] = json.loads(answer.stdout)
    return result


def kinds() -> list[str]:
    has_original = PathFinder.find_spec("paltabrain_sdk") is not None  # which knows no alias
    return [*OPTIONS, *([ORIGINAL] if has_original else [])]


def measure(wanted: Sequence[str] = ()) -> str:
    names = [kind for kind in kinds() if not wanted or kind in (ALONE, MEMORY, *wanted)]
    samples: dict[str, list[dict[str, float]]] = {kind: [] for kind in names}
    with running_sink() as sink:
        for _ in range(ROUNDS):
            for kind in names:
                samples[kind].append(measure_apart(kind, sink))
    events = THREADS * REQUESTS * EVENTS
    lines = [
        f"{events:,} events, {THREADS * REQUESTS:,} requests of {THREADS} threads, a context each;"
        f" medians of {ROUNDS} rounds; x is the ratio to {MEMORY!r} of the same round"
    ]
    for kind, rounds in samples.items():
        texts = []
        for name in "p50", "p99":
            ratio = median(
                one[name] / base[name] for one, base in zip(rounds, samples[MEMORY], strict=True)
            )
            texts.append(f"{name} {median(one[name] for one in rounds) * 1e3:.2f} ms {ratio:.2f} x")
        own = [one["cpu"] - base["cpu"] for one, base in zip(rounds, samples[ALONE], strict=True)]
        texts += [
            f"{median(own) / events * 1e6:.1f} µs of CPU an event"
            f" ({min(own) / events * 1e6:.1f} to {max(own) / events * 1e6:.1f})",
            f"{median(one['batches'] for one in rounds):,.0f} batches",
            f"{median(one['switches'] for one in rounds):,.0f} context switches",
        ]
        lines.append(f"  {kind}: {'; '.join(texts)}")
    return "\n".join(lines)


def test_requests(capsys: pytest.CaptureFixture[str]) -> None:
    result = measure()
    with capsys.disabled():
        print("\n" + result)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        print(json.dumps(measure_here(*sys.argv[2:])))
    else:
        print(measure(sys.argv[1:]))
