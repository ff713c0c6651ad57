"""Measures what comes first: the import, an SDK, its first event, the first one of a class.

    python -m benchmarks.bench_first

Each round is a process of its own, for each engine. The import is CPU time, beside that of the
modules that nobody can do without: ``ssl``, ``socket``, ``protobuf`` and ``logging``, in a process
that takes turns with it. The rest is the time that passes in the caller's thread, beside that of
the event's own methods, which are called for the first time as well. Bytecode is compiled before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from statistics import median

import pytest

ROUNDS = 15
BASELINE = "import ssl, socket, google.protobuf.descriptor_pb2, logging"
TARGETS = {
    "import": 1.25,  # times the baseline
    "constructor": 500e-6,
    "first event of an SDK": 300e-6,
    "first event of another class": 100e-6,
}


def seconds_to_import(statement: str, engine: str) -> float:
    """Return the CPU time that an import takes in a new process."""
    code = f"import time; a = time.process_time(); {statement}; print(time.process_time() - a)"
    return float(run("-c", code, engine=engine))


def run(*arguments: str, engine: str) -> str:
    environment = {**os.environ, "PALTABRAIN_SDK_ENGINE": engine}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout


def measure_one() -> dict[str, float]:
    """Measure an SDK and its first events, in this process."""
    # where one of them is installed, the constructor imports the libraries of the network
    sys.modules["gevent"] = sys.modules["eventlet"] = None  # type: ignore[assignment]
    from examples import config
    from paltabrain_fast import PaltabrainSdk

    clock, found = time.perf_counter, {}
    context, own = config.Context(), config.EventSessionEnd()
    start = clock()
    own.serialize_header(), own.serialize_payload(), context.serialize_context()
    found["own methods, first call"] = clock() - start
    start = clock()
    sdk = PaltabrainSdk("api.invalid", "key", context, flush_interval_ms=3_600_000)
    found["constructor"] = clock() - start
    events = {
        "first event of an SDK": config.EventPageOpen(page_id="page"),
        "first event of another class": config.EventEverything(flag=True, count=5, label="label"),
        "second event": config.EventPageOpen(page_id="page"),
    }
    for name, event in events.items():
        start = clock()
        sdk.track(event)
        found[name] = clock() - start
        sdk.flush()  # which has the control thread do what it has to do
    return found


def measure(engine: str) -> str:
    bases, imports, rounds = [], [], []
    for warm in (BASELINE, "import paltabrain_fast"):
        seconds_to_import(warm, engine)  # which compiles
    for _ in range(ROUNDS):
        bases.append(seconds_to_import(BASELINE, engine))
        imports.append(seconds_to_import("import paltabrain_fast", engine))
        rounds.append(json.loads(run("-m", "benchmarks.bench_first", "--one", engine=engine)))
    base, own = median(bases), median(imports)
    lines = [
        f"{engine} engine, {ROUNDS} processes",
        f"  import: {own * 1e3:.1f} ms of CPU, {own / base:.2f} x the baseline's {base * 1e3:.1f}"
        f" (target {TARGETS['import']} x)",
    ]
    methods = median(each["own methods, first call"] for each in rounds)
    for name in rounds[0]:
        times = [each[name] for each in rounds]
        target = f" (target {TARGETS[name] * 1e6:.0f} µs)" if name in TARGETS else ""
        lines.append(
            f"  {name}: {median(times) * 1e6:.0f} µs, at best {min(times) * 1e6:.0f},"
            f" {median(times) / methods:.1f} x own methods{target}"
        )
    return "\n".join(lines)


@pytest.mark.parametrize("engine", ["native", "python"])
def test_first(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = measure(engine)
    with capsys.disabled():
        print("\n" + result)


if __name__ == "__main__":
    if "--one" in sys.argv:
        sys.stdout.write(json.dumps(measure_one()))
        sys.stdout.flush()
        os._exit(0)  # what was tracked is not to be delivered
    for name in "native", "python":
        print(measure(name))
