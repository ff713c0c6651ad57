"""Forks with locks of objects held, on a free-threaded interpreter.

As if by threads that only the parent has, or by the thread that forks, which goes on to release it.
``object_locks HOLDER``
"""

import ctypes
import faulthandler
import os
import sys
from typing import Any

from tests.support.events import TextContext  # noqa: F401  has the package watch forks
from tests.support.forks import reap

_LOCK = 10  # where it is in each object, of whatever type
child = -1


class Key:
    """Forks while it is compared, with the lock of the dict held by this thread."""

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        global child
        child = os.fork()
        return self is other


(holder,) = sys.argv[1:]
if holder == "other thread":
    # the collector knows of the list and of one dict, not of the other
    shared: list[Any] = [{1: 2}, {1: []}]
    held = [ctypes.c_uint8.from_address(id(each) + _LOCK) for each in (shared, *shared)]
    for lock in held:
        lock.value = 1
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(30, exit=True)
        shared.append(shared[0].get(1))
        shared[1].clear()
        os._exit(0)
    for lock in held:
        lock.value = 0
else:
    keys: dict[Any, int] = {Key(): 1}
    assert keys.get(Key()) is None
    if child == 0:
        keys.clear()
        os._exit(0)
reap(child)
