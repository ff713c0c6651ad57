"""What tests of the control thread share: how it sleeps, and a server that keeps it waiting."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from paltabrain_fast import InMemoryTransport, SendResult

from ..support.probe import Sleep

HOUR_MS = 3_600_000
Sleeps = queue.SimpleQueue[Sleep]


def await_sleep(sleeps: Sleeps, condition: Callable[[Sleep], bool]) -> int:
    """Wait until the control thread goes to sleep like that; return at which time it does."""
    for times in range(1, 1000):
        if condition(sleeps.get(timeout=30)):
            return times
    raise AssertionError("it does nothing else")


def answering_after(go_on: threading.Event) -> InMemoryTransport:
    """Make a transport that answers nothing before that, and then all."""

    def answer(_request: object) -> SendResult:
        assert go_on.wait(60)
        return SendResult(status=200)

    return InMemoryTransport(answer)
