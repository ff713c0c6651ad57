"""One engine in a process of its own, which measures ``track()`` when it is asked to.

    PALTABRAIN_SDK_ENGINE=native python -m benchmarks.track_worker

Each line of the input is what to measure and a shape, as JSON; each line of the output the answer.
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
    """Seconds that one turn of the loop takes, without the loop itself."""
    take_all(sdk)
    return (seconds(loop) - seconds(empty_loop)) / COUNT


def warm(shape: str) -> float:
    """Seconds of one ``track()`` in steady state."""
    result = sample(loop_of(shape))
    assert len(sdk._engine) == COUNT
    return result


def cold(shape: str) -> float:
    """Seconds of the first turn; this must be the first that this process is asked."""
    loop = loop_of(shape)
    values = VALUES[:1]
    start = time.perf_counter()
    loop(values)
    return time.perf_counter() - start


def bare(shape: str) -> float:
    """Seconds of the protobuf calls that a ``track()`` of this event stands for."""
    return sample(serializing(sdk, EVENTS[shape]()))


def floor(_: str) -> float:
    """Seconds of a native method that reads the clock and returns."""
    if "floor" not in loops:
        loops["floor"] = tracking(load_floor().Floor(), None)
    return sample(loops["floor"])


def memory(shape: str) -> dict[str, float]:
    """Count what one event leaves on the heap and what it takes at the most, and in the buffer."""
    loop = loop_of(shape)
    loop(VALUES[:100])
    take_all(sdk)
    blocks, pending = [], []
    # the first time brings in what is shared: the context, unless each event has one of its own
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
    """Bytes of heap that are in use at the highest point of one turn, what it leaves included."""
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
    gc.disable()  # as timeit does: what else is alive in a process is not the SDK's
    for line in sys.stdin:
        measure, shape = json.loads(line)
        print(json.dumps(measures[measure](shape)), flush=True)
    os._exit(0)  # nothing is to be delivered


if __name__ == "__main__":
    main()
