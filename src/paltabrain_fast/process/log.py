"""Writes log lines, from which nothing of the SDK's own follows."""

from __future__ import annotations

import contextlib
import logging
import sys
from functools import partial
from typing import Any, Final

from ..constant import LOGGER_NAME
from .clock import monotonic
from .reentrancy import Scope, call_in, is_logging, own_thread

__all__ = ["Sparing", "check_logger", "is_visible", "log_line", "logger", "warn", "write_line"]

logger: Final = logging.getLogger(f"{LOGGER_NAME}.sdk")
logging.getLogger(LOGGER_NAME).addHandler(logging.NullHandler())

_PREFIX: Final = "paltabrain_fast: "

_METHODS: Final = {  # one for each level, as an object that stands in for a logger has
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
}


class Sparing:
    """Lets something be said of each topic once in a while.

    Any thread may ask, also in a signal handler, and in a forked child: there is no lock.

    Args:
        seconds: how long a topic is quiet after that.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._quiet_until: dict[str, float] = {}  # by topic, a reading of monotonic()
        self._takers: dict[tuple[str, float], object] = {}  # who took the turn that came then

    def may_tell(self, topic: str) -> bool:
        """Tell whether something may be said of a topic; then nobody else may for a while."""
        now, due = monotonic(), self._quiet_until.get(topic, 0.0)
        if now < due:
            return False
        self._quiet_until[topic] = now + self._seconds
        taker = object()
        if self._takers.setdefault((topic, due), taker) is not taker:  # another thread was first
            return False
        for turn in list(self._takers):
            if turn[0] == topic and turn[1] != due:
                self._takers.pop(turn, None)
        return True


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


def warn(line: str, to: logging.Logger = logger, level: int = logging.WARNING) -> None:
    """Log a warning, or an error; write it to ``sys.stderr`` where nobody has configured logging.

    Who has silenced the logger, by its level or otherwise, is told nothing.

    Args:
        line: the whole line.
        to: a logger, or what has its methods for each level.
        level: ``logging.WARNING`` or ``logging.ERROR``.
    """
    if not isinstance(to, logging.Logger) or is_visible(to):
        log_line(level, "%s", line, to=to)
    elif to.isEnabledFor(level):
        _write_to_stderr(f"{logging.getLevelName(level)}: {line}")


def write_line(level: int, line: str, to: logging.Logger = logger) -> None:
    """Log a line where somebody sees it, and else write it to ``sys.stderr``; never both."""
    if not isinstance(to, logging.Logger) or (to.isEnabledFor(level) and is_visible(to, level)):
        log_line(level, "%s", line, to=to)
    else:
        _write_to_stderr(line)


def is_visible(to: logging.Logger, level: int | None = None) -> bool:
    """Tell whether any handler writes what a logger logs; a ``NullHandler`` does not.

    Args:
        to: the logger.
        level: of the lines that are meant; ``None`` for those of any level.
    """
    current: logging.Logger | None = to
    while current is not None:
        for handler in current.handlers:
            if isinstance(handler, logging.NullHandler):
                continue
            if level is None or handler.level <= level:
                return True
        current = current.parent if current.propagate else None
    return False


def _write_to_stderr(line: str) -> None:
    """Write a line, unless the standard error is missing, closed or broken; see ``log_line``."""
    if not is_logging():
        with contextlib.suppress(Exception if own_thread() is None else BaseException):
            call_in(Scope.LOGGING, partial(_write, f"{_PREFIX}{line}\n"))


def _write(text: str) -> None:
    stream: Any = sys.stderr  # None under pythonw, or in a daemon: an error like any other
    try:
        stream.write(text)  # in one call, so that threads do not write into each other's lines
    except UnicodeError:
        stream.write(text.encode("ascii", "backslashreplace").decode())
    stream.flush()
