"""A process that measures ``track()`` on one engine when it is asked to.

    PALTABRAIN_SDK_ENGINE=native python -m benchmarks.track_worker

Each line of input is JSON: what to measure, and a shape. Each line of output is the answer.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import tracemalloc

import paltabrain_fast

from .floor import load_floor
from .shapes import (
    EVENTS,
    SHAPES,
    Loop,
    empty_loop,
    make_values,
    serializing,
    take_all,
    tracking,
    undrained_sdk,
)

COUNT = 20_000 if paltabrain_fast.engine == "native" else 1_000
VALUES = make_values(COUNT)

sdk = undrained_sdk()
loops: dict[str, Loop] = {}


def loop_of(shape: str) -> Loop:
    if shape not in loops:
        loops[shape] = SHAPES[shape](sdk)
    return loops[shape]


def seconds(loop: Loop) -> float:
    start = time.perf_counter()
    loop(VALUES)
    return time.perf_counter() - start


def sample(loop: Loop) -> float:
    """Return the seconds of one turn of the loop, less those of an empty loop."""
    take_all(sdk)
    return (seconds(loop) - seconds(empty_loop)) / COUNT


def warm(shape: str) -> float:
    """Return the seconds of one ``track()`` in steady state."""
    result = sample(loop_of(shape))
    assert len(sdk._engine) == COUNT
    return result


def cold(shape: str) -> float:
    """Return the seconds of the first turn; it must be the first measurement of the process."""
    loop = loop_of(shape)
    values = VALUES[:1]
    start = time.perf_counter()
    loop(values)
    return time.perf_counter() - start


def bare(shape: str) -> float:
    """Return the seconds of the protobuf calls that the reference engine makes in ``track()``."""
    return sample(serializing(sdk, EVENTS[shape]()))


def floor(_: str) -> float:
    """Return the seconds of a native method that only reads the clock."""
    if "floor" not in loops:
        loops["floor"] = tracking(load_floor().Floor(), None)
    return sample(loops["floor"])


def memory(shape: str) -> dict[str, float]:
    """Return the memory of one event: on the heap, kept and at peak; in the buffer; encoded."""
    loop = loop_of(shape)
    loop(VALUES[:100])
    take_all(sdk)
    blocks, pending = [], []
    # The first round includes what events share, such as the context; the second counts.
    for values in make_values(COUNT), make_values(2 * COUNT)[COUNT:]:
        before, held = sys.getallocatedblocks(), sdk._engine.counts().pending_bytes
        loop(values)
        blocks.append(sys.getallocatedblocks() - before)
        pending.append(sdk._engine.counts().pending_bytes - held)
    encoded = take_all(sdk)
    return {
        "kept blocks": blocks[1] / COUNT,
        "peak bytes": peak(loop) - peak(empty_loop),
        "buffered bytes": pending[1] / COUNT,
        "encoded bytes": encoded / COUNT / 2,
    }


def peak(loop: Loop) -> int:
    """Return the bytes of heap that one turn uses at its peak, those that it keeps included."""
    values = VALUES[:1]
    loop(values)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        loop(values)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def main() -> None:
    measures = {"warm": warm, "cold": cold, "bare": bare, "floor": floor, "memory": memory}
    gc.disable()  # as timeit does: a collection depends on the other objects of the process
    for line in sys.stdin:
        measure, shape = json.loads(line)
        print(json.dumps(measures[measure](shape)), flush=True)
    os._exit(0)  # without delivering the events


if __name__ == "__main__":
    main()
