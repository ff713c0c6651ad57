"""A real HTTP(S) server on loopback that stands in for PaltaBrain's API, faults included."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from io import BufferedReader
from typing import Any, cast

from google.protobuf.message import DecodeError

from paltabrain_fast.constant import ENDPOINT_BATCH
from paltabrain_fast.sdk_pb2 import Batch

from .answers import Answer, Chooser, Fault, Received, always
from .event_log import EventLog

_BLOCK = b"x" * 65_536
_HINTS = {"Link": "</x>; rel=preload", "Retry-After": "99"}


class ApiServer:
    """Keeps books on every request; what it does with one is for the test to decide.

    Args:
        context: of the server's TLS; ``None``: plain HTTP.
        keep_requests: keep whole requests as well; not for a long run.
        port: which to listen on, for a server that comes back; any if not given.

    Attributes:
        hostname: ``localhost`` and port.
        answer: decides on a request once it is in, given how many came before it.
        refuse: the same before its body is read; ``None``: the request goes on.
        greet: decides on a connection before a byte is read from it, given how many came before.
        requests: those that came in wholly.
        log: identities of the events among them.
        connections: how many were accepted.
        received: how many requests came in wholly.
        handshakes: how many of them came through their TLS handshake.
        streamed: bytes of endless answers that went out.
    """

    def __init__(
        self, context: ssl.SSLContext | None, *, keep_requests: bool = True, port: int = 0
    ) -> None:
        self.answer: Chooser = always(Answer())
        self.refuse: Callable[[int, Received], Fault | None] = lambda _count, _request: None
        self.greet: Callable[[int], Fault | None] = lambda _count: None
        self.requests: list[Received] = []
        self.log = EventLog()
        self.connections = 0
        self.handshakes = 0
        self.streamed = 0
        self._context = context
        self._keep_requests = keep_requests
        self.received = 0
        self._heads = 0
        self._arrived = threading.Condition()
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", port), self._serve)
        self.port: int = self._server.server_address[1]
        self.hostname = f"localhost:{self.port}"

    @property
    def batches(self) -> list[Batch]:
        return [request.batch for request in self.requests]

    def wait_for(self, count: int, deadline: float = 30.0) -> list[Received]:
        """Wait until this many requests have come in."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: self.received >= count, deadline), (
                f"{self.received} of {count} requests within {deadline} s"
            )
            return list(self.requests)

    def wait_until_open(self, count: int, deadline: float = 30.0) -> None:
        """Wait until there are this many connections."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self._open) == count, deadline), (
                f"{len(self._open)} connections after {deadline} s, not {count}"
            )

    @contextlib.contextmanager
    def serving(self) -> Iterator[ApiServer]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._stopping.set()
            with self._arrived:
                for connection in self._open:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
            self._server.server_close()  # joins the threads of the connections

    def _serve(self, connection: socket.socket) -> None:
        """Serve one connection to its end, in a thread of its own."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            connection = self._context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        with self._arrived:
            count = self.connections
            self.connections += 1
            self._open.add(connection)
        try:
            with contextlib.suppress(OSError):  # a client that goes away or does not trust us
                self._converse(connection, self.greet(count))
        finally:
            connection.close()
            with self._arrived:
                self._open.discard(connection)
                self._arrived.notify_all()

    def _converse(self, connection: socket.socket, fault: Fault | None) -> None:
        if fault is not None:
            self._break(connection, fault)
            return
        if isinstance(connection, ssl.SSLSocket):
            connection.do_handshake()
            with self._arrived:
                self.handshakes += 1
        with cast(BufferedReader, connection.makefile("rb", 65_536)) as stream:
            while not self._stopping.is_set() and (head := _read_head(stream)) is not None:
                with self._arrived:
                    count = self._heads
                    self._heads += 1
                if (fault := self.refuse(count, head)) is not None:
                    self._break(connection, fault)
                    return
                length = int(head.headers.get("Content-Length", 0))
                if len(body := stream.read(length)) < length:
                    return  # the client has gone away
                if not self._answer(
                    connection, Received(head.method, head.path, head.headers, body)
                ):
                    return

    def _answer(self, connection: socket.socket, request: Received) -> bool:
        """Answer a request; return whether the connection can take another."""
        with self._arrived:
            count = self.received
            self.received += 1
            if self._keep_requests:
                self.requests.append(request)
            self._arrived.notify_all()
        answer = self.answer(count, request)
        while answer.release is not None and not answer.release.wait(0.02):
            if self._stopping.is_set():
                return False
        if request.path == ENDPOINT_BATCH:
            with contextlib.suppress(DecodeError):  # tests of transports send no batches
                self.log.enter(
                    request.batch, request.body, commit=answer.commits, success=answer.succeeds
                )
        return self._send(connection, answer)

    def _send(self, connection: socket.socket, answer: Answer) -> bool:
        fault = answer.fault
        for status in answer.interim:
            connection.sendall(_head(Answer(status, _HINTS), None))
        if answer.raw is not None:
            connection.sendall(answer.raw)
            return False
        if fault is Fault.SILENCE:
            connection.recv(1)  # until the client goes away, or the server stops
            return False
        if fault in (Fault.RESET, Fault.CLOSE):
            self._break(connection, fault)
            return False
        endless = fault is Fault.ENDLESS_BODY
        head = _head(answer, None if endless else len(answer.body))
        if fault is None or fault is Fault.CLOSE_AFTER:
            connection.sendall(head + answer.body)
        elif fault is Fault.HALF_HEAD:
            connection.sendall(head[: len(head) // 2])
        elif fault is Fault.HALF_BODY:
            assert answer.body, "half of nothing"
            connection.sendall(head + answer.body[: len(answer.body) // 2])
        elif fault is Fault.DRIP:
            return self._drip(connection, head + answer.body, answer.pause)
        elif fault is Fault.DRIP_BODY:
            connection.sendall(head)
            return self._drip(connection, answer.body, answer.pause)
        else:
            block = _BLOCK
            if fault is Fault.ENDLESS_INTERIM:
                block = _head(Answer(103, _HINTS), None) * 1_000
            else:
                connection.sendall(head if endless else head[:-4] + b"\r\nX-Endless: ")
            while not self._stopping.is_set():
                connection.sendall(block)
                self.streamed += len(block)
        return fault is None

    def _drip(self, connection: socket.socket, data: bytes, pause: float) -> bool:
        for index in range(len(data)):
            connection.sendall(data[index : index + 1])
            if self._stopping.wait(pause):
                return False
        return True

    def _break(self, connection: socket.socket, fault: Fault) -> None:
        if fault is Fault.RESET:
            # makes close() send RST in place of FIN; shutdown() would send FIN first
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault is Fault.SILENCE:
            self._stopping.wait()
        else:
            assert fault is Fault.CLOSE, fault


class _Server(socketserver.ThreadingTCPServer):
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], serve: Callable[[socket.socket], None]) -> None:
        super().__init__(address, socketserver.BaseRequestHandler)
        self._serve = serve

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        self._serve(request)

    def shutdown_request(self, request: Any) -> None:
        """Send no FIN before RST: whoever serves the connection has closed it already."""
        request.close()


def _head(answer: Answer, length: int | None) -> bytes:
    try:
        reason = HTTPStatus(answer.status).phrase
    except ValueError:
        reason = "Unknown"
    fields = dict(answer.headers)
    if length is not None:
        fields["Content-Length"] = str(length)
    lines = [f"HTTP/1.1 {answer.status} {reason}", *(f"{k}: {v}" for k, v in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _read_head(stream: BufferedReader) -> Received | None:
    """Read the head of a request; ``None`` where the client has closed the connection."""
    if not (line := stream.readline(65_536)):
        return None
    method, path, _version = line.decode("latin-1").split()
    headers: dict[str, str] = {}
    while (line := stream.readline(65_536)) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name] = value.strip()
    return Received(method, path, headers)
