"""Measures a service's requests with and without an SDK: 300 µs of CPU every 3 ms, 10 events each.

    python -m benchmarks.bench_service

The time of a request includes its ``track()`` calls, while batches are sent over TLS to another
process. Four kinds take turns, in stretches of many requests: without events, with events that are
made and not tracked, with an SDK on the default transport, and with one on libcurl. Before each
stretch everything is delivered, so that the threads of the SDKs sleep. A percentile is the median
of those of all stretches: the machine's other work would decide the percentile of all requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median, quantiles

import pytest

from examples.config import Context, EventPageOpen
from paltabrain_fast import HttpsTransport, PaltabrainSdk
from paltabrain_fast.transport.curl import CurlTransport

from .shapes import PARENTS, make_context
from .sink import Sink, running_sink

CPU_SECONDS, PERIOD_SECONDS, EVENTS = 300e-6, 3e-3, 10
STRETCHES, REQUESTS = 20, 500  # per kind, per stretch


def work(turns: int) -> None:
    """Use as much CPU as the request of a service."""
    total = 0
    for number in range(turns):
        total += number


def calibrate() -> int:
    """Return the number of turns for which ``work`` takes ``CPU_SECONDS``."""
    turns, samples = 10_000, []
    for _ in range(200):
        start = time.thread_time()
        work(turns)
        samples.append(time.thread_time() - start)
    return round(turns * CPU_SECONDS / median(samples))


def stretch(turns: int, track: Callable[[EventPageOpen], object] | None) -> list[float]:
    """Return the seconds that each request took."""
    samples = []
    due = time.perf_counter()
    for number in range(REQUESTS):
        time.sleep(max(0.0, due - time.perf_counter()))
        due += PERIOD_SECONDS
        start = time.perf_counter()
        work(turns)
        if track is not None:
            for _ in range(EVENTS):
                event = EventPageOpen(page_id=f"page-{number}")
                track(event.set_parent(parent_elements=PARENTS))
        samples.append(time.perf_counter() - start)
    return samples


@contextmanager
def running_sdk(
    kind: type[HttpsTransport | CurlTransport], sink: Sink
) -> Iterator[PaltabrainSdk[Context]]:
    """Run an SDK; check in the end that it has delivered every event."""
    transport = kind(ca_bundle=sink.ca_file)
    with PaltabrainSdk(
        sink.hostname, "key", make_context(), start_session=True, transport=transport
    ) as sdk:
        yield sdk
        assert sdk.flush(timeout=60)
        assert sdk.stats().delivered == EVENTS * REQUESTS * (STRETCHES + 1)
    transport.close()


def measure() -> str:
    turns = calibrate()
    with running_sink() as sink, ExitStack() as stack:
        default = stack.enter_context(running_sdk(HttpsTransport, sink))
        curl = stack.enter_context(running_sdk(CurlTransport, sink))
        trackers = (None, id, default.track, curl.track)
        samples: list[list[list[float]]] = [[] for _ in trackers]
        for track in trackers:
            stretch(turns, track)  # the warm-up: classes are recognised, connections opened
        for _ in range(STRETCHES):
            for track, stretches in zip(trackers, samples, strict=True):
                assert default.flush(timeout=60)
                assert curl.flush(timeout=60)
                stretches.append(stretch(turns, track))
    lines = [f"a request every 3 ms with {EVENTS} events, {STRETCHES * REQUESTS} of each kind"]
    for name, at, targets in ("p50", 50, (1.05, 1.05)), ("p99", 99, (1.5, 1.1)):
        plain, constructing, *ours = (
            median(quantiles(times, n=100)[at - 1] for times in stretches) for stretches in samples
        )
        lines.append(f"  {name}: {plain * 1e6:.0f} µs without events")
        lines.append(f"    not tracked: {constructing * 1e6:.0f} µs, {constructing / plain:.2f} x")
        lines += [
            f"    {transport}: {own * 1e6:.0f} µs, {own / plain:.2f} x (target {target} x)"
            for transport, own, target in zip(("default", "curl"), ours, targets, strict=True)
        ]
    return "\n".join(lines)


def test_service(capsys: pytest.CaptureFixture[str]) -> None:
    result = measure()
    with capsys.disabled():
        print("\n" + result)


if __name__ == "__main__":
    print(measure())
