"""Counts the lines of memory that one event touches, with the cache simulation of callgrind.

    python -m benchmarks.lines [--functions]

Before each event, more memory is copied than the simulated last-level cache holds. So each miss in
that cache is a line that the event touches for the first time: on a processor whose caches are
cold, it is a wait for memory. The pages of the code are counted as well: each one takes another
wait, for its translation. ``--functions`` tells which functions touch the lines.
"""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from .bench_cold import Chill, floor, make_contexts, nothing, tracking
from .floor import load_floor
from .shapes import undrained_sdk

KINDS = "nothing", "floor", "track"
ROUNDS = 10
CACHE_BYTES, PAGE_BYTES = 1 << 18, 4096
COUNTS = "Ir", "ILmr", "DLmr", "DLmw"  # instructions; lines of code, lines read, lines written


def run_events() -> None:
    """Dump the counts of single events. Runs under callgrind."""
    counter, sdk, chill = load_floor(), undrained_sdk(), Chill(4 * CACHE_BYTES, 0)
    contexts = make_contexts()
    gc.disable()
    counter.zero()
    for track in (nothing, floor(), tracking(sdk)):
        for number in range(300):  # classes are recognised, contexts serialized
            track(f"page-{number}", contexts[number % len(contexts)])
        for number in range(ROUNDS):
            value, context = f"page-{number}", contexts[number]
            chill()
            counter.zero()
            track(value, context)
            counter.dump()
    os._exit(0)


class Counts:
    """The counts of some events by function, and which pages their code lies in."""

    def __init__(self) -> None:
        self.by_function: dict[str, Counter[str]] = {name: Counter() for name in COUNTS}
        self.pages: set[tuple[str, int]] = set()
        self.events = 0

    def add(self, dump: Path) -> None:
        """Add a dump of callgrind."""
        self.events += 1
        names: dict[str, str] = {}
        order: list[str] = []
        shared_object, function, in_call = "", "", False
        for line in dump.read_text().splitlines():
            if line.startswith("events: "):
                order = line.split()[1:]
            elif found := re.match(r"(c?fn|ob)=(\(\d+\))(?: (.*))?", line):
                if found[1] == "ob":
                    shared_object = found[2]
                    continue
                names.setdefault(found[2], (found[3] or "").partition("'")[0])
                if found[1] == "fn":
                    function = names[found[2]]
            elif line.startswith("calls="):
                in_call = True
            elif line.startswith("0x"):
                if not in_call:  # the line after "calls=" counts the callee
                    address, _, *counts = line.split()
                    self.pages.add((shared_object, int(address, 16) // PAGE_BYTES))
                    for name, count in zip(order, counts, strict=False):
                        if name in self.by_function:
                            self.by_function[name][function] += int(count)
                in_call = False

    def per_event(self, name: str) -> float:
        return self.by_function[name].total() / self.events


def measure() -> dict[str, Counts]:
    """Return the counts of each kind of event."""
    result = {kind: Counts() for kind in KINDS}
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "callgrind"
        command = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}"]
        command += ["--cache-sim=yes", f"--LL={CACHE_BYTES},16,64", "--instr-atstart=no"]
        command += ["--dump-instr=yes", "--compress-pos=no"]
        command += [sys.executable, "-m", "benchmarks.lines", "--run"]
        variables = {**os.environ, "PYTHONHASHSEED": "0", "PALTABRAIN_SDK_ENGINE": "native"}
        subprocess.run(command, env=variables, check=True, stdout=subprocess.DEVNULL)
        for place, kind in enumerate(KINDS):
            for number in range(1, ROUNDS):  # the first one finds what was just before it
                result[kind].add(Path(f"{out}.{place * ROUNDS + number + 1}"))
    return result


def main() -> None:
    if sys.argv[1:] == ["--run"]:
        run_events()
    events = measure()
    nothing_of = events["nothing"]
    titles = "instr.", "code", "read", "written", "lines", "code pages"
    print(f"{'':8}" + "".join(f"{title:>11}" for title in titles))
    for kind in KINDS[1:]:
        figures = [events[kind].per_event(name) - nothing_of.per_event(name) for name in COUNTS]
        figures += [sum(figures[1:]), len(events[kind].pages - nothing_of.pages)]
        print(f"{kind:8}" + "".join(f"{figure:11.1f}" for figure in figures))
    if "--functions" in sys.argv:
        found = events["track"]
        lines: Counter[str] = Counter()
        for name in COUNTS[1:]:
            lines.update(found.by_function[name])
        for function, total in lines.most_common():
            figures = [found.by_function[name][function] / found.events for name in COUNTS]
            row = "".join(f"{figure:11.1f}" for figure in (*figures, total / found.events))
            print(f"{'':8}{row}  {function}")


if __name__ == "__main__":
    main()
