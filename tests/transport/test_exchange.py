"""One request and its answer: what goes over the wire, and how any answer is read."""

from __future__ import annotations

import http.client
import io
import random
from typing import Any, NamedTuple

import pytest
import urllib3

from paltabrain_fast import Request
from paltabrain_fast.transport.base import MAX_ANSWER_BYTES
from paltabrain_fast.transport.deadline import HttpPool, HttpsPool
from paltabrain_fast.transport.exchange import Answer, exchange
from paltabrain_fast.transport.headers import Headers

from .conftest import request

_OK = b"HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n"


class Wire:
    """A connection that takes a request, and gives an answer in pieces."""

    def __init__(self, answer: bytes, random_sizes: random.Random | None = None) -> None:
        self.sent: list[bytes] = []
        self.received = 0
        self.left = answer
        self._sizes = random_sizes

    def sendall(self, data: bytes) -> None:
        self.sent.append(bytes(data))

    def recv(self, most: int) -> bytes:
        self.received += 1
        size = self._sizes.choice([1, 2, 7, 50, 500, most]) if self._sizes else most
        data, self.left = self.left[: min(size, most)], self.left[min(size, most) :]
        return data


def answered(wire: Wire) -> Answer:
    return exchange(wire, "host:1", "/v2/paltabrain", request("host:1"))


@pytest.mark.parametrize(
    "raw",
    [
        _OK + b"Content-Length: 2\r\n\r\n{}",
        _OK + b"content-length:2\r\nConnection: Keep-Alive\r\n\r\n{}",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_usual_answer_takes_one_write_and_one_read(raw: bytes) -> None:
    wire = Wire(raw)
    answer = answered(wire)
    assert (len(wire.sent), wire.received) == (1, 1)
    assert (answer.status // 100, answer.body, answer.is_last) == (
        2,
        raw.partition(b"\r\n\r\n")[2],
        False,
    )


def test_request_is_what_urllib3_would_send() -> None:
    wire = Wire(_OK + b"Content-Length: 0\r\n\r\n")
    answered(wire)
    head, _, body = wire.sent[0].partition(b"\r\n\r\n")
    assert body == b"body"
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /v2/paltabrain HTTP/1.1"
    names = [line.partition(":")[0].lower() for line in lines]
    assert sorted(names) == sorted(
        ["host", "content-length", "accept-encoding", "user-agent", "x-api-key", "content-type"]
    )
    assert {"Host: host:1", "Content-Length: 4", "X-API-Key: s3cret"} <= set(lines)


def test_given_header_takes_the_place_of_a_default() -> None:
    wire = Wire(_OK + b"Content-Length: 0\r\n\r\n")
    headers = Headers({"user-AGENT": "mine", "Host": "other"})
    exchange(wire, "host:1", "/", Request("https://host:1/", b"", headers, 1))
    lines = wire.sent[0].lower().split(b"\r\n")
    assert [line for line in lines if line.startswith((b"user-agent", b"host"))] == [
        b"user-agent: mine",
        b"host: other",
    ]


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://API.example", "api.example"),
        ("https://api.example:443", "api.example"),
        ("https://api.example.:8443", "api.example:8443"),
        ("https://[::1]", "[::1]"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://localhost:443", "localhost:443"),
        ("http://127.0.0.1:80", "127.0.0.1"),
    ],
)
def test_host_header_is_that_of_urllib3(url: str, authority: str) -> None:
    manager = urllib3.PoolManager()
    manager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}
    pool = manager.connection_from_url(url)
    assert isinstance(pool, HttpPool | HttpsPool)
    assert pool.authority == authority


