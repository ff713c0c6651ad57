"""Runs a command in place of this process: its streams are its own, signals are passed on."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NamedTuple

__all__ = ["CommandError", "Ended", "run_command"]

_PASSED_ON: Final = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
]
_WAIT_SECONDS: Final = 1.0
_OF_TERMINALS: Final = (signal.SIGINT, signal.SIGQUIT)
"""Signals that a terminal sends to the command as well, by Ctrl-C and Ctrl-\\."""


class CommandError(Exception):
    """The command cannot be run.

    Attributes:
        code: exit code that a shell has for this.
    """

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class Ended(NamedTuple):
    """A command that has ended.

    Attributes:
        command: the program and its arguments.
        status: its exit code; less than 0: the number of the signal that has ended it, negated.
    """

    command: Sequence[str]
    status: int

    @property
    def code(self) -> int:
        """The exit code as a shell has it: 128 and the number of the signal, if one ended it."""
        return self.status if self.status >= 0 else 128 - self.status

    @property
    def signal(self) -> str | None:
        """The name of the signal that has ended it; or, by its exit code, what a shell has run."""
        number = self.code - 128
        if number <= 0:
            return None
        try:
            return signal.Signals(number).name
        except ValueError:  # a real-time one has no name
            return f"signal {number}" if self.status < 0 else None


def run_command(command: Sequence[str], environment: Mapping[str, str]) -> Ended:
    """Run a command to its end.

    Args:
        command: the program and its arguments.
        environment: all its environment variables.

    Raises:
        CommandError: there is no such program, or it cannot be run.
    """
    with _passed_on() as receivers:
        try:
            process = subprocess.Popen(command, env=environment)
        except OSError as error:
            code = 127 if isinstance(error, FileNotFoundError) else 126
            raise CommandError(f"{command[0]}: {error.strerror}", code) from None
        receivers(process)
        # One that comes just before a wait without an end would be passed on at that end.
        while True:
            with suppress(subprocess.TimeoutExpired):
                return Ended(command, process.wait(_WAIT_SECONDS))


class _Receivers:
    """Passes signals on to the process, once there is one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def __call__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        for number in self._early:
            process.send_signal(number)

    def receive(self, number: int, _frame: FrameType | None) -> None:
        if number in _OF_TERMINALS and _is_in_foreground():
            return
        if self._process is None:
            self._early.append(number)
        else:
            self._process.send_signal(number)


@contextmanager
def _passed_on() -> Iterator[_Receivers]:
    receivers = _Receivers()
    before = {number: signal.getsignal(number) for number in _PASSED_ON}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup, which the command inherits
            signal.signal(number, receivers.receive)
    try:
        yield receivers
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_in_foreground() -> bool:
    """Tell whether a terminal signals this process, and with it the command."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
