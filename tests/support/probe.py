"""The only place where tests name what is private to the package.

What a function promises is said in words of behaviour, so that only its body changes when the
package does. Whatever the public API tells, or ``threading`` by the names of threads, needs no
function here.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import MethodType
from typing import Any, Final

from paltabrain_fast import PaltabrainSdk
from paltabrain_fast.delivery import control
from paltabrain_fast.delivery.ledger import Stats
from paltabrain_fast.delivery.sender import Sender
from paltabrain_fast.process import fork_barrier
from paltabrain_fast.process.locks import Lock, RLock
from paltabrain_fast.transport import Transport, make_transport

__all__ = [
    "Delivery",
    "after_next_hand_over",
    "await_delivery",
    "have_forks_wait",
    "held",
    "locks_of",
    "locks_of_process",
    "wrap_transports",
]

_PACKAGE: Final = "paltabrain_fast"
_LOCKS: Final = (type(Lock()), RLock)
_PASSED_THROUGH: Final = (list, tuple, dict, set, deque, partial, MethodType)


def await_delivery(sdk: PaltabrainSdk[Any], count: int, deadline: float = 30.0) -> None:
    """Wait until so many events are delivered, and do nothing for it, as ``flush()`` would."""
    ledger, engine = sdk._control.ledger, sdk._engine
    assert ledger.wait(
        lambda: ledger.stats(engine.counts()).delivered == count, time.monotonic() + deadline
    ), sdk.stats()


def after_next_hand_over(act: Callable[[], object]) -> None:
    """Call this once, in the thread that frames, when a batch was taken and handed to be sent."""
    submit = Sender.submit

    def submit_then_act(*arguments: Any) -> None:
        setattr(Sender, submit.__name__, submit)
        submit(*arguments)
        act()

    setattr(Sender, submit.__name__, submit_then_act)


def have_forks_wait(seconds: float) -> None:
    """Set how long a fork waits for a thread that is inside OpenSSL, libcurl or a transport."""
    fork_barrier._FORK_SECONDS = seconds  # type: ignore[misc]


def wrap_transports(wrap: Callable[[Transport], Transport]) -> None:
    """Have SDKs wrap the transports that they make for themselves."""

    def make(name: Any = None) -> Transport:
        return wrap(make_transport(name))

    setattr(control, make_transport.__name__, make)


class Delivery:
    """What delivers the events of an SDK in this process, also when the SDK is forgotten."""

    def __init__(self, sdk: PaltabrainSdk[Any]) -> None:
        self._control = sdk._control

    def stats(self) -> Stats:
        """Return what ``sdk.stats()`` does."""
        return self._control.stats()

    def transport(self) -> Transport:
        """Return what makes its attempts."""
        return self._control._transport

    def threads(self) -> list[threading.Thread]:
        """Return its threads that have not ended."""
        thread = self._control._thread
        return [*([] if thread is None else [thread]), *self._control._pool._threads]


def locks_of(sdk: PaltabrainSdk[Any]) -> list[Any]:
    """Return all locks that belong to this SDK."""
    return list(_locks_below([sdk]))


def locks_of_process() -> list[Any]:
    """Return all locks of the package that belong to no SDK."""
    modules = [module for name, module in sys.modules.items() if name.startswith(_PACKAGE)]
    return list(_locks_below(value for module in modules for value in vars(module).values()))


@contextmanager
def held(locks: Iterable[Any]) -> Iterator[None]:
    """Hold those of the locks that nobody else does."""
    with ExitStack() as stack:
        taken = 0
        for lock in locks:
            if lock.acquire(blocking=False):
                stack.callback(lock.release)
                taken += 1
        assert taken, "there is no lock"
        yield


def _locks_below(roots: Iterable[object]) -> Iterator[Any]:
    """Find the locks that objects refer to, directly or by others of the package."""
    pending, seen = list(roots), set[int]()
    while pending:
        found = pending.pop()
        if id(found) in seen or isinstance(found, type):
            continue
        seen.add(id(found))
        if isinstance(found, _LOCKS):
            yield found
        if isinstance(found, _PASSED_THROUGH) or type(found).__module__.startswith(_PACKAGE):
            pending += gc.get_referents(found)
