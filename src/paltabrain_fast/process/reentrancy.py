"""Tells whether the code that is running was called by the SDK itself, which it must not feed.

A logging handler that tracks an event for each record gets the records of delivery, too: each event
would bring about the next. So what is tracked in a log call of the SDK's own, or in one of its
threads, is dropped. But ``on_error`` is the user's own code.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from .locks import current, local

__all__ = ["call_logging", "enter_thread", "is_inside", "is_logging", "outside", "renew"]


def _note_nothing(_change: int) -> None:
    pass


note_inside: Callable[[int], None] = _note_nothing
"""Tells the native ``track()`` that this thread enters or leaves the SDK's own code, by 1 or -1."""


class _Mark(local):
    ours = False


_mark = _Mark()
_logging: set[object] = set()  # who is in a log call of ours; a thread has many greenlets


def enter_thread() -> None:
    """Make the current thread one of the SDK's own, for good."""
    _mark.ours = True
    note_inside(1)


def is_logging() -> bool:
    """Tell whether this is a log call of the SDK's own."""
    return current() in _logging


def is_inside() -> bool:
    """Tell whether this is a log call or a thread of the SDK's own, and not ``on_error``."""
    return _mark.ours or is_logging()


def renew() -> None:
    """Forget, in a forked child, the threads of the parent: others may get their identities."""
    _logging.intersection_update({current()})


def call_logging(call: Callable[[], object]) -> None:
    """Make a log call of the SDK's own. They are not nested.

    No context manager: what a signal handler raises as one is left would end it never, or late.
    """
    caller = current()
    noted = False
    try:
        _logging.add(caller)
        noted = True
        note_inside(1)
        call()
    finally:
        try:
            if noted:
                note_inside(-1)
        finally:
            _logging.discard(caller)


@contextlib.contextmanager
def outside() -> Iterator[None]:
    """Within, this is code of the user's, in a thread of the SDK's own or not."""
    ours = _mark.ours
    try:
        if ours:
            _mark.ours = False
            note_inside(-1)
        yield
    finally:
        if ours:
            note_inside(1)
            _mark.ours = True
