"""Modules of C as they are without patches, and what threads are made of.

gevent and eventlet put greenlets in the place of threads at any time: before this package is
imported, or while its threads run. The SDK uses what stands here, and so notices none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.machinery import BuiltinImporter, PathFinder
from importlib.util import module_from_spec
from typing import TYPE_CHECKING, Any, Final

__all__ = ["TIMEOUT_MAX", "Lock", "get_ident", "local", "pristine", "pristine_thread"]


def pristine(name: str) -> Any:
    """Load a module of C a second time, without patches; return the usual one if that fails."""
    spec = BuiltinImporter.find_spec(name) or PathFinder.find_spec(name)
    if spec is None or spec.loader is None:
        return import_module(name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pristine_thread: Final = pristine("_thread")

if TYPE_CHECKING:
    from threading import local
else:
    local = pristine_thread._local

Lock: Final = pristine_thread.allocate_lock
get_ident: Final[Callable[[], int]] = pristine_thread.get_ident
TIMEOUT_MAX: Final[float] = pristine_thread.TIMEOUT_MAX
"""The longest wait in seconds that a lock accepts."""
