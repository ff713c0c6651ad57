"""Tracks 1,000 events a second while the server cannot be reached, and says what that costs.

    python -m benchmarks.outages 2 5 60 --sign reset

The server is a process of its own and speaks TLS. In each outage it resets every connection, or
answers each request with 503, or is silent. For each the program prints a line: events that were
tracked, those that the server has, those that were lost, requests during the outage, the most
bytes that were pending at once, and the number of threads that sent. It fails if the server does
not have each event that the SDK calls delivered.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from paltabrain_fast import PaltabrainSdk
from tests.support.answers import Answer, Fault
from tests.support.api_process import ApiProcess
from tests.support.events import TextContext, TextEvent

RATE: Final = 1_000
BEFORE_SECONDS: Final = 2.0
TICK_SECONDS: Final = 0.01
SETTLE_SECONDS: Final = 120.0


class Service:
    """Tracks at an even rate until it is told to stop, and watches the books meanwhile.

    Attributes:
        tracked: how many events.
        peak_bytes: most bytes that were pending.
    """

    def __init__(self, sdk: PaltabrainSdk[Any]) -> None:
        self.tracked = 0
        self.peak_bytes = 0
        self._sdk = sdk
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def stop(self) -> None:
        """Track no more."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        begun = time.monotonic()
        while not self._stopping.wait(TICK_SECONDS):
            for _ in range(int((time.monotonic() - begun) * RATE) - self.tracked):
                self._sdk.track(TextEvent(f"{self.tracked:0150}"))
                self.tracked += 1
            self.peak_bytes = max(self.peak_bytes, self._sdk.stats().pending_bytes)


def begin_outage(api: ApiProcess, sign: str) -> None:
    """Have the server be unreachable in this way."""
    if sign == "reset":
        api.reset_before_body(1.0, seed=1)
    else:
        api.answer(Answer(503) if sign == "503" else Answer(fault=Fault.SILENCE))


def measure(api: ApiProcess, sign: str, seconds: float, outage_seconds: float) -> bool:
    """Have one outage, and print what came of it; return whether the books agree."""
    api.report(forget=True)
    sdk = PaltabrainSdk[Any](
        api.hostname, "key", TextContext(), outage_seconds=outage_seconds, request_timeout=2.0
    )
    service = Service(sdk)
    time.sleep(BEFORE_SECONDS)
    begin_outage(api, sign)
    before = sdk.stats()
    time.sleep(seconds)
    during = sdk.stats()
    api.answer(Answer())
    api.reset_before_body(0.0, seed=1)
    time.sleep(BEFORE_SECONDS)
    service.stop()
    senders = [t for t in threading.enumerate() if t.name.startswith("paltabrain-sender")]
    sdk.flush(SETTLE_SECONDS)
    sdk.shutdown(SETTLE_SECONDS)
    stats, arrived = sdk.stats(), api.report().log.events
    print(
        f"{sign}, {seconds:g} s: {service.tracked} tracked, {len(arrived)} arrived,"
        f" {sum(stats.dropped.values())} lost {dict(stats.dropped)},"
        f" {during.requests - before.requests} requests during the outage,"
        f" {service.peak_bytes / 2**20:.1f} MiB pending at most,"
        f" {len(senders)} sender threads, {stats.outages} outages",
        flush=True,
    )
    return len(arrived) >= stats.delivered


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outages")
    parser.add_argument("seconds", type=float, nargs="*", default=[2.0, 5.0, 60.0])
    parser.add_argument("--sign", choices=["reset", "503", "silent"], default="reset")
    parser.add_argument("--outage-seconds", type=float, default=300.0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory, ApiProcess(Path(directory)) as api:
        os.environ["REQUESTS_CA_BUNDLE"] = str(api.ca_file)
        agree = [
            measure(api, options.sign, seconds, options.outage_seconds)
            for seconds in options.seconds
        ]
    return not all(agree)


if __name__ == "__main__":
    sys.exit(main())
