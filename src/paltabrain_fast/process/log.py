"""Writes log lines, from which nothing of the SDK's own follows."""

from __future__ import annotations

import contextlib
import logging
import sys
from functools import partial
from typing import Final

from ..constant import LOGGER_NAME
from .reentrancy import Scope, call_in, is_logging, own_thread

__all__ = ["check_logger", "is_visible", "log_line", "logger", "warn"]

logger: Final = logging.getLogger(f"{LOGGER_NAME}.sdk")
logging.getLogger(LOGGER_NAME).addHandler(logging.NullHandler())

_PREFIX: Final = "paltabrain_fast: WARNING: "

_METHODS: Final = {  # one for each level, as an object that stands in for a logger has
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
}


def check_logger(candidate: object) -> None:
    """Raise a ``TypeError`` unless lines can be logged to this."""
    if not all(callable(getattr(candidate, name, None)) for name in _METHODS.values()):
        raise TypeError(f"logger must have {', '.join(_METHODS.values())}, not {candidate!r}")


def log_line(
    level: int,
    message: str,
    *arguments: object,
    error: Exception | None = None,
    to: logging.Logger = logger,
) -> None:
    """Log a line, and the traceback of ``error``.

    An exception of the user's own filters or handlers has nowhere left to be reported; in a thread
    of the SDK's own, not even one that is to end a program, and it would end that thread. What a
    handler does with the SDK is not logged in its turn, which might never end.

    Args:
        level: of the line.
        message: the line, with a place for each of the arguments.
        arguments: what is put there.
        error: whose traceback is logged with it.
        to: a logger, or what has its methods for each level.
    """
    if is_logging() or (isinstance(to, logging.Logger) and not to.isEnabledFor(level)):
        return
    with contextlib.suppress(Exception if own_thread() is None else BaseException):
        write = getattr(to, _METHODS[level])
        call_in(Scope.LOGGING, partial(write, message, *arguments, exc_info=error))


def warn(line: str, to: logging.Logger = logger) -> None:
    """Log a warning; write it to ``sys.stderr`` where nobody has configured logging.

    Who has silenced the logger, by its level or otherwise, is told nothing.

    Args:
        line: the whole line.
        to: a logger, or what has its methods for each level.
    """
    if not isinstance(to, logging.Logger) or is_visible(to):
        log_line(logging.WARNING, "%s", line, to=to)
    elif to.isEnabledFor(logging.WARNING) and not is_logging():
        with contextlib.suppress(Exception if own_thread() is None else BaseException):
            call_in(Scope.LOGGING, partial(_write, f"{_PREFIX}{line}\n"))


def is_visible(to: logging.Logger) -> bool:
    """Tell whether any handler writes what a logger logs; a ``NullHandler`` does not."""
    current: logging.Logger | None = to
    while current is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in current.handlers):
            return True
        current = current.parent if current.propagate else None
    return False


def _write(text: str) -> None:
    """Write to the standard error, which may be missing, closed or somebody's own."""
    if (stream := sys.stderr) is not None:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(ascii(text[:-1])[1:-1] + "\n")
        stream.flush()
