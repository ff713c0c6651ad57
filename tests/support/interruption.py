"""A signal handler that forks, at the moment when the main thread waits; for scripts."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

__all__ = ["ForkInWait"]


class ForkInWait:
    """Forks in a signal handler that interrupts the next wait for a condition, once.

    Args:
        condition: what the main thread will wait for.
        forked: called with what ``fork`` returned, in parent and child.

    Attributes:
        child: the child's process; 0 in the child itself.
    """

    def __init__(
        self, condition: threading.Condition, forked: Callable[[int], object] = lambda _child: None
    ) -> None:
        self.child: int | None = None
        self._condition = condition
        self._forked = forked
        self._handled = threading.Event()
        signal.signal(signal.SIGUSR1, self._fork)
        condition.wait = self._wait  # type: ignore[method-assign]

    def _wait(self, timeout: float | None = None) -> bool:
        del self._condition.wait
        threading.Thread(target=self._interrupt).start()
        return self._condition.wait(timeout)

    def _interrupt(self) -> None:
        with self._condition:  # which the main thread has let go of: it waits
            pass
        main = threading.main_thread().ident
        assert main is not None
        while not self._handled.wait(0.05):  # a signal just before it sleeps does not end that
            signal.pthread_kill(main, signal.SIGUSR1)

    def _fork(self, _signal: int, _frame: object) -> None:
        if not self._handled.is_set():
            self._handled.set()
            self.child = os.fork()
            self._forked(self.child)
