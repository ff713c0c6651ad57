"""Counts the instructions of one native ``track()`` with callgrind, and compares with earlier ones.

    python -m benchmarks.instructions [--update]

Each shape is counted with 10,000 and with 30,000 events. The difference, less that of an empty
loop, is exact: no thread runs, nothing is delivered, and strings have the same hashes in each run.
Valgrind has no vDSO, so that reading the clock is a system call, whose instructions are not
counted, neither here nor for the floor. It exits with 1 if a shape takes over 3 % more than
``instructions.json`` says.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from .floor import COMPILER, load_floor
from .shapes import (
    CONTEXTS,
    SHAPES,
    Loop,
    empty_loop,
    make_values,
    take_all,
    tracking,
    undrained_sdk,
)

COUNTED = SHAPES | CONTEXTS
KEPT = Path(__file__).with_suffix(".json")
COUNTS = 10_000, 30_000
TOLERANCE = 0.03
PROFILED = "no properties", "string + header", "construct + header"
EMPTY, FLOOR = "empty loop", "floor"
ALLOCATORS = re.compile(r"(_PyObject_|_PyMem_Raw)?([Mm]alloc|[Cc]alloc|[Rr]ealloc)")


class Profile:
    """A dump of callgrind: instructions and number of calls, by function."""

    def __init__(self, dump: Path) -> None:
        self.own: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        names: dict[str, str] = {}
        function, in_call = "", False
        for line in dump.read_text().splitlines():
            if found := re.match(r"(c?)fn=(\(\d+\))(?: (.*))?", line):
                number, name = found[2], found[3]
                if name:
                    names[number] = name.partition("'")[
                        0
                    ]  # a quote separates the depth of a recursion
                if found[1]:
                    callee = names[number]
                else:
                    function = names[number]
            elif line.startswith("calls="):
                self.calls[callee] += int(line[6:].split()[0])
                in_call = True
            elif re.match(r"[\d+*-]", line):
                if not in_call:  # the line after "calls=" counts the callee
                    self.own[function] += int(line.split()[1])
                in_call = False

    def subtract(self, other: Profile) -> None:
        self.own.subtract(other.own)
        self.calls.subtract(other.calls)

    def per_event(self, counter: Counter[str]) -> dict[str, float]:
        events = COUNTS[1] - COUNTS[0]
        return {name: count / events for name, count in counter.most_common() if count}

    @property
    def instructions(self) -> float:
        return sum(self.per_event(self.own).values())

    @property
    def allocations(self) -> float:
        calls = self.per_event(self.calls)
        return sum(count for name, count in calls.items() if ALLOCATORS.fullmatch(name))


def run_loops() -> None:
    """Run each loop with both numbers of events, and dump each count. Runs under callgrind."""
    floor, sdk = load_floor(), undrained_sdk()
    loops: dict[str, Loop] = {EMPTY: empty_loop, FLOOR: tracking(floor.Floor(), None)}
    loops |= {name: make(sdk) for name, make in COUNTED.items()}
    gc.disable()
    for name, loop in loops.items():
        print(f"counting: {name}", flush=True)
        loop(make_values(100))  # the warm-up: classes are recognised, bytecode is specialized
        for count in COUNTS:
            values = make_values(count)
            take_all(sdk)
            floor.zero()
            loop(values)
            floor.dump()
            assert len(sdk._engine) == (count if name in COUNTED else 0)
    os._exit(0)


def measure() -> dict[str, Profile]:
    """Return the profile of each loop, less that of the empty loop."""
    names = [EMPTY, FLOOR, *COUNTED]
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "callgrind"
        command = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}"]
        command += [sys.executable, "-m", "benchmarks.instructions", "--run"]
        # Always the same ones: they and the type of stdout decide where objects are in memory.
        variables = {"PYTHONHASHSEED": "0", "PALTABRAIN_SDK_ENGINE": "native"}
        variables["PATH"] = os.environ["PATH"]
        pipe, out_too = subprocess.PIPE, subprocess.STDOUT
        with subprocess.Popen(
            command, env=variables, stdout=pipe, stderr=out_too, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
        if process.returncode:
            sys.exit(f"valgrind ended with {process.returncode}")
        profiles = {}
        for number, name in enumerate(names):
            few, many = (Profile(Path(f"{out}.{2 * number + part}")) for part in (1, 2))
            many.subtract(few)
            profiles[name] = many
    empty = profiles.pop(EMPTY)
    for profile in profiles.values():
        profile.subtract(empty)
    return profiles


def environment() -> dict[str, str]:
    """Return what the counts depend on beside our own code."""
    version = subprocess.run([COMPILER[0], "--version"], check=True, capture_output=True, text=True)
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": version.stdout.splitlines()[0],
        "libc": " ".join(platform.libc_ver()),
        "machine": platform.machine(),
    }


def compare(counts: dict[str, float]) -> int:
    """Print each count with its change; return how many are too high or new."""
    kept = json.loads(KEPT.read_text())
    for name, value in environment().items():
        if value != kept["environment"].get(name):
            print(f"NOTE: {name} is {value}, the figures were kept with")
            print(f"      {kept['environment'][name]}: counts may differ for this reason")
    failures = 0
    for shape, count in counts.items():
        before = kept["instructions"].get(shape)
        if before is None:
            print(f"{shape:20} {count:8.1f}  not kept yet")
            failures += 1
            continue
        change = count / before - 1
        worse = change > TOLERANCE
        failures += worse
        print(f"{shape:20} {count:8.1f}  {change:+7.1%}  {'TOO MANY' if worse else ''}")
    return failures


def report(profiles: dict[str, Profile]) -> None:
    """Print instructions by function, and the number of heap allocations."""
    for shape in PROFILED:
        profile = profiles[shape]
        print(f"\n{shape}: {profile.instructions:.0f} instructions by function")
        for name, count in profile.per_event(profile.own).items():
            if abs(count) >= 1:
                print(f"{count:8.1f}  {count / profile.instructions:6.1%}  {name}")
    print("\nheap allocations of one event")
    for shape, profile in profiles.items():
        print(f"{profile.allocations:8.1f}  {shape}")


def main() -> None:
    if sys.argv[1:] == ["--run"]:
        run_loops()
    if shutil.which("valgrind") is None:
        sys.exit("valgrind counts the instructions; install it, with its headers")
    profiles = measure()
    counts = {name: round(profile.instructions, 1) for name, profile in profiles.items()}
    report(profiles)
    print("\ninstructions of one event")
    if sys.argv[1:] == ["--update"]:
        kept = {"environment": environment(), "instructions": counts}
        KEPT.write_text(json.dumps(kept, indent=2) + "\n")
        print("\n".join(f"{shape:20} {count:8.1f}" for shape, count in counts.items()))
    elif failures := compare(counts):
        sys.exit(f"{failures} shapes take more instructions than they did, or are not kept yet")


if __name__ == "__main__":
    main()
