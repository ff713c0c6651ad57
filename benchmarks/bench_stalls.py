"""Measures how delivery lengthens the longest turns of an asyncio loop and of ``track()``.

    python -m benchmarks.bench_stalls

A loop makes events at each turn, as fast as it can: without an SDK, and with one on each transport.
To see the machine's own part, it also runs without an SDK while another process delivers as many
events. ``track()`` is timed with a server that answers, with a silent server, and with the buffer
full because of the silent server. Stretches of each kind take turns.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from statistics import median, quantiles
from typing import Any

import pytest

from examples.config import Context, EventPageOpen
from paltabrain_fast import HttpsTransport, PaltabrainSdk
from paltabrain_fast.transport.curl import CurlTransport

from .shapes import PARENTS, make_context
from .sink import Address, Sink, running_sink

Sdk = PaltabrainSdk[Context]
ROUNDS = 30
SECONDS, EVENTS = 1.0, 5  # per stretch of the loop, per turn
STALL_SECONDS, BURST_SECONDS = 0.01, 0.001
ALONE, BESIDE = "no SDK", "no SDK, as many events from another process"
STRETCHES, CALLS = 100, 2_000  # short, so that the machine's other work disturbs only some


@contextmanager
def running_sdk(
    kind: type[HttpsTransport | CurlTransport], sink: Sink | Address, **options: Any
) -> Iterator[Sdk]:
    transport = kind(ca_bundle=sink.ca_file)
    options |= {"start_session": True, "transport": transport}
    with PaltabrainSdk(sink.hostname, "key", make_context(), **options) as sdk:
        yield sdk
    transport.close()


def p999(samples: list[float]) -> float:
    return quantiles(samples, n=1000)[-1]


async def turns(sdk: Sdk | None) -> list[float]:
    """Return the seconds from each turn of the loop to the next."""
    samples = []
    last = time.perf_counter()
    end = last + SECONDS
    while last < end:
        for number in range(EVENTS):
            event = EventPageOpen(page_id=f"page-{number}").set_parent(parent_elements=PARENTS)
            if sdk is not None:
                sdk.track(event)
        await asyncio.sleep(0)
        now = time.perf_counter()
        samples.append(now - last)
        last = now
    return samples


def deliver_beside(sink: Address, rates: Connection) -> None:
    """Track as many events per second as each message says, until the next; ``None`` ends."""
    event = EventPageOpen(page_id="page").set_parent(parent_elements=PARENTS)
    with running_sdk(HttpsTransport, sink) as sdk:
        while (rate := rates.recv()) is not None:
            due = time.perf_counter()
            while not rates.poll(max(0.0, due - time.perf_counter())):
                for _ in range(round(rate * BURST_SECONDS)):
                    sdk.track(event)
                due += BURST_SECONDS
            assert sdk.flush(timeout=60)


@contextmanager
def another_process(sink: Sink) -> Iterator[Connection]:
    """Run ``deliver_beside()`` in a process; yield the connection that takes the rates."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=deliver_beside, args=(sink.address, its), daemon=True)
    process.start()
    yield ours
    ours.send(None)
    process.join(60)
    assert process.exitcode == 0


def measure_loop() -> str:
    with running_sink() as sink, ExitStack() as stack:
        sdks: dict[str, Sdk | None] = {
            "default": stack.enter_context(running_sdk(HttpsTransport, sink)),
            "curl": stack.enter_context(running_sdk(CurlTransport, sink)),
            ALONE: None,
            BESIDE: None,
        }
        other = stack.enter_context(another_process(sink))
        longest: dict[str, list[float]] = {name: [] for name in sdks}
        high: dict[str, list[float]] = {name: [] for name in sdks}
        stalls: Counter[str] = Counter()
        count = rate = 0
        for number in range(ROUNDS + 1):
            for name, sdk in sdks.items():
                if name == BESIDE:
                    other.send(rate)
                samples = asyncio.run(turns(sdk))
                if name == BESIDE:
                    other.send(0)
                if sdk is not None:
                    assert sdk.flush(timeout=60)
                    count += len(samples) * EVENTS
                if name == "default":
                    rate = round(len(samples) * EVENTS / SECONDS)
                if number:  # not the warm-up: classes are recognised, connections opened
                    longest[name].append(max(samples))
                    stalls[name] += sum(sample > STALL_SECONDS for sample in samples)
                    high[name].append(p999(samples))
        delivered = sum(sdk.stats().delivered for sdk in sdks.values() if sdk is not None)
    rate = round(count / (2 * SECONDS * (ROUNDS + 1)))
    lines = [
        f"turns of a loop that tracks {rate:,} events/s, {ROUNDS} x {SECONDS:g} s of each kind;"
        f" {delivered / count:.1%} delivered (target: no stall over 10 ms)"
    ]
    lines += [
        f"  {name}: {stalls[name]} over {STALL_SECONDS * 1e3:g} ms, the longest"
        f" {max(longest[name]) * 1e3:.2f} ms (of a stretch, by median"
        f" {median(longest[name]) * 1e3:.2f} ms), p99.9 {median(high[name]) * 1e3:.3f} ms"
        for name in sdks
    ]
    return "\n".join(lines)


def calls(sdk: Sdk) -> list[float]:
    """Return the seconds of each ``track()``."""
    samples = []
    event = EventPageOpen(page_id="page").set_parent(parent_elements=PARENTS)
    for _ in range(CALLS):
        start = time.perf_counter()
        sdk.track(event)
        samples.append(time.perf_counter() - start)
    return samples


def measure_track() -> str:
    with running_sink() as sink, running_sink("silent") as silent, ExitStack() as stack:
        healthy = stack.enter_context(running_sdk(HttpsTransport, sink))
        options = {"shutdown_timeout": 0, "request_timeout": 600}
        sdks = {
            "a server that answers": healthy,
            "a silent one": stack.enter_context(running_sdk(HttpsTransport, silent, **options)),
            "a silent one, and the buffer full": stack.enter_context(
                running_sdk(HttpsTransport, silent, **options, buffer_bytes=1 << 20)
            ),
        }
        full = sdks["a silent one, and the buffer full"]
        before = -1
        while (accepted := full.stats().accepted) != before:
            calls(full)
            before = accepted
        medians: dict[str, list[float]] = {name: [] for name in sdks}
        high: dict[str, list[float]] = {name: [] for name in sdks}
        for _ in range(STRETCHES):
            for name, sdk in sdks.items():
                samples = calls(sdk)
                medians[name].append(median(samples))
                high[name].append(p999(samples))
                assert healthy.flush(timeout=60)
        assert not sdks["a silent one"].stats().dropped
        assert all(sdk.stats().delivered == 0 for sdk in sdks.values() if sdk is not healthy)
    lines = [f"track(), by median of {STRETCHES} stretches of {CALLS:,} (target: p99.9 within 2 x)"]
    for name, samples in high.items():
        ratios = [a / b for a, b in zip(samples, high["a server that answers"], strict=True)]
        lines.append(
            f"  {name}: p50 {median(medians[name]) * 1e6:.2f} µs, p99.9"
            f" {median(samples) * 1e6:.2f} µs, {median(ratios):.2f} x"
        )
    return "\n".join(lines)


@pytest.mark.parametrize("measure", [measure_loop, measure_track])
def test_stalls(capsys: pytest.CaptureFixture[str], measure: Any) -> None:
    result = measure()
    with capsys.disabled():
        print("\n" + result)


if __name__ == "__main__":
    print(measure_loop())
    print(measure_track())
