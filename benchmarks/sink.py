"""A minimal HTTPS server on loopback, in a process of its own, that answers 200 to every request.

    python -m benchmarks.sink DIRECTORY

The directory has its certificate. It ends with its standard input.
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

from tests.support.certificates import make_certificates

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def running_sink() -> Iterator[tuple[str, Path]]:
    """Run it; give its hostname, and the certificate to trust."""
    with tempfile.TemporaryDirectory() as directory:
        ca_file, _ = make_certificates(Path(directory))
        command = [sys.executable, "-m", "benchmarks.sink", directory]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
            assert process.stdout is not None
            yield f"localhost:{int(process.stdout.readline())}", ca_file


def answer(connection: socket.socket, context: ssl.SSLContext) -> None:
    with (
        contextlib.suppress(OSError),
        context.wrap_socket(connection, server_side=True) as secure,
        secure.makefile("rb") as stream,
    ):
        while stream.readline():  # the request line
            length = 0
            while (line := stream.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            stream.read(length)
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
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
