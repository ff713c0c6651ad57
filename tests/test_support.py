"""The fault-injection kit itself: a fault that does not happen would prove nothing."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paltabrain_fast import BatchRejectedError, PaltabrainSdk
from paltabrain_fast.sdk_pb2 import Batch, BatchCommon, BatchTelemetry, Event

from .support.answers import Answer, Fault, Received, always, at_random, in_order
from .support.api_process import ApiProcess
from .support.api_server import ApiServer
from .support.certificates import Authority
from .support.events import TextContext, TextEvent


@pytest.fixture
def plain_api() -> Iterator[ApiServer]:
    with ApiServer(None).serving() as server:
        yield server


def batch(batch_id: str, *payloads: str, events_dropped: int = 0) -> bytes:
    return Batch(
        common=BatchCommon(instance_id="i", batch_id=batch_id),
        events=[Event(payload=payload.encode()) for payload in payloads],
        telemetry=BatchTelemetry(events_dropped=events_dropped) if events_dropped else None,
    ).SerializeToString()


def connect(api: ApiServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", api.port), 30)


def exchange(api: ApiServer, body: bytes = b"") -> bytes:
    """Post a body, and return all that comes back until the connection ends."""
    with connect(api) as connection:
        post(connection, body)
        return read_all(connection)


def post(connection: socket.socket, body: bytes) -> None:
    head = f"POST /v2/paltabrain HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65_536):
        received += piece
    return received


@pytest.mark.parametrize(
    ("answer", "received"),
    [
        (Answer(fault=Fault.CLOSE), b""),
        (Answer(fault=Fault.HALF_HEAD), b"HTTP/1.1 200 OK\r\nCo"),
        (
            Answer(fault=Fault.HALF_BODY, body=b"abcd"),
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab",
        ),
        (
            Answer(interim=(103,), fault=Fault.CLOSE),
            b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\nRetry-After: 99\r\n\r\n",
        ),
        (
            Answer(299, {"X-Y": "z"}, b"abcd", fault=Fault.CLOSE_AFTER),
            b"HTTP/1.1 299 Unknown\r\nX-Y: z\r\nContent-Length: 4\r\n\r\nabcd",
        ),
    ],
)
def test_answer_ends_as_told(plain_api: ApiServer, answer: Answer, received: bytes) -> None:
    plain_api.answer = always(answer)
    assert exchange(plain_api) == received


@pytest.mark.parametrize("when", ["greet", "refuse", "answer"])
def test_reset(plain_api: ApiServer, when: str) -> None:
    choices: dict[str, Any] = {"answer": Answer(fault=Fault.RESET)}
    setattr(plain_api, when, lambda *_: choices.get(when, Fault.RESET))
    with pytest.raises(ConnectionResetError):
        exchange(plain_api, b"x")
    assert len(plain_api.requests) == (when == "answer")


@pytest.mark.parametrize("fault", [Fault.DRIP, Fault.DRIP_BODY])
def test_drip_is_whole_in_the_end(plain_api: ApiServer, fault: Fault) -> None:
    plain_api.answer = always(Answer(body=b"abc", fault=fault, pause=0.0001))
    with connect(plain_api) as connection:
        post(connection, b"")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.read() == b"abc"


@pytest.mark.parametrize("fault", [Fault.ENDLESS_INTERIM, Fault.ENDLESS_HEAD, Fault.ENDLESS_BODY])
def test_endless_answer_goes_on(plain_api: ApiServer, fault: Fault) -> None:
    plain_api.answer = always(Answer(fault=fault))
    with connect(plain_api) as connection:
        post(connection, b"")
        received = 0
        while received < 10_000_000:
            received += len(connection.recv(65_536))


def test_silence_ends_with_the_server() -> None:
    with ApiServer(None).serving() as server:
        server.answer = always(Answer(fault=Fault.SILENCE))
        connection = connect(server)
        post(connection, b"x")
        server.wait_for(1)
    with connection:
        assert connection.recv(1) == b""


def test_answer_waits_for_its_release(plain_api: ApiServer) -> None:
    release = threading.Event()
    plain_api.answer = always(Answer(release=release))
    with connect(plain_api) as connection:
        post(connection, b"x")
        plain_api.wait_for(1)
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        release.set()
        connection.settimeout(30)
        assert connection.recv(1) == b"H"


@pytest.mark.parametrize(
    ("names", "valid_days", "trusted", "problem"),
    [
        ((), 1, True, None),
        ((), 1, False, "self-signed|unable to get local issuer"),
        (("example.com",), 1, True, "Hostname mismatch"),
        ((), -1, True, "expired"),
    ],
)
def test_certificates(
    tmp_path: Path, names: tuple[str, ...], valid_days: int, trusted: bool, problem: str | None
) -> None:
    authority = Authority(tmp_path)
    client = ssl.create_default_context(cafile=str(authority.ca_file) if trusted else None)
    refused = pytest.raises(ssl.SSLCertVerificationError, match=problem)
    with ApiServer(authority.context(*names, valid_days=valid_days)).serving() as server:
        with (
            connect(server) as connection,
            refused if problem else contextlib.nullcontext(),
            client.wrap_socket(connection, server_hostname="localhost") as secure,
        ):
            post(secure, b"x")
            assert secure.recv(1) == b"H"
        assert server.handshakes == (problem is None)
        assert server.connections == 1


def test_log_knows_each_batch_and_event(plain_api: ApiServer) -> None:
    plain_api.answer = in_order(
        [
            Answer(503, fault=Fault.CLOSE_AFTER),
            Answer(commit=True, fault=Fault.RESET),
            Answer(fault=Fault.CLOSE_AFTER),
        ]
    )
    once, other = batch("1", "a", "b"), batch("1", "a")
    assert b"503" in exchange(plain_api, once)
    assert not plain_api.log.events
    with pytest.raises(ConnectionResetError):
        exchange(plain_api, once)
    assert b"200" in exchange(plain_api, once)
    logged = plain_api.log.batches["1"]
    assert (logged.bodies, logged.commits, logged.equal) == (3, 2, True)
    assert plain_api.log.events == {"a": 1, "b": 1}
    exchange(plain_api, other)
    assert not logged.equal
    exchange(plain_api, batch("2", "a", events_dropped=3))
    assert plain_api.log.events == {"a": 2, "b": 1}
    assert plain_api.log.events_dropped == 3


def test_random_answers_follow_seed_and_shares() -> None:
    shares = [(0.5, Answer(200)), (0.5, Answer(503))]
    request = Received("POST", "/", {})
    choosers = at_random(shares, 7), at_random(shares, 7)
    first, again = ([choose(count, request) for count in range(100)] for choose in choosers)
    assert first == again
    assert 20 < first.count(Answer(503)) < 80


@pytest.mark.parametrize("plain", [False, True])
def test_process_serves_and_reports(tmp_path: Path, plain: bool, monkeypatch: Any) -> None:
    with ApiProcess(tmp_path, plain=plain) as api:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(api.ca_file))
        api.answer(Answer(503, {"Retry-After": "0"}), Answer(200, body=b"\xff"))
        with PaltabrainSdk[Any](api.hostname, "key", TextContext()) as sdk:
            for name in "abc":
                sdk.track(TextEvent(name))
            assert sdk.flush(30)
            report = api.report()
            assert report.log.events == {"a": 1, "b": 1, "c": 1}
            assert (report.requests, report.connections) == (2, 1)
            assert report.handshakes == (not plain)
            api.answer_at_random([(1.0, Answer(400))], seed=1)
            sdk.track(TextEvent("d"))
            assert sdk.flush(30)
            assert isinstance(sdk.last_request_error, BatchRejectedError)
        assert api.report().log.events.total() == 3


def test_process_ends_when_its_input_closes(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.api_process", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert b"hostname" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(30) == 0
