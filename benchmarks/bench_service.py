"""A service's requests, without an SDK and with one: 300 µs of CPU every 3 ms, with 10 events each.

    python -m benchmarks.bench_service

What is measured is the request from its first instruction to its last, its ``track()`` calls
included, while batches go over TLS to another process. Stretches without events, with events that
nobody tracks, with an SDK on the default transport and with one on libcurl take turns; before each,
all has been delivered and the threads of the SDKs sleep. Percentiles are those of a stretch, by
median of all stretches, since a machine that does something else for a moment would decide about
the highest of all.
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
STRETCHES, REQUESTS = 20, 500  # of each kind; in each stretch


def work(turns: int) -> None:
    """What a request costs its service."""
    total = 0
    for number in range(turns):
        total += number


def calibrate() -> int:
    """Turns of ``work`` that take as long as a request does."""
    turns, samples = 10_000, []
    for _ in range(200):
        start = time.thread_time()
        work(turns)
        samples.append(time.thread_time() - start)
    return round(turns * CPU_SECONDS / median(samples))


def stretch(turns: int, track: Callable[[EventPageOpen], object] | None) -> list[float]:
    """Seconds that each request took."""
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
    """An SDK that has to deliver all it is given."""
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
            stretch(turns, track)  # classes are learned, connections made
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
