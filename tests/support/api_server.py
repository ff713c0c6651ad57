"""A real HTTPS server on loopback that stands in for PaltaBrain's API."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

from paltabrain_fast.sdk_pb2 import Batch


@dataclass(frozen=True)
class Received:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def batch(self) -> Batch:
        return Batch.FromString(self.body)


@dataclass(frozen=True)
class Answer:
    """How to answer: a status and headers; a reset in place of an answer; after ``release``."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    reset: bool = False
    release: threading.Event | None = None


class ApiServer:
    """Keeps every request; ``answer`` decides on each, given how many came before it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.answer: Callable[[int, Received], Answer] = lambda _count, _request: Answer()
        self._arrived = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.context = context
        self._server.api = self
        self.hostname = f"localhost:{self._server.server_address[1]}"

    @property
    def batches(self) -> list[Batch]:
        return [request.batch for request in self.requests]

    def wait_for(self, count: int, deadline: float = 30.0) -> list[Received]:
        """Wait until this many requests have come in."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.requests) >= count, deadline), (
                f"{len(self.requests)} of {count} requests within {deadline} s"
            )
            return list(self.requests)

    @contextlib.contextmanager
    def serving(self) -> Iterator[ApiServer]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _receive(self, request: Received) -> Answer:
        with self._arrived:
            count = len(self.requests)
            self.requests.append(request)
            self._arrived.notify_all()
        return self.answer(count, request)

    def _handler(api) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                received = Received(self.command, self.path, dict(self.headers), body)
                answer = api._receive(received)
                if answer.release is not None:
                    answer.release.wait(60)
                if answer.reset:
                    self.close_connection = True
                    _reset(self.connection)
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Keep the tests' output quiet."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    context: ssl.SSLContext
    api: ApiServer

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.api.connections += 1
        with (
            contextlib.suppress(OSError),  # a client that goes away or does not trust us
            self.context.wrap_socket(request, server_side=True) as connection,
        ):
            super().finish_request(connection, client_address)


def _reset(connection: socket.socket) -> None:
    """Make the kernel send RST in place of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def make_certificates(directory: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """Return a CA file to trust, and the context of a server for ``localhost``, or other names."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(context)
    ca_file = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    return ca_file, context
