"""Calls ``on_error``: errors wait in a queue until a thread of the SDK's makes the calls."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Final

from ..errors import ErrorInfo
from ..process.pristine import Lock
from ..process.reentrancy import Scope, call_in

__all__ = ["Callback", "Callbacks", "check_callback"]

_MAX_CALLBACKS: Final = 1000
_AWAITED: Final = 0x80 | 0x100 | 0x200
"""Flags of the code of coroutines, and of generators that stand in for them."""


class Callback:
    """Holds ``on_error`` for the SDK; whoever else needs it holds this weakly.

    So a callback that refers to the SDK does not keep it alive.
    """

    def __init__(self, on_error: Callable[[Exception, ErrorInfo], object]) -> None:
        self.on_error = on_error


def check_callback(name: str, callback: object, arguments: str) -> None:
    """Raise a ``TypeError`` unless an option is a function that can be called with two arguments.

    Args:
        name: of the option.
        callback: its value.
        arguments: what the two are, in words.
    """
    if not callable(callback):
        raise TypeError(f"{name} must be callable, not {callback!r}")
    if _takes_two(callback):
        return
    import inspect  # here, as it takes milliseconds

    if inspect.iscoroutinefunction(callback):
        raise TypeError(f"{name} must be a plain function, as nobody awaits it, not {callback!r}")
    try:
        signature = inspect.signature(callback)
    except ValueError:  # some callables of C have none that can be read
        return
    try:
        signature.bind(None, None)
    except TypeError as error:
        raise TypeError(f"{name} must take {arguments}, not {callback!r}: {error}") from None


def _takes_two(callback: object) -> bool:
    """Tell whether this is a plain function of two positional parameters, as most are."""
    if type(callback) is not FunctionType or callback.__dict__:
        return False
    code = callback.__code__
    return code.co_argcount == 2 and not code.co_kwonlyargcount and not code.co_flags & _AWAITED


class Callbacks:
    """The calls of ``on_error`` that are to be made.

    Any thread may call it, except for ``run``, which is for the sender threads.

    Args:
        callback: what errors are told to; ``None`` if nobody wants to know.
        log_failure: called with what ``on_error`` has raised.
    """

    def __init__(
        self, callback: Callback | None, log_failure: Callable[[Exception], object]
    ) -> None:
        self.on_queued: Callable[[], object] = lambda: None
        """Called after an error was queued; set by the pipeline, whose threads run callbacks."""
        self._callback = None if callback is None else weakref.ref(callback)
        self._log_failure = log_failure
        self._queue: deque[tuple[Exception, ErrorInfo]] = deque()
        self._running = Lock()  # held by the one thread that makes callbacks

    def __bool__(self) -> bool:
        """Whether ``on_error`` is yet to be called."""
        return bool(self._queue)

    def queue(self, error: Exception, info: ErrorInfo) -> None:
        """Have ``on_error`` called; while ``_MAX_CALLBACKS`` wait, drop the error."""
        if self._callback is not None and len(self._queue) < _MAX_CALLBACKS:
            self._queue.append((error, info))
            self.on_queued()

    def run(self) -> None:
        """Make the callbacks that are queued, one by one; in a thread of the SDK's own.

        The callback may take its time, and may flush or shut down the SDK.
        """
        # Only one thread makes callbacks, and others leave theirs to it. It looks again when it has
        # released the lock, so none is left behind.
        while self._queue and self._running.acquire(blocking=False):
            try:
                while self._queue:
                    self._call(*self._queue.popleft())
            finally:
                self._running.release()

    def _call(self, error: Exception, info: ErrorInfo) -> None:
        callback = None if self._callback is None else self._callback()
        if callback is None:
            return
        try:
            call_in(Scope.USER, partial(callback.on_error, error, info))
        except Exception as failure:
            self._log_failure(failure)