@pytest.mark.parametrize(
    ("rest", "is_last"),
    [
        (
            b"Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n",
            True,
        ),  # an answer that nobody asked for
        (b"Content-Length: 2\r\nConnection: close\r\n\r\n{}", True),
        (b"Content-Length: 3\r\n\r\n{}", True),
        (b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", True),
        (b"Content-Length: 99999999\r\n\r\n" + b"{}" * 50_000, True),
        (b"\r\n{}", True),
        (b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", False),
        (b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", True),
    ],
)
def test_connection_is_kept_only_at_the_end_of_an_answer(rest: bytes, is_last: bool) -> None:
    answer = answered(Wire(_OK + rest))
    assert (answer.status, answer.is_last) == (200, is_last)


class Expected(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    end: int | None  # of the answer; None if it has none


class _Stream(io.BytesIO):
    """A stream that answers in succession are read from."""

    def makefile(self, _mode: str) -> _Stream:
        return self

    def close(self) -> None:
        pass


def expected(raw: bytes) -> Expected | None:
    """Return what ``http.client`` makes of an answer; ``None`` for an error."""
    stream = _Stream(raw)
    while True:
        socket: Any = stream
        response = http.client.HTTPResponse(socket, method="POST")
        try:
            response.begin()
        except (http.client.HTTPException, ValueError):
            return None
        if raw[: stream.tell()].splitlines(keepends=True)[-1] not in (b"\r\n", b"\n"):
            return None  # half a head
        if response.status == 101:
            return None
        if response.status >= 200:
            break
    headers = {
        name: ", ".join(values).strip(" \t")
        for name in ("retry-after", "date", "location")
        if (values := response.headers.get_all(name))
    }
    try:
        body = response.read(MAX_ANSWER_BYTES)
        response.read(1)
    except http.client.HTTPException:
        return Expected(response.status, headers, b"", None)
    end = None if response.will_close or response.length else stream.tell()
    return Expected(response.status, headers, body, end)


_STATUS_LINES = [
    *[b"HTTP/1.1 200 OK\r\n"] * 8,
    *(b"HTTP/1.1 %d X\r\n" % status for status in (204, 304, 302, 400, 413, 429, 503, 999)),
    b"HTTP/1.1 200\r\n",
    b"HTTP/1.1  200  OK\r\n",
    b"HTTP/1.1 200 OK\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/2 200 OK\r\n",
    b"HTTP/1.1 20 OK\r\n",
    b"HTTP/1.1 2000 OK\r\n",
    b"HTTP/1.1 +200 OK\r\n",
    b"HTTP/1.1 200 \xe9t\xe9\r\n",
    b"http/1.1 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 429 OK\r\n",
    b"HTTP/1.1 101 Switch\r\n",
    b"SSH-2.0\r\n",
    b"\r\n",
    b"",
]
_FIELDS = [
    b"Server: x\r\n",
    b"Date: Fri, 27 Nov 2026 12:00:00 GMT\r\n",
    b"Retry-After: 7\r\n",
    b"RETRY-after:\t 8 \r\n",
    b"Location: https://b.example/?x=1\r\n",
    b"Set-Cookie: a=b\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: Close\r\n",
    b"Connection: keep-alive, x\r\n",
    b"X: \xff\xfe\r\n",
    b"X: a\x00b\r\n",
    b"X: a\x0bb\x0cc\x85\r\n",
    b"X:\r\n",
    b" folded\r\n",
    b"Retry-After:\r\n 9\r\n",
    b"Retry-After: 9\n",
    b"X: a\rRetry-After: 6\r\n",
    b"no colon\r\n",
    b": no name\r\n",
    b"Retry-After : 5\r\n",
    b"X" * 70_000 + b": x\r\n",
    b"From somebody\r\n",
    b"Transfer-Encoding: identity\r\n",
]


def _random_answer(generator: random.Random) -> bytes:
    usual = generator.random() < 0.5
    fields = generator.choices(_FIELDS[:7] if usual else _FIELDS, k=generator.randrange(5))
    body = b"x" * generator.choice([0, 1, 2, 100, 5000, 70_000])
    framing = generator.randrange(10)
    if framing < 6:
        length = len(body) + (0 if framing < 4 else generator.choice([-1, 1, 100_000]))
        fields.append(b"Content-Length: %d\r\n" % length)
    elif framing == 6:
        fields.append(generator.choice([b"Content-Length: x\r\n", b"Content-Length: -1\r\n"]))
    elif framing == 7:
        fields.append(b"Transfer-Encoding: chunked\r\n")
        body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        body += generator.choice([b"0\r\n\r\n", b"", b"x\r\n"])
    generator.shuffle(fields)
    raw = generator.choice(_STATUS_LINES) + b"".join(fields) + b"\r\n" + body
    return raw if generator.random() < 0.8 else raw[: generator.randrange(len(raw) + 1)]


@pytest.mark.parametrize("seed", range(20))
def test_any_answer_is_read_as_http_client_reads_it(seed: int) -> None:
    generator = random.Random(seed)
    kept = 0
    for _ in range(150):
        raw = _random_answer(generator)
        wire = Wire(raw, generator if generator.random() < 0.5 else None)
        wants = expected(raw)
        try:
            answer = answered(wire)
        except (OSError, http.client.HTTPException):
            assert wants is None, raw[:300]
            continue
        told = {name: answer.headers.get(name) for name in ("retry-after", "date", "location")}
        headers = {name: value.strip(" \t") for name, value in told.items() if value is not None}
        assert wants is not None
        assert (answer.status, headers, answer.body) == wants[:3], raw[:300]
        # it is used again only if all that came belongs to the answer
        assert answer.is_last or wants.end == len(raw) - len(wire.left), raw[:300]
        if wants.end == len(raw) and raw.startswith(_OK[:17]):
            kept += not answer.is_last
    assert kept
