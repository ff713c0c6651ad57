"""What a forked child does: it tracks for a while, then ends in one of many ways."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ..support.audit import OutcomeHandler
from .subject import Subject

ENDS = ("shutdown", "exit", "flush and _exit", "_exit", "kill")
_WITH_BOOKS = ("shutdown", "exit")
"""Ends at which all is settled, so that the books can be compared."""


class Child:
    """A forked child, as its parent sees it."""

    def __init__(self, name: str, end: str, process: int, directory: Path) -> None:
        self.name = name
        self.end = end
        self.process = process
        self.path = directory / f"{name}.json"

    def reap(self, deadline: float) -> None:
        """Wait for its end; ``deadline`` is a reading of ``time.monotonic()``."""
        hangs = not self._ends_within(deadline - time.monotonic())
        if hangs:
            os.kill(self.process, signal.SIGUSR1)  # has faulthandler say where
            self._ends_within(1.0)
            os.kill(self.process, signal.SIGKILL)
        _, status = os.waitpid(self.process, 0)
        assert not hangs, f"child {self.name} ({self.end}) hangs"
        code = os.waitstatus_to_exitcode(status)
        wanted = -signal.SIGKILL if self.end == "kill" else 0
        assert code == wanted, f"child {self.name} ({self.end}) ended with {code}"
        assert self.path.exists() == (self.end in _WITH_BOOKS), f"{self.name} ({self.end})"

    def _ends_within(self, seconds: float) -> bool:
        descriptor = os.pidfd_open(self.process)
        try:
            ended = select.poll()
            ended.register(descriptor, select.POLLIN)
            return bool(ended.poll(max(0.0, seconds) * 1000))
        finally:
            os.close(descriptor)


class Will:
    """What is to be written at the very end of a process, after the SDK's own exit handler."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.subjects: Sequence[Subject] = ()
        self.outcomes: OutcomeHandler | None = None

    def write(self) -> None:
        if self.path is None or self.outcomes is None:
            return
        for subject in self.subjects:
            subject.end()
        books = [subject.books() for subject in self.subjects]
        self.path.write_text(json.dumps({"books": books, "outcomes": self.outcomes.outcomes}))


def live(
    name: str,
    end: str,
    subjects: Sequence[Subject],
    will: Will,
    outcomes: OutcomeHandler,
    directory: Path,
    chance: random.Random,
) -> None:
    """Live as the child; never returns."""
    outcomes.outcomes.clear()
    for number, subject in enumerate(subjects):
        subject.renamed(f"{name}s{number}")
        subject.start(chance.randint(0, 2), chance)
    for subject in subjects:
        subject.await_bursts(chance.randint(0, 5))
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    for subject in subjects:
        subject.stop()
        subject.check()
    will.outcomes, will.subjects = outcomes, subjects
    if end in _WITH_BOOKS:
        will.path = directory / f"{name}.json"
    if end == "exit":
        sys.exit()
    for subject in subjects:
        assert subject.sdk is not None
        if end == "shutdown":
            subject.sdk.shutdown(chance.uniform(0, 3))
        elif end == "flush and _exit":
            subject.sdk.flush(chance.uniform(0, 3))
    will.write()
    os._exit(0)
