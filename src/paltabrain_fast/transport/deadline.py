"""Connections of ``urllib3`` whose whole attempt ends at one deadline.

The timeout of a socket is for each wait, so a peer that sends a byte now and then could hold a
thread for ever. These sockets wait no longer than what is left of the attempt. Only the system's
name resolution has bounds of its own. Forks may happen while these sockets wait.
"""

from __future__ import annotations

import contextlib
import math
import os
import queue
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection, port_by_scheme
from urllib3.exceptions import NewConnectionError

from ..process.clock import monotonic
from ..process.fork_barrier import call_allowing_forks
from ..process.pristine import local
from .unpatched import MAX_WAIT_SECONDS, Socket, SslSocket, getaddrinfo, reads_of, wait_for

__all__ = ["HttpPool", "HttpsPool", "TlsSocket", "attempts"]


class _Attempt:
    """The attempt that a thread is making, if it makes one.

    A signal handler may interrupt an attempt and make another, or fork.
    """

    __slots__ = ("deadline", "process")

    def __init__(self) -> None:
        self.deadline = math.inf  # a reading of monotonic()
        self.process: int | None = None

    def begin(self, seconds: float) -> tuple[float, int | None]:
        """Begin an attempt; return what ``end()`` takes, which is to be called in any case."""
        outer = self.deadline, self.process
        self.deadline, self.process = monotonic() + seconds, os.getpid()
        return outer

    def end(self, outer: tuple[float, int | None]) -> None:
        """Go on with the attempt, if any, within which this one began."""
        self.deadline, self.process = outer

    def left(self) -> float:
        """Return how many seconds are left.

        Raises:
            TimeoutError: there are none.
            ConnectionError: this is a child that was forked within the attempt. The connection is
                the parent's, and so is the rest of the attempt.
        """
        if self.process != os.getpid():
            raise ConnectionError("the process was forked within the attempt")
        left = self.deadline - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left

    @contextlib.contextmanager
    def share(self, parts: int) -> Iterator[None]:
        """Let the block have one of so many equal parts of the time that is left."""
        deadline = self.deadline
        self.deadline = monotonic() + self.left() / parts
        try:
            yield
        finally:
            self.deadline = deadline


class _Attempts(local):
    """Each thread sees its own attempt; that is an object, since a ``local`` is slow to change."""

    def __init__(self) -> None:
        self.current = _Attempt()


attempts = _Attempts()


class _Deadline:
    """Mixin of sockets: every call that may wait waits no longer than the attempt has left."""

    def connect(self, *arguments: Any, **options: Any) -> Any:
        return self._within("connect", *arguments, **options)

    def do_handshake(self, *arguments: Any, **options: Any) -> Any:
        return self._within("do_handshake", *arguments, **options)

    def recv(self, *arguments: Any, **options: Any) -> Any:
        return self._within("recv", *arguments, **options)

    def recv_into(self, *arguments: Any, **options: Any) -> Any:
        return self._within("recv_into", *arguments, **options)

    def send(self, *arguments: Any, **options: Any) -> Any:
        return self._within("send", *arguments, **options)

    def sendall(self, *arguments: Any, **options: Any) -> Any:
        return self._within("sendall", *arguments, **options)

    def _within(self, call: str, *arguments: Any, **options: Any) -> Any:
        self.settimeout(attempts.current.left())  # type: ignore[attr-defined]
        return getattr(super(), call)(*arguments, **options)


class _Socket(_Deadline, Socket):
    def _within(self, *arguments: Any, **options: Any) -> Any:
        return call_allowing_forks(super()._within, *arguments, **options)


_WANTS: Final = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class TlsSocket(_Deadline, SslSocket):
    """A socket to be the ``sslsocket_class`` of an ``SSLContext``.

    While it waits, its thread is not inside OpenSSL, so that forks may happen.
    """

    _sslobj: object

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        if self._sslobj is None:
            return self._recv_plain(buflen, flags)
        attempt = attempts.current
        if not self.pending():  # an answer is seldom there at once
            left = min(max(0.0, attempt.deadline - monotonic()), MAX_WAIT_SECONDS)
            call_allowing_forks(self._reads, left * 1000)
        attempt.left()
        try:
            received: bytes = self.read(buflen)
        except _WANTS:
            received = self._within("recv", buflen, flags)
        return received

    def _recv_plain(self, buflen: int, flags: int) -> bytes:
        """Tell ``wrap_socket()`` what a peer has left that is gone before the handshake.

        If that fails, nobody else closes the socket.
        """
        try:
            return Socket.recv(self, buflen, flags)
        except OSError:
            self.close()
            raise

    @cached_property
    def _reads(self) -> Callable[[float], object]:
        return reads_of(self)

    def sendall(self, data: Any, flags: int = 0) -> None:
        attempts.current.left()
        try:
            sent = self.write(data)
        except _WANTS:
            sent = 0
        if sent < len(data):
            SslSocket.sendall(self, memoryview(data)[sent:], flags)  # which calls send()

    def _within(self, call: str, *arguments: Any, **options: Any) -> Any:
        self.settimeout(0)
        attempt = attempts.current
        while True:
            left = attempt.left()
            try:
                return getattr(super(_Deadline, self), call)(*arguments, **options)
            except ssl.SSLWantReadError:
                to_read = True
            except ssl.SSLWantWriteError:
                to_read = False
            self._wait(left, to_read=to_read)

    def _wait(self, seconds: float, *, to_read: bool) -> None:
        call_allowing_forks(wait_for, self, min(seconds, MAX_WAIT_SECONDS), to_read=to_read)


