"""Measures a burst of 20,000 events: made, tracked, and delivered over TLS to another process.

python -m benchmarks.bench_burst
"""

from __future__ import annotations

import time
from statistics import median

import pytest

from examples.config import EventPageOpen
from paltabrain_fast import HttpsTransport, PaltabrainSdk

from .shapes import PARENTS, make_context
from .sink import running_sink

EVENTS, ROUNDS = 20_000, 20


def measure() -> str:
    rates, costs = [], []
    with running_sink() as sink:
        transport = HttpsTransport(ca_bundle=sink.ca_file)
        with PaltabrainSdk(
            sink.hostname, "key", make_context(), start_session=True, transport=transport
        ) as sdk:
            for _ in range(ROUNDS + 1):
                start, cpu = time.perf_counter(), time.process_time()
                for number in range(EVENTS):
                    event = EventPageOpen(page_id=f"page-{number}")
                    sdk.track(event.set_parent(parent_elements=PARENTS))
                assert sdk.flush(timeout=60)
                rates.append(EVENTS / (time.perf_counter() - start))
                costs.append((time.process_time() - cpu) / EVENTS)
            stats = sdk.stats()
        transport.close()
    assert stats.delivered == EVENTS * (ROUNDS + 1)
    del rates[0], costs[0]  # the warm-up: classes are recognised, connections opened
    return (
        f"a burst of {EVENTS:,} events: {median(rates):,.0f} events/s, at best {max(rates):,.0f}"
        f" (target 300,000); {median(costs) * 1e6:.2f} µs of CPU an event, at best"
        f" {min(costs) * 1e6:.2f} (target 3); {stats.requests / (ROUNDS + 1):.0f} requests each"
    )


def test_burst(capsys: pytest.CaptureFixture[str]) -> None:
    result = measure()
    with capsys.disabled():
        print("\n" + result)


if __name__ == "__main__":
    print(measure())
