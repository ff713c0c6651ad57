"""Measures an event that finds the caches cold, as one every few milliseconds does.

    python -m benchmarks.bench_cold

Before each sample, 8 MB are copied and 20,000 objects touched, or the thread sleeps for 3 ms. Then
two events are made, given a header and tracked, each in a context of the request's own. A process
of the lowest priority keeps the processor awake meanwhile, since a virtual one that sleeps adds
costs of its own. The floor does in the same turns what no SDK in pure Python can do without: it
makes an object with two attributes and appends it to a queue. Each figure is a median, less the
cost of reading the clock.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median

import pytest

from examples.config import Context, EventPageOpen
from paltabrain_fast import PaltabrainSdk

from .shapes import PARENTS, make_context, take_all, undrained_sdk

ROUNDS, WARM_ROUNDS = 400, 20_000
REQUESTS = 50  # each with a context of its own
COPIED_BYTES, OBJECTS = 8 << 20, 20_000
SLEEP_SECONDS = 3e-3
SPINNER = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
parent = os.getppid()
while os.getppid() == parent:
    pass
"""

Track = Callable[[str, Context], object]


class Chill:
    """Fills the caches with something else."""

    def __init__(self, copied_bytes: int = COPIED_BYTES, objects: int = OBJECTS) -> None:
        self._source, self._target = bytes(copied_bytes), bytearray(copied_bytes)
        self._objects = [[number] for number in range(objects)]

    def __call__(self) -> None:
        self._target[:] = self._source
        for item in self._objects:
            item[0] += 1


class Pair:
    def __init__(self, value: str, context: Context) -> None:
        self.value = value
        self.context = context


def nothing(value: str, context: Context) -> None:
    """Do nothing: the cost of the call and of the clock."""


def floor() -> Track:
    queue: deque[Pair] = deque(maxlen=10_000)

    def track(value: str, context: Context) -> None:
        queue.append(Pair(value, context))

    return track


def tracking(sdk: PaltabrainSdk[Context]) -> Track:
    def track(value: str, context: Context) -> None:
        sdk.track(EventPageOpen(page_id=value).set_parent(parent_elements=PARENTS), context)

    return track


def make_contexts() -> list[Context]:
    return [make_context().set_user(user_id=f"user-{number}") for number in range(REQUESTS)]


@contextmanager
def awake_processor() -> Iterator[None]:
    """Keep this thread on one processor, which is never idle."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(processors)})
    try:
        with subprocess.Popen([sys.executable, "-c", SPINNER]) as spinner:
            try:
                yield
            finally:
                spinner.kill()
    finally:
        os.sched_setaffinity(0, processors)


def sample(
    kinds: Sequence[Track], contexts: list[Context], prepare: Callable[[], object], rounds: int
) -> list[tuple[float, float]]:
    """Return, for each kind, the median seconds of the first and next event after ``prepare``.

    The kinds take turns, so that the machine's other work disturbs all alike.
    """
    samples: list[tuple[list[int], list[int]]] = [([], []) for _ in kinds]
    clock = time.perf_counter_ns
    for number in range(rounds):
        context, value, next_value = contexts[number % REQUESTS], f"page-{number}", f"at-{number}"
        for track, (firsts, seconds) in zip(kinds, samples, strict=True):
            prepare()
            clock()
            start = clock()
            track(value, context)
            middle = clock()
            track(next_value, context)
            end = clock()
            firsts.append(middle - start)
            seconds.append(end - middle)
    return [(median(firsts) * 1e-9, median(seconds) * 1e-9) for firsts, seconds in samples]


def measure() -> str:
    sdk, contexts = undrained_sdk(), make_contexts()
    kinds = nothing, floor(), tracking(sdk)
    preparations: dict[str, tuple[Callable[[], object], int]] = {
        "warm": (int, WARM_ROUNDS),
        "cold": (Chill(), ROUNDS),
        "slept": (lambda: time.sleep(SLEEP_SECONDS), ROUNDS),
    }
    lines = [
        "construct + header + track(event, context): first event, next event; beside the floor"
    ]
    with awake_processor():
        sample(kinds, contexts, int, 2_000)  # classes are recognised, contexts serialized
        for name, (prepare, rounds) in preparations.items():
            take_all(sdk)
            empty, base, own = sample(kinds, contexts, prepare, rounds)
            figures = [
                f"{(own[place] - empty[place]) * 1e6:5.2f} µs,"
                f" {(own[place] - empty[place]) / (base[place] - empty[place]):4.1f} x"
                for place in range(2)
            ]
            lines.append(f"  {name:6} " + "; ".join(figures))
    return "\n".join(lines)


def test_cold(capsys: pytest.CaptureFixture[str]) -> None:
    result = measure()
    with capsys.disabled():
        print("\n" + result)


if __name__ == "__main__":
    print(measure())
