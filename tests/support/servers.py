"""Runs servers, each in a process group of its own, and asks them over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from .sdk import ROOT

__all__ = ["get", "listen", "running", "stop"]

_LIFETIME: Final = 110.0
"""Seconds after which a server is killed, whatever has become of its test."""


@contextlib.contextmanager
def running(
    directory: Path, *command: str, listener: socket.socket | None = None, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """A server in a process group of its own, killed in the end; it inherits the listener."""
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=os.environ | environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        pass_fds=() if listener is None else (listener.fileno(),),
    )
    watchdog = threading.Timer(_LIFETIME, _kill, [process])
    watchdog.start()
    try:
        if listener is not None:
            listener.close()
        yield process
    finally:
        watchdog.cancel()
        _kill(process)
        process.communicate(timeout=30)


def _kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def stop(process: subprocess.Popen[str]) -> str:
    """Have it end in its own way, and return what it has said."""
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    return output


def listen(path: Path) -> socket.socket:
    """Make the socket of a server, so that one can ask it before it is there to answer."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


def get(
    address: Path | int, url: str, method: str = "GET", headers: Mapping[str, str] | None = None
) -> str:
    """Ask a server on a Unix socket, or on a port of this machine."""
    port = address if isinstance(address, int) else None
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        if not isinstance(address, int):
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(60)
            connection.sock.connect(str(address))
        connection.request(method, url, headers=headers or {})
        return connection.getresponse().read().decode()
