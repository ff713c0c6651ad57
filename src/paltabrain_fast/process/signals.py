"""``SIGTERM`` where nobody handles it: what is left is delivered, then the signal takes its course.

The handler comes anywhere in the main thread. A thread of ours delivers, and the handler holds what
it has interrupted meanwhile, so that nothing more is tracked there. Two kinds of code must not be
held for all of that time:

- our own work, which delivery may wait for: it goes on, and the handler is called again until it
  has interrupted something else;
- the holder of a lock that delivery needs, such as that of a logging handler. Nobody knows of it,
  so anything goes on after half of the time.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Final

from . import lifetime
from .clock import deadline_after, is_over
from .pristine import Lock
from .reentrancy import Scope, call_in
from .threads import Thread

__all__ = ["handle_sigterm"]

_KILL_SECONDS: Final = 1.0
"""How long the signal may take to end the process before that is ended without it."""

_NUDGE_SECONDS: Final = 1.0
"""How long our own work may take that the handler has interrupted; then it goes on unheld."""

_LONGEST_PAUSE: Final = 0.01
_SHORTEST_PAUSE: Final = 0.0005


def handle_sigterm() -> str | None:
    """Deliver what is left of all that is at work when ``SIGTERM`` comes, and then end by it.

    Only where the system's default is in place. One handler serves the whole process, and forked
    children inherit it. Who installs another one later replaces it for good.

    Returns:
        Why it has no effect; ``None`` if it has.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if handler is _deliver_and_end:
        return None
    if handler is signal.SIG_IGN:
        return "the process ignores SIGTERM"
    if handler is not signal.SIG_DFL:
        return f"SIGTERM is handled by {handler!r}. Call shutdown() when that ends the process"
    try:
        signal.signal(signal.SIGTERM, _deliver_and_end)
    except ValueError:
        return (
            "only the main thread of the main interpreter may install the handler of a signal."
            " Make the SDK there"
        )
    return None


class _Ending:
    """The end of this process, from the signal on.

    Attributes:
        process: where the signal came; a forked child gets its own.
        is_held: whether the main thread waits for the thread.
    """

    def __init__(self) -> None:
        self.process: Final = os.getpid()
        self.is_held = False
        self._is_nudged = False
        self._thread: Final = Thread("sigterm", self._deliver)

    def start(self) -> bool:
        """Start to deliver; return whether a thread can."""
        if not lifetime.may_start_threads():
            return False
        try:
            self._thread.start()
        except RuntimeError:
            return False
        return True

    def hold(self, seconds: float) -> None:
        """Hold the main thread until all is delivered, so many seconds at most."""
        self.is_held = True
        self._thread.wait(deadline_after(seconds))

    def take_nudge(self) -> bool:
        """Tell whether it was our thread that has called the handler."""
        was_nudged, self._is_nudged = self._is_nudged, False
        return was_nudged

    def _deliver(self) -> None:
        with contextlib.suppress(BaseException):  # whatever happens, the process is to end
            self._nudge()
            call_in(Scope.USER, lifetime.deliver)  # it waits for threads, as the user's code may
        self._is_nudged = False
        _end()

    def _nudge(self) -> None:
        """Have the handler called again and again until it can hold the main thread."""
        deadline, pause = deadline_after(_NUDGE_SECONDS), _SHORTEST_PAUSE
        while not self.is_held and not is_over(deadline):
            _pause(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            if not self.is_held:
                self._is_nudged = True
                os.kill(self.process, signal.SIGTERM)


_ending: _Ending | None = None


def _deliver_and_end(_signal: int, _frame: object) -> None:
    """Handle the signal; called in the main thread, also by the nudges and by ``_end``."""
    global _ending
    if lifetime.is_ending():  # what this interrupts delivers all, and ends
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return
    ending, seconds = _ending, lifetime.hold_seconds()
    if ending is None or ending.process != os.getpid():
        ending = _ending = _Ending()
        ending.is_held = seconds is not None
        if not ending.start():
            if seconds is not None:
                lifetime.deliver()
            _end_by_default()
    elif not ending.take_nudge():  # all is delivered, or another signal tells to end at once
        _end_by_default()
    elif ending.is_held:
        return
    if seconds is not None:
        ending.hold(seconds)


def _end_by_default() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end()


def _end() -> None:
    """End by the signal; through the handler, in a thread, as only the main one can replace it."""
    deadline = deadline_after(_KILL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    while signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, _deliver_and_end):
        # Again: one that comes just before the main thread goes to sleep does not wake it.
        _pause(_LONGEST_PAUSE)
        os.kill(os.getpid(), signal.SIGTERM)
        # Still here: this is the first process of a container, which the system protects from
        # signals that it does not handle; or the main thread is in code of C that does not return.
        if is_over(deadline):
            os._exit(128 + signal.SIGTERM)


def _pause(seconds: float) -> None:
    never = Lock()
    never.acquire()
    never.acquire(timeout=seconds)
