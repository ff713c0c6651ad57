"""Real proxies on loopback: one that is asked by CONNECT, and one that speaks SOCKS 5."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO


class ProxyServer:
    """Opens tunnels, wherever they lead, and keeps a list of them.

    Args:
        credentials: ``user:password`` to ask for; without them the answer is 407.
        context: of the proxy's own TLS; ``None``: it is spoken to in plain HTTP.
        status: answer to those that may connect; other than 200, no tunnel is opened.

    Attributes:
        address: host and port.
        asked: target and ``Proxy-Authorization`` of each request.
    """

    def __init__(
        self,
        *,
        credentials: str | None = None,
        context: ssl.SSLContext | None = None,
        status: int = 200,
    ) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self._credentials = credentials
        self._context = context
        self._status = status
        self._open: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self._server.proxy = self
        self.address = f"localhost:{self._server.server_address[1]}"

    @contextlib.contextmanager
    def serving(self) -> Iterator[ProxyServer]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            for connection in list(self._open):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._server.server_close()

    def serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        with contextlib.suppress(OSError):
            if self._context is None:
                self._tunnel(connection)
            else:
                with self._context.wrap_socket(connection, server_side=True) as secure:
                    self._open.add(secure)
                    self._tunnel(secure)

    def _tunnel(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):  # nothing follows before the tunnel is open
            if not (piece := client.recv(65_536)):
                return
            head += piece
        lines = head.decode("latin-1").split("\r\n")
        target = lines[0].split()[1]
        fields = [line.split(": ", 1) for line in lines[1:] if line]
        authorization = {name.lower(): value for name, value in fields}.get("proxy-authorization")
        self.asked.append((target, authorization))
        wanted = self._credentials and base64.b64encode(self._credentials.encode()).decode()
        status = 407 if wanted and authorization != f"Basic {wanted}" else self._status
        client.sendall(f"HTTP/1.1 {status} Whatever\r\nRetry-After: 99\r\n\r\n".encode())
        if status == 200:
            host, _, port = target.rpartition(":")
            with socket.create_connection((host.strip("[]"), int(port)), 30) as server:
                _relay(client, server)


class SocksServer(ProxyServer):
    """The same in SOCKS 5 (RFC 1928, 1929), to loopback alone; ``asked`` has plain credentials."""

    def _tunnel(self, client: socket.socket) -> None:
        with client.makefile("rb") as stream:

            def text() -> str:
                return stream.read(stream.read(1)[0]).decode()

            _version, count = stream.read(2)
            method = 2 if self._credentials else 0
            accepted = method in stream.read(count)
            client.sendall(bytes([5, method if accepted else 0xFF]))
            given = None
            if accepted and self._credentials:
                stream.read(1)
                given = f"{text()}:{text()}"
                accepted = given == self._credentials
                client.sendall(bytes([1, not accepted]))
            if not accepted:
                self.asked.append(("", given))
                return
            kind = stream.read(4)[3]
            host = text() if kind == 3 else socket.inet_ntop(*_read_address(stream, kind))
            port = int.from_bytes(stream.read(2))
        self.asked.append((f"{host}:{port}", given))
        with socket.create_connection(("127.0.0.1", port), 30) as server:
            client.sendall(bytes([5, 0, 0, 1, *bytes(6)]))
            _relay(client, server)


def _read_address(stream: BinaryIO, kind: int) -> tuple[int, bytes]:
    family, length = {1: (socket.AF_INET, 4), 4: (socket.AF_INET6, 16)}[kind]
    return family, stream.read(length)


def _relay(client: socket.socket, server: socket.socket) -> None:
    while True:
        ready: list[socket.socket] = []
        if isinstance(client, ssl.SSLSocket) and client.pending():
            ready = [client]
        for source in ready or select.select([client, server], [], [])[0]:
            if not (data := source.recv(65_536)):
                return
            (server if source is client else client).sendall(data)


class _Server(socketserver.ThreadingTCPServer):
    proxy: ProxyServer

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        self.proxy.serve(request)
