"""What runs the process: uWSGI with or without threads, gevent, eventlet.

Another thread may be importing one of them just now: what a module lacks yet has done nothing yet.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import BuiltinFunctionType, ModuleType
from typing import Any

__all__ = ["cooperative_sleep", "greenlet", "loaded", "may_be_patched", "uwsgi"]


def loaded(name: str) -> Any:
    """Return a module if it was imported, or ``None``; all threads may ask at once.

    Not by ``sys.modules.get()``: for that, threads without a GIL queue up for a lock (in 3.13), and
    in a child that is forked meanwhile it can stay locked for ever.
    """
    if name in sys.modules:
        with contextlib.suppress(KeyError):  # removed meanwhile
            return sys.modules[name]
    return None


def uwsgi() -> ModuleType | None:
    """Return uWSGI's own module, if uWSGI runs this process.

    It is built into the server. Whatever else goes by that name, such as a module of the user's or
    a package of stubs, has functions of Python, or none.
    """
    module = loaded("uwsgi")
    if not isinstance(module, ModuleType):
        return None
    names = vars(module)
    is_real = isinstance(names.get("worker_id"), BuiltinFunctionType) and "opt" in names
    return module if is_real else None


def cooperative_sleep() -> Callable[[float], object] | None:
    """Return what lets other greenlets run while this one sleeps; ``None`` in a plain thread."""
    get_hub = getattr(loaded("gevent._hub_local"), "get_hub_if_exists", None)
    if get_hub is not None:
        hub = get_hub()
        # the loop's own callbacks may not wait for it
        if hub is not None and sys.modules["greenlet"].getcurrent() is not hub:
            sleep: Callable[[float], object] = sys.modules["gevent"].sleep
            return sleep
    is_patched = getattr(loaded("eventlet.patcher"), "is_monkey_patched", None)
    if is_patched is not None and is_patched("thread"):
        green: Callable[[float], object] = sys.modules["eventlet"].sleep
        return green
    return None


def may_be_patched() -> bool:
    """Tell whether gevent or eventlet is installed, and so may patch threads at any time.

    While they do, no other thread may import: it would find another identity of its own when it
    releases the lock of the module, and leave that locked for ever.
    """
    return any(_is_installed(name) for name in ("gevent", "eventlet"))


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # a stand-in of a test's, which has no spec; the package may follow it
        return True


def greenlet() -> object | None:
    """Return the greenlet that is running; ``None`` in a process that has none."""
    get_current = getattr(loaded("greenlet"), "getcurrent", None)
    return None if get_current is None else get_current()
