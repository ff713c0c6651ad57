"""Answers one question: what is this thread doing for the SDK right now?

Signal handlers, finalizers, logging handlers and transports are the user's code. The SDK's own work
calls it, or is interrupted by it, in the same thread. Two rules follow from the answer:

- ``may_wait``: such code must not wait for work that goes on only when it returns.
- ``refuses_events``: what is tracked in a log call of the SDK's own, or in one of its threads, is
  dropped. A logging handler that tracks an event for each record gets the records of delivery,
  too, so that each event would cause the next. Events that ``on_error`` tracks are taken.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any, TypeVar

from . import hosts
from .pristine import get_ident, local

__all__ = [
    "Scope",
    "call_in",
    "current_flow",
    "enter_thread",
    "is_forking",
    "is_logging",
    "may_wait",
    "note_fork",
    "own_thread",
    "refuses_events",
]

T = TypeVar("T")


class Scope(Enum):
    """What a thread, or a greenlet, is doing."""

    USER = auto()
    """The user's code, which may wait and whose events are taken."""
    WORKING = auto()
    """The SDK's work in a thread of the user's, which sends by itself for want of others."""
    LOGGING = auto()
    """A log call of the SDK's own."""
    THREAD = auto()
    """One of the SDK's own threads."""


class _Inside(local):
    """Of each thread. A forked child keeps that of the thread that has forked, and no other."""

    def __init__(self) -> None:
        self.thread: Any = None  # the SDK's own thread that this is
        self.scopes: dict[object, Scope] = {}  # by flow: a thread has many greenlets
        self.is_forking = False  # no scope, as it begins and ends in hooks: see forks.py


_inside = _Inside()


def _note_nothing(_change: int) -> None:
    pass


note_inside: Callable[[int], None] = _note_nothing
"""Tells the native ``track()`` that this thread begins (1) or ceases (-1) to refuse events."""


def current_flow() -> object:
    """Return what is running: the greenlet, where there are any, or else the thread's identity."""
    greenlet = hosts.greenlet()
    return get_ident() if greenlet is None else greenlet


def _scope() -> Scope:
    scopes = _inside.scopes
    if scopes and (scope := scopes.get(current_flow())) is not None:
        return scope
    return Scope.USER if _inside.thread is None else Scope.THREAD


def _refuses(scope: Scope) -> bool:
    return scope is Scope.LOGGING or scope is Scope.THREAD


def refuses_events() -> bool:
    """Tell whether what is tracked here is dropped, as the SDK itself has called who tracks."""
    return _refuses(_scope())


def may_wait() -> bool:
    """Tell whether this code may wait for the SDK's work; not if it has interrupted that work.

    Nor if it has interrupted a fork, or is a hook of one: threads wait for the end of that.
    """
    return _scope() is Scope.USER and not _inside.is_forking


def is_logging() -> bool:
    """Tell whether this is a log call of the SDK's own."""
    return _scope() is Scope.LOGGING


def is_forking() -> bool:
    """Tell whether this thread is inside a fork: in a hook, or in a handler that interrupts it."""
    return _inside.is_forking


def note_fork(*, begun: bool) -> None:
    """Note that this thread begins to fork, or is done with it."""
    _inside.is_forking = begun


def own_thread() -> Any:
    """Return the ``Thread`` of the SDK's own that this is, ``None`` in any other."""
    return _inside.thread


def enter_thread(thread: object) -> None:
    """Make the current thread one of the SDK's own, until it ends."""
    _inside.thread = thread
    note_inside(1)


def call_in(scope: Scope, call: Callable[[], T]) -> T:
    """Call something, as what this thread does for the SDK.

    This is no context manager: a signal handler could raise after ``__enter__`` and before the
    body, and the scope would never end.
    """
    scopes, flow = _inside.scopes, current_flow()
    before, now = scopes.get(flow), _scope()
    change, noted = _refuses(scope) - _refuses(now), 0
    try:
        scopes[flow] = scope
        noted = change  # first, as a signal handler may raise as soon as note_inside() is done
        note_inside(noted)
        return call()
    finally:
        try:
            note_inside(-noted)
        finally:
            if before is None:
                scopes.pop(flow, None)
            else:
                scopes[flow] = before