class _Connection(HTTPConnection):
    _reads: Callable[[float], list[Any]]

    def note_connected(self) -> None:
        self._reads = reads_of(self.sock)

    @property
    def is_connected(self) -> bool:
        return self.sock is not None and not self._reads(0)

    def _new_conn(self) -> socket.socket:
        failure: OSError | None = None
        attempt = attempts.current
        sys.audit("http.client.connect", self, self.host, self.port)
        family = urllib3.util.connection.allowed_gai_family()
        try:
            addresses = getaddrinfo(self._dns_host, self.port, family, socket.SOCK_STREAM)
            for tried, (*kind, _name, address) in enumerate(addresses):
                connection = _Socket(*kind)
                try:
                    for option in self.socket_options or ():
                        connection.setsockopt(*option)
                    # an address that swallows packets must leave time for the others
                    with attempt.share(len(addresses) - tried):
                        connection.connect(address)
                    connection.settimeout(attempt.left())  # for truststore's own handshake
                    return connection
                except OSError as error:
                    connection.close()
                    failure = error
        except OSError as error:  # the name is unknown
            failure = error
        raise NewConnectionError(self, f"cannot connect: {failure}") from failure


class _TlsConnection(_Connection, HTTPSConnection):
    """A connection that asks for an ``SSLContext`` whenever it connects."""

    def __init__(
        self, *arguments: Any, make_context: Callable[[], ssl.SSLContext], **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._make_context = make_context

    def connect(self) -> None:
        self.ssl_context = self._make_context()
        self.ssl_context.sslsocket_class = TlsSocket
        if self.proxy_config is not None:
            self.proxy_config = self.proxy_config._replace(ssl_context=self.ssl_context)
        super().connect()
        # truststore's contexts make sockets of their own class
        if isinstance(self.sock, ssl.SSLSocket) and not isinstance(self.sock, TlsSocket):
            self.sock.__class__ = TlsSocket
        self.sock.settimeout(0)  # until it is closed: each call would be one of the system


class _IdleStack(queue.LifoQueue[Any]):
    """The idle connections of a pool; any thread may call any method.

    It does without the locks of its base class: a fork could copy one while it is held, and gevent
    may have replaced them by locks that are not for threads. To a forked child it looks empty, so
    that ``urllib3`` does not close the parent's connections when the child ends.
    """

    def __init__(self, maxsize: int = 0) -> None:
        self._process = os.getpid()
        self.maxsize = maxsize
        self._init(maxsize)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002
        if self.qsize() >= self.maxsize:
            raise queue.Full
        if item is not None:  # of which urllib3 puts in as many as there are places
            self.queue.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ARG002
        if self._process != os.getpid():
            raise queue.Empty
        try:
            return self.queue.pop()
        except IndexError:
            raise queue.Empty from None

    def qsize(self) -> int:
        return len(self.queue)

    def take(self) -> Any:
        """Take a connection; in the process whose pool this is, so that need not be asked."""
        return self.queue.pop()


class _Pool:
    """Mixin of pools: connections are made as ``urllib3`` makes them, and used without it."""

    QueueCls = _IdleStack
    pool: Any
    scheme: Any
    host: str
    port: int | None

    @cached_property
    def authority(self) -> str:
        """What the header ``Host`` says: host, and port unless it is that of the scheme."""
        host = self.host.rstrip(".")
        host = f"[{host}]" if ":" in host else host
        return host if self.port == port_by_scheme[self.scheme] else f"{host}:{self.port}"

    def take(self) -> _Connection:
        """Take an idle connection, or make one.

        Raises:
            Exception: as ``urlopen()`` of ``urllib3``.
        """
        try:
            while True:
                connection: _Connection = self.pool.take()
                if connection.is_connected:
                    return connection
                connection.close()
        except (AttributeError, IndexError):  # closed meanwhile, or empty
            pass
        ready: _Ready = self.urlopen(  # type: ignore[attr-defined]
            "POST", "/", headers={}, retries=False, redirect=False, preload_content=False
        )
        return ready.connection

    def put(self, connection: _Connection) -> None:
        """Put a connection back, or close it if there are enough."""
        try:
            self.pool.put(connection)
        except (AttributeError, queue.Full):  # closed meanwhile, or full
            connection.close()

    def _make_request(self, *arguments: Any, **_options: Any) -> Any:
        """Connect, where ``urllib3`` would also make the request."""
        connection: _Connection = arguments[0]
        if connection.is_closed:  # or else there is a tunnel through a proxy
            connection.connect()
        connection.note_connected()
        return _Ready(connection)


class _Ready:
    """What ``urllib3`` takes for an answer: a connection that stands."""

    status = HTTPStatus.OK
    headers: Final[Mapping[str, str]] = {}

    def __init__(self, connection: _Connection) -> None:
        self.connection = connection


class HttpPool(_Pool, urllib3.HTTPConnectionPool):
    """Plain connections to one host."""

    ConnectionCls = _Connection


class HttpsPool(_Pool, urllib3.HTTPSConnectionPool):
    """TLS connections to one host."""

    ConnectionCls = _TlsConnection
