"""One request and its answer on a connection that stands: written in one piece, read in one.

What servers usually answer is read here. ``http.client`` reads whatever is unusual, beginning with
the bytes that came so far: a head that comes in pieces, chunks, interim answers, garbage.
"""

from __future__ import annotations

import errno
import functools
import http.client
import io
import re
import socket
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

import urllib3

from .base import MAX_ANSWER_BYTES, Request
from .headers import Headers

__all__ = ["Answer", "exchange"]

_FIRST_BYTES: Final = 4096
"""What is read at first, which is the whole of a usual answer."""
_MAX_JOINED_BYTES: Final = 65_536
"""Up to this size, a body is copied to be sent together with the head."""

_USER_AGENT: Final = f"User-Agent: python-urllib3/{urllib3.__version__}\r\n"  # type: ignore[attr-defined]
_DEFAULTS: Final = {
    "accept-encoding": b"Accept-Encoding: identity\r\n",
    "user-agent": _USER_AGENT.encode(),
}

_HEAD: Final = re.compile(
    rb"HTTP/1\.1 ([2-9][0-9][0-9])(?: [\t -~]*)?\r\n((?:[!-9;-~]+:[\t -~]*\r\n)*)\r\n"
)
"""The whole head of a final answer, where all libraries agree on what it says."""
_TOLD: Final = frozenset((b"retry-after", b"date", b"location"))
"""The headers that count when the answer is read."""
_COUNTING: Final = _TOLD | {b"connection", b"content-length", b"transfer-encoding"}
_IS_KEPT: Final = {b"": True, b"keep-alive": True, b"close": False}
"""Whether a connection is kept, by the header ``Connection``."""
_WITHOUT_BODY: Final = (b"204", b"304")
_GONE: Final = (errno.EPIPE, errno.ECONNRESET, getattr(errno, "EPROTOTYPE", errno.EPIPE))


