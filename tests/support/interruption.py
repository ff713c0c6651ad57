"""Signal handlers that come at every place of some code, or while the main thread waits."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final, Self

__all__ = ["ForkInWait", "ForkWhileWaiting", "Interruption", "everywhere", "interrupt"]

_MISSES: Final = 8


class Interruption:
    """Within it, calls ``act`` once, at the given one of the places where a handler can come.

    Args:
        place: counted from 1.
        act: what the signal handler does.

    Attributes:
        happened: whether there was such a place.
    """

    def __init__(self, place: int, act: Callable[[], object]) -> None:
        self.happened = False
        self._left = place
        self._act = act

    def __enter__(self) -> Self:
        sys.setprofile(self)  # no method: it would be freed in its own call
        return self

    def __exit__(self, *_error: object) -> None:
        sys.setprofile(None)

    def __call__(self, frame: FrameType, event: str, function: object) -> None:
        if event not in ("call", "c_return") or (event == "c_return" and _is_entering(function)):
            return
        if frame.f_code.co_filename != __file__:
            self._left -= 1
            if self._left == 0:
                sys.setprofile(None)
                self.happened = True
                self._act()


def _is_entering(function: object) -> bool:
    """Whether a with statement has called it, and no handler comes before the body.

    CPython 3.14 does call one there; older ones do not tell of the call.
    """
    return sys.version_info >= (3, 15) and getattr(function, "__name__", "") == "__enter__"


def everywhere(
    act: Callable[[], object], *, least: int = 5, step: int = 1
) -> Iterator[Interruption]:
    """Give an interruption at each place in turn, until the code that it is used in has no more.

    The code may take another way each time, so it is tried a few times more.

    Args:
        act: what the signal handler does.
        least: how many places there are at least, or the code was not what it should have been.
        step: tries each so many-th place only.
    """
    place = last = 0
    while place < last + _MISSES * step:
        place += step
        interruption = Interruption(place, act)
        yield interruption
        if interruption.happened:
            last = place
    assert last >= least, last


def interrupt() -> None:
    """Do as the handler of Ctrl-C."""
    raise KeyboardInterrupt


class ForkWhileWaiting:
    """Within it, forks once, in a signal handler that comes while the main thread waits.

    It waits when two signals in a row find it at the same place.

    Attributes:
        child: the child's process; 0 in the child itself.
    """

    def __init__(self) -> None:
        self.child: int | None = None
        self._place: tuple[FrameType, int] | None = None
        self._is_forking = False
        self._begun = threading.Event()
        self._handled: queue.SimpleQueue[None] = queue.SimpleQueue()  # a handler may call put()
        self._interrupting = threading.Thread(target=self._interrupt)

    def __enter__(self) -> Self:
        signal.signal(signal.SIGUSR1, self._handle)
        self._interrupting.start()
        self._begun.set()
        return self

    def __exit__(self, *_error: object) -> None:
        assert self.child is not None, "the main thread did not wait"
        if self.child:
            self._interrupting.join()

    def _interrupt(self) -> None:
        main = threading.main_thread().ident
        assert main is not None
        self._begun.wait()
        while self.child is None:
            signal.pthread_kill(main, signal.SIGUSR1)
            with contextlib.suppress(queue.Empty):  # one just before it sleeps does not end that
                self._handled.get(timeout=0.05)

    def _handle(self, _signal: int, frame: FrameType | None) -> None:
        assert frame is not None
        place = frame, frame.f_lasti
        if place == self._place and not self._is_forking:
            self._is_forking = True  # while a hook of the fork waits, more signals come
            self.child = os.fork()
        self._place = place
        self._handled.put(None)


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
