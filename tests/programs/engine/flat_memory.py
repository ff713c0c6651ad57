"""Millions of events through a large ring, then engines that are dropped; prints the growth."""

from pathlib import Path

from paltabrain_fast._native.engine import NativeEngine


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def work(engine: NativeEngine, laps: int) -> None:
    for lap in range(laps):
        context = str(lap).encode() * 100
        for _ in range(500):
            engine.record(context, b"h" * 50, b"p" * 100, 1)
        engine.mark()
        while engine.take("instance"):
            pass


engine = NativeEngine(1 << 26)
work(engine, 1000)
before = resident()
work(engine, 4000)
for _ in range(2000):
    dropped = NativeEngine(1 << 20)
    dropped.record(b"c" * 1000, b"h", b"p" * 1000, None)
print(resident() - before)
