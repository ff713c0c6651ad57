"""Tells the user of losses when it is time, in whatever thread there is for it."""

from __future__ import annotations

import math

from ..process import lifetime
from ..process.clock import monotonic, seconds_left
from ..process.pristine import Lock
from ..process.threads import Thread
from .ledger import Ledger
from .notify import Reporter

__all__ = ["Teller"]


class Teller:
    """Tells of what the books say was lost; never in a ``track()``, which does no I/O.

    The control thread does it, or whoever does its work. For what is lost after that has ended,
    there is a thread of its own, as long as something is to be told.

    Any thread may call any method.
    """

    def __init__(self, ledger: Ledger, reporter: Reporter) -> None:
        self._ledger = ledger
        self._reporter = reporter
        self._thread: Thread | None = None  # set under the lock of the books

    @property
    def due(self) -> float:
        """When something is to be told next, by ``monotonic()``; ``inf`` if there is nothing."""
        with self._ledger.books:
            return self._ledger.losses.due

    def tell(self, until: float = math.inf) -> None:
        """Tell of all that is due by then; not for ``track()``."""
        with self._ledger.books:
            lines = self._ledger.losses.take(until)
            was_due = self._ledger.losses.is_due("reentrant")
        for line in lines:
            self._reporter.warn(line)
        if lines and not was_due:
            # A log handler that tracks each record has had these lines, too. To tell of that would
            # cause the next line, for ever. What was lost before is told when it is due.
            with self._ledger.books:
                self._ledger.losses.ignore("reentrant")

    def tell_later(self) -> None:
        """Have everything told when it is due, after the control thread has ended."""
        lifetime.register(self)
        with self._ledger.books:
            if self._thread is not None:
                return
            self._thread = thread = Thread("teller", self._run)
        try:
            if lifetime.may_start_threads():
                thread.start()
        except RuntimeError:  # the exit tells
            pass
        if not thread.is_alive():
            self._thread = None

    def _run(self) -> None:
        nap = Lock()
        nap.acquire()
        while True:
            with self._ledger.books:
                due = self._ledger.losses.due
                if due == math.inf:
                    self._thread = None
                    lifetime.unregister(self)
                    return
            nap.acquire(timeout=seconds_left(due))
            self.tell(monotonic())

    # As lifetime.AtWork

    def begin_exit(self) -> None:
        """Put nothing on its way."""

    def await_start(self, deadline: float) -> None:
        """Wait for nothing."""

    def exit(self, started: float) -> None:  # noqa: ARG002
        """Tell of the rest."""
        self.tell()

    def hold_seconds(self) -> float | None:
        """Say that a signal handler may wait: telling waits for nothing that it could hold."""
        return math.inf
