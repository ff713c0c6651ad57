"""Measures CPU and connections of delivery, against one ``requests`` session for each batch.

    python -m benchmarks.bench_delivery

Each transport sends the same batches to the same server, one after the other, over TLS to another
process. The transports take turns. The server counts TLS handshakes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import pytest
import requests

from examples.config import EventPageOpen
from paltabrain_fast import HttpsTransport, InMemoryTransport, PaltabrainSdk
from paltabrain_fast.transport import Request
from paltabrain_fast.transport.curl import CurlTransport

from .shapes import PARENTS, make_context
from .sink import Sink, running_sink

EVENTS, BATCHES, ROUNDS = 100, 50, 20  # per batch, per round, per transport


def make_batches(sink: Sink) -> list[Request]:
    """Return the requests of an SDK that sends many batches."""
    transport = InMemoryTransport()
    with PaltabrainSdk(
        sink.hostname, "key", make_context(), start_session=True, transport=transport
    ) as sdk:
        for number in range(BATCHES):
            for _ in range(EVENTS):
                event = EventPageOpen(page_id=f"page-{number}")
                sdk.track(event.set_parent(parent_elements=PARENTS))
            assert sdk.flush(timeout=60)
    assert sum(len(batch.events) for batch in transport.batches) == EVENTS * BATCHES
    return transport.requests


def measure() -> str:
    with running_sink() as sink:
        batches = make_batches(sink)
        https = HttpsTransport(ca_bundle=sink.ca_file)
        curl = CurlTransport(ca_bundle=sink.ca_file)

        def session(batch: Request) -> int | None:
            with requests.Session() as one:
                answer = one.post(
                    batch.url,
                    data=batch.body,
                    headers=batch.headers,
                    timeout=batch.timeout,
                    verify=str(sink.ca_file),
                )
            return answer.status_code

        kinds: dict[str, Callable[[Request], int | None]] = {
            "a session each": session,
            "default": lambda batch: https.send(batch).status,
            "curl": lambda batch: curl.send(batch).status,
        }
        costs: dict[str, list[float]] = {name: [] for name in kinds}
        handshakes = dict.fromkeys(kinds, 0)
        for _ in range(ROUNDS):
            for name, send in kinds.items():
                before, start = sink.handshakes(), time.process_time()
                assert {send(batch) for batch in batches} == {200}
                costs[name].append((time.process_time() - start) / EVENTS / BATCHES)
                handshakes[name] += sink.handshakes() - before
        https.close()
        curl.close()
    count = ROUNDS * EVENTS * BATCHES
    lines = [f"{count:,} events in {ROUNDS * len(batches):,} batches by each"]
    for name, samples in costs.items():
        ratios = [a / b for a, b in zip(costs["a session each"], samples, strict=True)]
        lines.append(
            f"  {name}: {median(samples) * 1e6:.2f} µs of CPU an event, {median(ratios):.1f} x less"
            f" ({min(ratios):.1f} to {max(ratios):.1f} in {ROUNDS} rounds);"
            f" {handshakes[name]} connections"
        )
    return "\n".join(lines)


def test_delivery(capsys: pytest.CaptureFixture[str]) -> None:
    result = measure()
    with capsys.disabled():
        print("\n" + result)


if __name__ == "__main__":
    print(measure())
