"""A minimal HTTPS server on loopback, in a process of its own: it answers 200 to every request.

    python -m benchmarks.sink DIRECTORY [silent]

DIRECTORY holds its certificate. With ``silent``, it reads requests and answers none. For each line
of standard input it prints the number of TLS handshakes so far. It ends when its input ends.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.certificates import make_certificates

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Address(NamedTuple):
    """Hostname, with the port, and authority of a server."""

    hostname: str
    ca_file: Path


class Sink:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], ca_file: Path) -> None:
        self._process = process
        self.ca_file = ca_file
        self.hostname = f"localhost:{self._read()}"

    @property
    def address(self) -> Address:
        """What another process needs to connect."""
        return Address(self.hostname, self.ca_file)

    def handshakes(self) -> int:
        """Return the number of TLS handshakes so far, which is that of connections."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@contextmanager
def running_sink(*options: str) -> Iterator[Sink]:
    """Run a server until the end of the block."""
    with tempfile.TemporaryDirectory() as directory:
        ca_file, _ = make_certificates(Path(directory))
        command = [sys.executable, "-m", "benchmarks.sink", directory, *options]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
            yield Sink(process, ca_file)


handshakes: list[None] = []


def answer(connection: socket.socket, context: ssl.SSLContext) -> None:
    with (
        contextlib.suppress(OSError),
        context.wrap_socket(connection, server_side=True) as secure,
        secure.makefile("rb") as stream,
    ):
        handshakes.append(None)
        while stream.readline():  # the request line
            length = 0
            while (line := stream.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            stream.read(length)
            if "silent" not in sys.argv:
                secure.sendall(ANSWER)


def serve(context: ssl.SSLContext) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=answer, args=(connection, context), daemon=True).start()


def main() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(sys.argv[1]) / "server.pem")  # with its key
    threading.Thread(target=serve, args=(context,), daemon=True).start()
    for _ in sys.stdin:
        print(len(handshakes), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
