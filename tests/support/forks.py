"""What programs that fork have in common: their SDK, ways to fork, the end of their children."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import sys
from collections.abc import Callable
from typing import Any, Final

from paltabrain_fast import PaltabrainSdk

from .events import TextContext
from .silence import await_silence

__all__ = ["FORKS", "end_child", "fork_past_hooks", "make_sdk", "reap"]


def make_sdk(**options: Any) -> PaltabrainSdk[Any]:
    """Make one that sends to the server that the program's first argument names."""
    merged: dict[str, Any] = {"flush_buffer_size": 10, "exit_timeout": 30} | options
    return PaltabrainSdk(sys.argv[1], "key", TextContext(), **merged)


def fork_past_hooks() -> int:
    """Fork as a C library does, with the GIL, while no other thread wants it; no hook is called.

    A child that hangs ends with a traceback.
    """
    fork: Callable[[], int] = ctypes.PyDLL(None).fork
    await_silence()
    child = fork()
    if child == 0:
        faulthandler.dump_traceback_later(30, exit=True)
    return child


FORKS: Final = {"os.fork": os.fork, "past the hooks": fork_past_hooks}


def reap(*children: int) -> None:
    """Wait for children, all of which must end well."""
    for child in children:
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, status


def end_child(child: int) -> None:
    """End the child at once; in the parent, wait for it."""
    if child == 0:
        sys.stdout.flush()
        os._exit(0)
    reap(child)
