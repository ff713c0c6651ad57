"""A service's requests, with the SDK and without: 300 µs of CPU every 3 ms, with 10 events each.

    python -m benchmarks.bench_service

What is measured is the request from its first instruction to its last, its ``track()`` calls
included, while batches go over TLS to another process. Stretches with and without events
alternate; before one without, all has been delivered and the SDK's threads sleep.
"""

from __future__ import annotations

import time
from statistics import median, quantiles

import pytest

from examples.config import Context, EventPageOpen
from paltabrain_fast import HttpsTransport, PaltabrainSdk

from .shapes import PARENTS, make_context
from .sink import running_sink

CPU_SECONDS, PERIOD_SECONDS, EVENTS = 300e-6, 3e-3, 10
STRETCHES, REQUESTS = 10, 300  # of each kind; in each stretch


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


def stretch(turns: int, sdk: PaltabrainSdk[Context] | None) -> list[float]:
    """Seconds that each request took."""
    samples = []
    due = time.perf_counter()
    for number in range(REQUESTS):
        time.sleep(max(0.0, due - time.perf_counter()))
        due += PERIOD_SECONDS
        start = time.perf_counter()
        work(turns)
        if sdk is not None:
            for _ in range(EVENTS):
                event = EventPageOpen(page_id=f"page-{number}")
                sdk.track(event.set_parent(parent_elements=PARENTS))
        samples.append(time.perf_counter() - start)
    return samples


def measure() -> str:
    turns = calibrate()
    without: list[float] = []
    with_sdk: list[float] = []
    with running_sink() as (hostname, ca_file):
        transport = HttpsTransport(ca_bundle=ca_file)
        with PaltabrainSdk(
            hostname, "key", make_context(), start_session=True, transport=transport
        ) as sdk:
            stretch(turns, sdk)  # classes are learned, connections made
            for _ in range(STRETCHES):
                assert sdk.flush(timeout=60)
                without += stretch(turns, None)
                with_sdk += stretch(turns, sdk)
            assert sdk.flush(timeout=60)
            stats = sdk.stats()
        transport.close()
    assert stats.delivered == EVENTS * REQUESTS * (STRETCHES + 1)
    lines = [f"a request every 3 ms with {EVENTS} events, {len(without)} with and without each"]
    for name, target, at in ("p50", 1.05, 50), ("p99", 1.5, 99):
        plain, ours = (quantiles(samples, n=100)[at - 1] for samples in (without, with_sdk))
        lines.append(
            f"  {name}: {ours * 1e6:.0f} µs with, {plain * 1e6:.0f} µs without:"
            f" {ours / plain:.2f} x (target {target} x)"
        )
    return "\n".join(lines)


def test_service(capsys: pytest.CaptureFixture[str]) -> None:
    result = measure()
    with capsys.disabled():
        print("\n" + result)


if __name__ == "__main__":
    print(measure())