class Answer(NamedTuple):
    """What a server has answered.

    Attributes:
        status: HTTP status.
        headers: those that count, by their names in lower case.
        body: the beginning of the body, or of as much as there was of it.
        is_last: whether the connection is of no use any more.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_last: bool


def exchange(connection: Any, authority: str, path: str, request: Request) -> Answer:
    """Write a request and read its answer.

    Args:
        connection: a socket, or what has its methods, that keeps to the deadline of the attempt.
        authority: value of the header ``Host``.
        path: the rest of the URL.
        request: is sent.

    Raises:
        OSError, http.client.HTTPException: there was no answer, or only half of its head.
    """
    head, body = _head(authority, path, request), request.body
    try:
        if len(body) <= _MAX_JOINED_BYTES:
            connection.sendall(head + body)
        else:
            connection.sendall(head)
            connection.sendall(body)
    except OSError as error:
        if error.errno not in _GONE:  # or else the server may have answered before it left
            raise
    received = connection.recv(_FIRST_BYTES)
    return _common_answer(connection, received) or _any_answer(connection, received)


def _head(authority: str, path: str, request: Request) -> bytes:
    headers = request.headers
    if type(headers) is not Headers:
        headers = Headers(headers)
    host = "" if "host" in headers.names else f"Host: {authority}\r\n"
    first = f"POST {path} HTTP/1.1\r\n{host}Content-Length: {len(request.body)}\r\n"
    return first.encode("ascii") + _defaults(headers.names) + headers.lines + b"\r\n"


@functools.lru_cache(maxsize=16)
def _defaults(names: frozenset[str]) -> bytes:
    """Return the headers that ``urllib3`` would add to those with these names."""
    return b"".join([line for name, line in _DEFAULTS.items() if name not in names])


def _common_answer(connection: Any, received: bytes) -> Answer | None:
    """Return an answer that is not unusual in any way; ``None`` if it is."""
    start = received.find(b"\r\n\r\n") + 4
    usual = _usual(received[:start])
    if usual is None:
        return None
    status, headers, is_kept, length = usual
    end = start + length
    missing = end - len(received)
    try:
        while missing > 0 and (more := connection.recv(missing)):
            received += more
            missing -= len(more)
    except Exception:  # only the status counts, and that is known
        is_kept = False
    is_last = not is_kept or missing != 0
    return Answer(status, headers, received[start:end], is_last)


@functools.lru_cache(maxsize=16)
def _usual(head: bytes) -> tuple[int, Mapping[str, str], bool, int] | None:
    """Return what a usual head says: status, headers, whether the connection is kept, length.

    A server sends the same one again, or at least until the second of its ``Date`` is over.
    """
    match = _HEAD.fullmatch(head)
    if match is None:
        return None
    fields: dict[bytes, bytes] = {}
    for line in match[2].splitlines():
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in _COUNTING:
            if name in fields:
                return None
            fields[name] = value.strip()
    is_kept = _IS_KEPT.get(fields.get(b"connection", b"").lower())
    length = b"0" if match[1] in _WITHOUT_BODY else fields.get(b"content-length", b"")
    if is_kept is None or b"transfer-encoding" in fields:
        return None
    if not length.isdigit() or len(length) > 5 or int(length) > MAX_ANSWER_BYTES:
        return None
    headers = {name.decode(): fields[name].decode() for name in fields.keys() & _TOLD}
    return int(match[1]), MappingProxyType(headers), is_kept, int(length)


def _any_answer(connection: Any, received: bytes) -> Answer:
    """Have ``http.client`` read an answer."""
    stream = _Received(connection, received)
    response = _Response(cast(socket.socket, stream), method="POST")
    try:
        response.begin()
        names = [name.decode() for name in _TOLD]
        all_values = {name: response.headers.get_all(name) for name in names}
        headers = {name: ", ".join(values) for name, values in all_values.items() if values}
        is_clear = len(set(response.headers.get_all("Content-Length", ()))) <= 1
        body, is_whole = b"", False
        try:
            body = response.read(MAX_ANSWER_BYTES)
            is_whole = not response.read(1) and not response.length
        except Exception:  # only the status counts, and that is known
            is_whole = False
        is_last = response.will_close or not is_whole or not is_clear or stream.has_more
        return Answer(response.status, headers, body, is_last)
    finally:
        response.close()


class _Received(io.RawIOBase):
    """What was received so far, and then what a connection receives.

    Attributes:
        is_over: whether nothing more is to be received.
        has_more: whether there was more than an answer when its reader was closed.
    """

    def __init__(self, connection: Any, received: bytes) -> None:
        self._connection = connection
        self._received = received
        self.is_over = not received
        self.has_more = False

    def makefile(self, _mode: str) -> io.BufferedReader:
        return _Reader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._received
        if not data and not self.is_over:
            data = self._connection.recv(len(buffer))
            self.is_over = not data
        count = min(len(data), len(buffer))
        buffer[:count] = data[:count]
        self._received = data[count:]
        return count


class _Reader(io.BufferedReader):
    def __init__(self, received: _Received) -> None:
        super().__init__(received)
        self._source = received

    def close(self) -> None:
        if not self.closed:
            self._source.is_over = True
            self._source.has_more = bool(self.peek(1))
        super().close()


class _Head:
    """A stream that keeps the last line read from it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = self._stream.readline(limit)
        return self.last

    def close(self) -> None:
        self._stream.close()


class _Response(http.client.HTTPResponse):
    """A final answer with a whole head.

    ``http.client`` by itself would also accept an interim answer, or half a head.
    """

    def begin(self) -> None:
        if self.headers is not None:
            return
        stream = self.fp
        while True:
            self.fp = head = _Head(stream)
            try:
                super().begin()
            finally:
                if self.fp is head:
                    self.fp = stream
            if head.last not in (b"\r\n", b"\n"):
                self.close()
                raise http.client.RemoteDisconnected("the answer broke off within its head")
            if self.status >= HTTPStatus.OK:
                return
            if self.status == HTTPStatus.SWITCHING_PROTOCOLS:
                self.close()
                raise http.client.BadStatusLine("101: nobody asked to switch protocols")
            self.headers = self.msg = None
