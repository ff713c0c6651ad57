"""Measures how many times as much several threads track as one, on 1, 2, 4, … and all processors.

    python -m benchmarks.bench_scaling

It needs a CPython without the GIL: with it, the figures are those of the GIL. What the machine
itself can do is in the first row: a loop in pure Python. Threads share nothing but what a row says;
in particular, each has events and values of its own, but in the last rows.

Each row has the speed of one thread, and for more of them two figures: how many times as much all
of them track in the same time, which the machine's other work disturbs, and how much processor time
an event takes, which it hardly does. Without contention these are the number of threads and 1.
"""

from __future__ import annotations

import copy
import os
import sys
import threading
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import pytest

from .shapes import EVENTS, make_context, take_all, undrained_sdk

Work = Callable[[int], object]
"""Does something so many times."""

ROUNDS = 7
COUNTS = {"smallest event": 100_000, "everything": 25_000}  # for each thread
SHAPES = {"smallest event": "no properties", "everything": "everything"}
ALL = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
THREADS = sorted({1, 2, ALL, *(1 << power for power in range(10) if 1 << power < ALL)})


class Figures(NamedTuple):
    """Of some threads at work: seconds until all are through, and processor seconds of each."""

    seconds: float
    own: float


def run(row: Row, threads: int, count: int) -> Figures:
    start = threading.Barrier(threads)
    times, own = list[float](), list[float]()

    def measured(thread: int) -> None:
        work = row.work(thread)  # made by the thread itself, as is what it tracks
        work(count // 10)  # after which the thread knows the context
        start.wait()
        begin, own_begin = time.perf_counter(), time.thread_time()
        work(count)
        own.append(time.thread_time() - own_begin)
        times.extend((begin, time.perf_counter()))

    works = [threading.Thread(target=measured, args=(thread,)) for thread in range(threads)]
    for work in works:
        work.start()
    for work in works:
        work.join()
    row.empty()
    return Figures(max(times) - min(times), sum(own) / len(own))


def with_own_values(event: Any) -> Any:
    """Return an event that is the same, but shares no object with others, as far as it can be."""

    def own(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: own(item) for name, item in value.items()}  # the names are all threads'
        if isinstance(value, list):
            return [own(item) for item in value]
        if isinstance(value, str):
            return "".join([value, "."])
        return value if value is None else copy.copy(value)

    result = type(event).__new__(type(event))
    result._header.update(own(event._header))
    result._payload = own(event._payload)
    return result


def tracking(sdk: Any, event: object, context: object = None) -> Work:
    def work(count: int) -> None:
        for _ in range(count):
            sdk.track(event, context)

    return work


class Row:
    """Works that threads do at once, and how to empty the buffers that they fill."""

    def __init__(self, shape: str) -> None:
        self.make_event = EVENTS[SHAPES[shape]]
        self.sdks = [undrained_sdk()]

    def work(self, thread: int) -> Work:
        raise NotImplementedError

    def empty(self) -> None:
        for sdk in self.sdks:
            take_all(sdk)


class OneContext(Row):
    """one SDK, one context"""

    def work(self, _thread: int) -> Work:
        return tracking(self.sdks[0], with_own_values(self.make_event()))


class OwnContexts(Row):
    """one SDK, a context a thread"""

    def work(self, _thread: int) -> Work:
        return tracking(self.sdks[0], with_own_values(self.make_event()), make_context())


class OwnSdks(Row):
    """an SDK a thread"""

    def __init__(self, shape: str) -> None:
        super().__init__(shape)
        self.sdks += [undrained_sdk() for _ in range(1, THREADS[-1])]

    def work(self, thread: int) -> Work:
        return tracking(self.sdks[thread], with_own_values(self.make_event()))


class SharedValues(Row):
    """events of their own with the same values"""

    def __init__(self, shape: str) -> None:
        super().__init__(shape)
        self.event: Any = with_own_values(self.make_event())

    def work(self, _thread: int) -> Work:
        event = type(self.event).__new__(type(self.event))
        for group, properties in self.event._header.items():
            event._header[group] = dict(properties)
        event._payload = dict(self.event._payload)
        return tracking(self.sdks[0], event)


class OneEvent(Row):
    """all threads track one event object"""

    def __init__(self, shape: str) -> None:
        super().__init__(shape)
        self.event = with_own_values(self.make_event())

    def work(self, _thread: int) -> Work:
        return tracking(self.sdks[0], self.event)


class Loop(Row):
    """(a loop in pure Python)"""

    def __init__(self, _shape: str) -> None:
        self.sdks = []

    def work(self, _thread: int) -> Work:
        def work(count: int) -> None:
            total = 0  # and other small integers, which are shared at no cost
            for _ in range(10 * count):
                total = (total + 3) & 63

        return work


ROWS: list[type[Row]] = [
    Loop,
    OneContext,
    OwnContexts,
    OwnSdks,
    SharedValues,
    OneEvent,
]


def measure(kind: type[Row], shape: str) -> str:
    """Measure a row: one thread and several take turns, so that both have the same machine."""
    row, count = kind(shape), COUNTS[shape]
    for threads in THREADS:  # the warm-up: classes are recognised, buffers become resident
        run(row, threads, count)
    alone = list[float]()
    parts = list[str]()
    for threads in THREADS[1:]:
        ratios, costs = list[float](), list[float]()
        for _ in range(ROUNDS):
            one, together = run(row, 1, count), run(row, threads, count)
            alone.append(one.own / count * 1e9)
            ratios.append(threads * one.seconds / together.seconds)
            costs.append(together.own / one.own)
        parts.append(f"{threads}: {median(ratios):5.2f} x, at {median(costs):4.2f} the cost")
    return f"{kind.__doc__:40} {median(alone):5.0f} ns; {'; '.join(parts)}"


def header() -> str:
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    return (
        f"{ALL} processors"
        + (", which are few: what more threads do is not seen" if ALL < 4 else "")
        + ("; WITH THE GIL, which lets one thread track at a time" if gil else "; no GIL")
    )


@pytest.mark.parametrize("shape", COUNTS)
def test_scaling(capsys: pytest.CaptureFixture[str], shape: str) -> None:
    with capsys.disabled():
        print(f"\n{shape}, {header()}")
        for kind in ROWS:
            print(measure(kind, shape))


if __name__ == "__main__":
    for shape in COUNTS:
        print(f"{shape}, {header()}")
        for kind in ROWS:
            print(measure(kind, shape), flush=True)
