"""For forks past Python's hooks, which Python bears only while no other thread runs."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Final

__all__ = ["await_silence"]

_LOOKS: Final = 20
"""How often in a row nothing has happened. Each look lets go of the GIL for whoever wants it."""


def await_silence(deadline: float = 30.0) -> None:
    """Wait until no other thread runs, or wants the GIL."""
    end = time.monotonic() + deadline
    before, unchanged = None, 0
    while unchanged < _LOOKS:
        now = _other_threads()
        is_silent = now == before and all("State:\tS" in thread for thread in now)
        before, unchanged = now, unchanged + 1 if is_silent else 0
        assert time.monotonic() < end, f"not silent after {deadline} s: {now}"


def _other_threads() -> list[str]:
    """Say of each whether it sleeps, and how often it has gone to sleep or been interrupted."""
    own = str(threading.get_native_id())
    tasks = [task for task in Path("/proc/self/task").iterdir() if task.name != own]
    try:
        found = [re.findall("State:\t.|.*ctxt.*", (task / "status").read_text()) for task in tasks]
    except OSError:
        return ["one has just ended"]
    return [" ".join(lines) for lines in found]
