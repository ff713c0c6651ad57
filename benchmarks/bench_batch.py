"""Measures what one small batch costs: process CPU and time, by each transport.

Three events of 150 bytes go over TLS on loopback to a server in another process, on a connection
that is kept. The floor is a blocking socket to which a request is written that was made before, in
one piece, and from which the answer is read in one piece.

    python -m benchmarks.bench_batch [NAME ...]

NAME: the rows to measure; all of them if there is none.
"""

from __future__ import annotations

import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any, Final, NamedTuple

import pytest

from examples.config import Context, EventPageOpen
from paltabrain_fast import HttpsTransport, InMemoryTransport, PaltabrainSdk, Request, Transport
from paltabrain_fast import transport as transports
from paltabrain_fast.transport.headers import Headers

from .sink import Sink, running_sink

BATCHES, ROUNDS, EVENTS = 300, 15, 3
PAGE: Final = "p" * 80
HEADERS: Final = Headers(
    {
        "Content-Type": "application/x-protobuf",
        "X-API-Key": "key",
        "X-SDK-Name": "PALTABRAIN_PYTHON",
        "X-SDK-Version": "1.2.3",
    }
)
NUMBER: Final = ("X-SDK-Client-Upload-TS", 1_795_737_600_000)
BODY: Final = b"b" * 600
"""As long as a batch of three events with its context."""
TARGETS: Final = {"SDK, default": 120, "SDK, curl": 60, "SDK, in memory": 20}
"""Microseconds of CPU for a batch, at most."""


class Cost(NamedTuple):
    """What one batch costs, in seconds."""

    cpu: float
    wall: float


class Way(NamedTuple):
    """A way to send so many batches, and what comes before and is not measured."""

    run: Callable[[], object]
    prepare: Callable[[], object] = lambda: None


def cost(way: Way) -> Cost:
    way.prepare()
    wall, cpu = time.perf_counter(), time.process_time()
    way.run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Cost(cpu / BATCHES, wall / BATCHES)


@contextmanager
def bare_socket(sink: Sink) -> Iterator[Way]:
    host, _, port = sink.hostname.partition(":")
    context = ssl.create_default_context(cafile=str(sink.ca_file))
    lines = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.with_number(*NUMBER).items())
    head = f"POST /v2/paltabrain HTTP/1.1\r\nHost: {host}:{port}\r\n{lines}"
    piece = f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    with (
        socket.create_connection((host, int(port))) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def run() -> None:
            for _ in range(BATCHES):
                connection.sendall(piece)
                assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")

        yield Way(run)


@contextmanager
def made(kind: str, sink: Sink) -> Iterator[Transport]:
    transport: Transport = (
        InMemoryTransport()
        if kind == "in memory"
        else transports.CurlTransport(ca_bundle=sink.ca_file)
        if kind == "curl"
        else HttpsTransport(ca_bundle=sink.ca_file)
    )
    yield transport
    transport.close()


@contextmanager
def alone(kind: str, sink: Sink) -> Iterator[Way]:
    """Give the transport requests, one after the other."""
    with made(kind, sink) as transport:
        url = f"https://{sink.hostname}/v2/paltabrain"

        def run() -> None:
            for _ in range(BATCHES):
                assert (
                    transport.send(Request(url, BODY, HEADERS.with_number(*NUMBER), 30)).status
                    == 200
                )

        yield Way(run)


@contextmanager
def through_sdk(kind: str, sink: Sink) -> Iterator[Way]:
    """Flush what was tracked, which is a batch for each context."""
    with (
        made(kind, sink) as transport,
        PaltabrainSdk(
            sink.hostname,
            "key",
            Context(),
            flush_buffer_size=1e9,
            flush_interval_ms=1e9,
            max_in_flight=BATCHES,
            transport=transport,
        ) as sdk,
    ):

        def run() -> None:
            assert sdk.flush(60)
            if isinstance(transport, InMemoryTransport):
                assert len(transport.requests) == BATCHES

        def track() -> None:
            if isinstance(transport, InMemoryTransport):
                transport.requests.clear()
            for number in range(BATCHES):
                context = Context().set_user(user_id=f"user-{number}")
                for _ in range(EVENTS):
                    sdk.track(EventPageOpen(page_id=PAGE), context)

        yield Way(run, track)


WAYS: Final[dict[str, Callable[[Sink], Any]]] = {
    "bare socket": bare_socket,
    "alone, default": partial(alone, "default"),
    "alone, curl": partial(alone, "curl"),
    "SDK, default": partial(through_sdk, "default"),
    "SDK, curl": partial(through_sdk, "curl"),
    "SDK, in memory": partial(through_sdk, "in memory"),
}


def measure(names: Sequence[str] = ()) -> Iterator[str]:
    """Yield a row for each way; each beside the bare socket of the same rounds."""
    with running_sink() as sink, bare_socket(sink) as bare:
        cost(bare)
        for name in names or WAYS:
            if name.endswith("curl"):
                pytest.importorskip("pycurl")
            with WAYS[name](sink) as way:
                cost(way)  # classes are recognised, connections opened
                pairs = [(cost(way), cost(bare)) for _ in range(ROUNDS)]
            cpu, wall = (median(pair[0][which] for pair in pairs) for which in (0, 1))
            ratio = median(each.cpu / floor.cpu for each, floor in pairs)
            slower = median(each.wall / floor.wall for each, floor in pairs)
            target = f" (target {TARGETS[name]})" if name in TARGETS else ""
            yield (
                f"{name:>15}: {cpu * 1e6:6.1f} µs of CPU a batch{target}, {ratio:.2f} x the bare"
                f" socket; {wall * 1e6:6.1f} µs, {slower:.2f} x"
            )


def test_batch(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print()
        for row in measure():
            print(row)


if __name__ == "__main__":
    for row in measure(sys.argv[1:]):
        print(row, flush=True)
