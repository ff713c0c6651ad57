"""A server on loopback that answers the config download as a test tells it to."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]

DEADLINE = 20.0
"""Seconds after which a test that waits has failed."""


@dataclass
class ConfigServer:
    """Records its requests; ``answer`` writes the responses."""

    port: int
    answer: Answer
    requests: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    @property
    def hostname(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def serve(tls: ssl.SSLContext | None) -> Iterator[ConfigServer]:
    """Run a server, over TLS if its context is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            config_server.requests.append((self.path, dict(self.headers)))
            config_server.answer(self)

        def log_message(self, *_args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_args: object) -> None:
            """Print nothing: tests have clients that hang up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        config_server = ConfigServer(server.server_address[1], status(404))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield config_server
        finally:
            server.shutdown()
            thread.join(DEADLINE)


def status(code: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with a complete response."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def reset_after(body: bytes, announced: int) -> Answer:
    """Send part of the announced body, then reset the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        status(200, body, {"Content-Length": str(announced)})(handler)
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.close()

    return answer


def cut_after(body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send a body and close the connection cleanly, even if the headers announce more."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return answer


def endless(chunk: bytes) -> Answer:
    """Send without end and without announcing a length, until the client hangs up."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(chunk)

    return answer


def raw(data: bytes) -> Answer:
    """Send these bytes in place of a response."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)

    return answer
