"""Measures the first event of a forked child, whose parent has warmed up or has not.

    python -m benchmarks.bench_forked

Each round is a process of its own that forks once. The child tracks an event and delivers it over
TLS: CPU time, and the memory that it does not share with its parent any more. The certificates are
those of certifi, and that of the server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import certifi
import pytest

from .sink import running_sink

ROUNDS = 11
PARENTS = ["as it is", "warmed up"]


def private_bytes() -> int:
    """Return how much of this process's memory no other process shares."""
    lines = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024


def measure_one(parent: str) -> None:
    """Fork a child, which prints CPU seconds and bytes."""
    # where one of them is installed, the constructor imports the libraries of the network
    sys.modules["gevent"] = sys.modules["eventlet"] = None  # type: ignore[assignment]
    from examples.config import Context, EventPageOpen
    from paltabrain_fast import PaltabrainSdk

    sdk = PaltabrainSdk[Context](context=Context(), flush_interval_ms=3_600_000)
    if parent == "warmed up":
        sdk.warm_up()
    if child := os.fork():
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    private, cpu = private_bytes(), time.process_time()
    sdk.track(EventPageOpen(page_id="page"))
    assert sdk.flush(timeout=60)
    print(json.dumps([time.process_time() - cpu, private_bytes() - private]), flush=True)
    os._exit(0)


def measure() -> str:
    found: dict[str, list[list[float]]] = {parent: [] for parent in PARENTS}
    with running_sink() as sink, tempfile.NamedTemporaryFile() as bundle:
        bundle.write(Path(certifi.where()).read_bytes() + sink.ca_file.read_bytes())
        bundle.flush()
        environment = {
            **os.environ,
            "PALTABRAIN_SDK_HOSTNAME": sink.hostname,
            "PALTABRAIN_SDK_API_KEY": "key",
            "REQUESTS_CA_BUNDLE": bundle.name,
        }
        for _ in range(ROUNDS):
            for parent in PARENTS:
                command = [sys.executable, "-m", "benchmarks.bench_forked", parent]
                done = subprocess.run(
                    command, env=environment, check=True, capture_output=True, text=True
                )
                found[parent].append(json.loads(done.stdout))
    lines = [f"first event of a forked child, {ROUNDS} processes each"]
    for parent, rounds in found.items():
        cpu, memory = (median(each) for each in zip(*rounds, strict=True))
        least = min(seconds for seconds, _ in rounds)
        lines.append(
            f"  parent {parent}: {cpu * 1e3:.0f} ms of CPU, at best {least * 1e3:.0f},"
            f" {memory / 1e6:.1f} MB of its own"
        )
    return "\n".join(lines)


@pytest.mark.skipif(sys.platform != "linux", reason="the memory is read from /proc")
def test_forked(capsys: pytest.CaptureFixture[str]) -> None:
    result = measure()
    with capsys.disabled():
        print("\n" + result)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure_one(sys.argv[1])
    print(measure())
