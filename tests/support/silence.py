"""For scripts that fork past Python's hooks, which Python bears only while no other thread runs."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path


def _switches() -> object:
    tasks = [task for task in Path("/proc/self/task").iterdir() if task.name != str(os.getpid())]
    try:
        return ["".join(re.findall("ctxt.*", (task / "status").read_text())) for task in tasks]
    except OSError:  # one has just ended
        return object()


def await_silence() -> None:
    """Wait until no other thread runs, or wants the GIL."""
    before = None
    while before != (now := _switches()):
        before = now
        time.sleep(0.1)
