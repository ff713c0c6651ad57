"""Garbage of others, for tests that leave finalizers no room."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_finalizers() -> Iterator[None]:
    """Have no finalizer run at the limit of recursion, where it would say that it has failed."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
