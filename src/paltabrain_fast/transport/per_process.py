"""Values that each process makes for itself, and that its forked children leave alone."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ..process.locks import RLock

__all__ = ["PerProcess"]

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Holds one value for each process: its connections, or the TLS context that they need.

    A forked child inherits the value of its parent, but must not touch it. The connections in it
    are the parent's, and what the child wrote there would break them. Locks in it may be held by
    threads that only the parent has. So the child makes a value of its own, and does not even free
    the inherited one: OpenSSL would take a lock for that, and libcurl would say goodbye to the
    server.

    Any thread may call any method. The lock is the process's own as well, since a fork could copy
    it while it is held.

    Args:
        make: makes the value for a process, or raises. One thread at a time calls it, and others
            wait for it.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._values: dict[int, T] = {}  # by process
        self._making: dict[int, RLock] = {}  # by process, while there is no value
        weakref.finalize(self, _keep_inherited, self._values)

    def get(self) -> T:
        """Return the value of this process; make it if there is none.

        Raises:
            Exception: whatever ``make`` raises. The next call tries again.
        """
        process = os.getpid()
        value = self._values.get(process)
        if value is not None:
            return value
        with self._making.setdefault(process, RLock()):
            value = self._values.get(process)
            return self._values.setdefault(process, self._make()) if value is None else value

    def pop(self) -> T | None:
        """Remove the value of this process and return it; ``None`` if there is none."""
        return self._values.pop(os.getpid(), None)


def _keep_inherited(values: dict[int, Any]) -> None:
    """Before the values are freed: give those of other processes a reference that never goes."""
    import ctypes  # here, as it is seldom needed

    for process, value in list(values.items()):  # another thread may add one
        if process != os.getpid():
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))
