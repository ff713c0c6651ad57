"""Ends a command that waits when nobody reads its output any more, as ``| head -1`` does."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["OutputClosedError", "ended_when_output_closes"]


class OutputClosedError(Exception):
    """Nobody reads the standard output any more."""


@contextmanager
def ended_when_output_closes() -> Iterator[None]:
    """Raise ``OutputClosedError`` in the block, which the main thread runs, when that happens.

    A write would find out, too, but there may be nothing to write for hours. A thread waits for
    the pipe to be closed, and wakes the main thread by a signal that is ignored otherwise.
    """
    main = threading.get_ident()
    try:
        output = sys.stdout.fileno()
    except (OSError, ValueError):  # it is no file, as within a test
        yield
        return

    def wait() -> None:
        waiting = select.poll()
        waiting.register(output, 0)  # errors are always waited for
        waiting.poll()
        with suppress(ProcessLookupError):
            signal.pthread_kill(main, signal.SIGPIPE)

    before = signal.signal(signal.SIGPIPE, _closed)
    threading.Thread(target=wait, name="output", daemon=True).start()
    try:
        yield
    except BrokenPipeError:
        _discard_output()
        raise OutputClosedError from None
    finally:
        signal.signal(signal.SIGPIPE, before)


def _closed(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    waiting = select.poll()
    waiting.register(sys.stdout.fileno(), 0)
    if waiting.poll(0):
        _discard_output()
        raise OutputClosedError


def _discard_output() -> None:
    """Let what is buffered go nowhere: it cannot be written, and the exit would complain of it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
