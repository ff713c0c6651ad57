"""What runs the process: uWSGI with or without threads, gevent, eventlet."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import BuiltinFunctionType, ModuleType

__all__ = ["cooperative_sleep", "greenlet", "uwsgi"]


def uwsgi() -> ModuleType | None:
    """Return uWSGI's own module, if uWSGI runs this process.

    It is built into the server. Whatever else goes by that name, such as a module of the user's or
    a package of stubs, has functions of Python, or none.
    """
    module = sys.modules.get("uwsgi")
    if not isinstance(module, ModuleType):
        return None
    names = vars(module)
    is_real = isinstance(names.get("worker_id"), BuiltinFunctionType) and "opt" in names
    return module if is_real else None


def cooperative_sleep() -> Callable[[float], object] | None:
    """Return what lets other greenlets run while this one sleeps; ``None`` in a plain thread."""
    hubs = sys.modules.get("gevent._hub_local")
    if hubs is not None:
        hub = hubs.get_hub_if_exists()
        # the loop's own callbacks may not wait for it
        if hub is not None and sys.modules["greenlet"].getcurrent() is not hub:
            sleep: Callable[[float], object] = sys.modules["gevent"].sleep
            return sleep
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("thread"):
        green: Callable[[float], object] = sys.modules["eventlet"].sleep
        return green
    return None


def greenlet() -> object | None:
    """Return the greenlet that is running; ``None`` in a process that has none."""
    module = sys.modules.get("greenlet")
    return None if module is None else module.getcurrent()
