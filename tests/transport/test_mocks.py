"""What users' tests put in the place of ``requests`` and ``urllib3`` gets every request."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import MagicMock, Mock, patch

import pytest
import requests
import urllib3

from paltabrain_fast import SendResult
from paltabrain_fast import transport as transports
from paltabrain_fast.sdk_pb2 import Batch
from paltabrain_fast.transport import mocks

from ..support.answers import Answer, always
from ..support.api_server import ApiServer
from ..support.events import TextEvent
from ..support.probe import retrying_after
from ..support.programs import run_program
from ..support.sdk import MakeSdk, Sdk
from .conftest import request as sent_to

Seen = list[tuple[str, bytes, dict[str, str]]]
Double = Callable[[Seen, int], AbstractContextManager[object]]
"""Notes each request, and answers all with one status."""


@contextmanager
def with_responses(seen: Seen, status: int) -> Iterator[None]:
    import responses

    def answer(sent: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        assert isinstance(sent.body, bytes)
        seen.append((str(sent.url), sent.body, dict(sent.headers)))
        return status, {}, ""

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add_callback("POST", "https://api.example/v2/paltabrain", answer)
        yield


@contextmanager
def with_requests_mock(seen: Seen, status: int) -> Iterator[None]:
    import requests_mock

    with requests_mock.Mocker() as mock:
        mock.post("https://api.example/v2/paltabrain", status_code=status)
        yield
        for sent in mock.request_history:
            seen.append((sent.url, sent.body, dict(sent.headers)))


def patched(target: str) -> Double:
    """A double of what takes method and URL, or the URL alone, and a body."""

    @contextmanager
    def double(seen: Seen, status: int) -> Iterator[None]:
        def take(*arguments: Any, **options: Any) -> Any:
            url = options.get("url") or next(a for a in arguments if "//" in str(a))
            seen.append((url, options["data"], options["headers"]))
            return MagicMock(status_code=status)

        with patch(target, take):
            yield

    return double


@contextmanager
def with_adapter(seen: Seen, status: int) -> Iterator[None]:
    def send(_adapter: object, sent: requests.PreparedRequest, **_options: Any) -> Any:
        assert isinstance(sent.body, bytes)
        seen.append((str(sent.url), sent.body, dict(sent.headers)))
        response = requests.Response()
        response.status_code = status
        return response

    with patch("requests.adapters.HTTPAdapter.send", send):
        yield


@contextmanager
def with_urlopen(seen: Seen, status: int) -> Iterator[None]:
    def urlopen(pool: Any, method: str, url: str, body: bytes, headers: Any, **_: Any) -> Any:
        assert method == "POST"
        seen.append((f"https://{pool.host}{url}", body, dict(headers)))
        return urllib3.HTTPResponse(status=status, preload_content=False)

    with patch("urllib3.connectionpool.HTTPConnectionPool.urlopen", urlopen):
        yield


@contextmanager
def with_session_class(seen: Seen, status: int) -> Iterator[None]:
    with patch("requests.Session") as session:
        session.return_value.post.return_value = MagicMock(status_code=status)
        yield
        for call in session.return_value.post.call_args_list:
            seen.append((call.args[0], call.kwargs["data"], call.kwargs["headers"]))


@contextmanager
def with_class_in_its_module(seen: Seen, status: int) -> Iterator[None]:
    with patch("requests.sessions.Session") as session:
        session.return_value.post.return_value = SimpleNamespace(status_code=status)
        yield
        for call in session.return_value.post.call_args_list:
            seen.append((call.args[0], call.kwargs["data"], call.kwargs["headers"]))


DOUBLES: Final[dict[str, Double]] = {
    "responses": with_responses,
    "requests_mock": with_requests_mock,
    "Session.post": patched("requests.Session.post"),
    "Session.request": patched("requests.sessions.Session.request"),
    "HTTPAdapter.send": with_adapter,
    "urlopen": with_urlopen,
    "Session": with_session_class,
    "sessions.Session": with_class_in_its_module,
}


@pytest.fixture(params=list(DOUBLES))
def double(request: pytest.FixtureRequest) -> Double:
    return DOUBLES[request.param]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("a request wants to leave the process")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(autouse=True)
def no_backoff() -> Iterator[None]:
    with retrying_after(lambda *_: 0.0):
        yield


def track_and_flush(sdk: Sdk) -> None:
    sdk.track(TextEvent())
    assert sdk.flush(timeout=30)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("made_before", [True, False])
def test_double_gets_the_request(make_sdk: MakeSdk, double: Double, made_before: bool) -> None:
    seen: Seen = []
    with ExitStack() as stack:
        if made_before:
            sdk = make_sdk("api.example")
        stack.enter_context(double(seen, 200))
        if not made_before:
            sdk = make_sdk("api.example")
        track_and_flush(sdk)
    assert len(seen) == 1, sdk.last_request_error
    ((url, body, headers),) = seen
    assert url == "https://api.example/v2/paltabrain"
    assert [event.payload for event in Batch.FromString(body).events] == [b"payload"]
    assert headers["X-API-Key"] == "key"
    assert headers["Content-Type"] == "application/protobuf"
    assert sdk.batch_counters == {"SUCCESS": 1, "REJECT": 0, "EXCEPTION": 0}
    assert sdk.shutdown()


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(("status", "requests_made"), [(400, 1), (503, 3)])
def test_status_of_a_double_counts(
    make_sdk: MakeSdk, double: Double, status: int, requests_made: int
) -> None:
    seen: Seen = []
    sdk = make_sdk("api.example", flush_max_retries=3, outage_seconds=0)
    with double(seen, status):
        track_and_flush(sdk)
    assert len(seen) == requests_made, sdk.last_request_error
    assert sdk.stats().delivered == 0


def test_requests_are_real_before_and_after(
    api: ApiServer, make_sdk: MakeSdk, double: Double
) -> None:
    sdk = make_sdk(api.hostname)
    track_and_flush(sdk)
    with double([], 400):
        pass
    track_and_flush(sdk)
    assert sdk.stats().delivered == 2
    assert (len(api.requests), api.connections) == (2, 1)


@pytest.mark.parametrize(
    ("raised", "kept"),
    [
        (
            requests.ConnectionError("nobody there"),
            ConnectionError("ConnectionError: nobody there"),
        ),
        (requests.ReadTimeout("too slow"), TimeoutError("the attempt timed out after 10 s")),
        (ValueError("a mistake"), ConnectionError("ValueError: a mistake")),
    ],
)
def test_what_a_double_raises_is_a_failed_attempt(
    make_sdk: MakeSdk, raised: Exception, kept: Exception
) -> None:
    sdk = make_sdk("api.example", flush_max_retries=3, outage_seconds=0)
    with patch("requests.Session.post", side_effect=raised) as post:
        track_and_flush(sdk)
    assert post.call_count == 3
    assert sdk.batch_counters == {"SUCCESS": 0, "REJECT": 0, "EXCEPTION": 1}
    assert isinstance(sdk.last_request_error, type(kept))
    assert str(sdk.last_request_error) == str(kept)


@pytest.mark.parametrize("answer", [MagicMock(), Mock(), None])
def test_answer_without_a_status_is_a_refusal(make_sdk: MakeSdk, answer: object) -> None:
    """As nothing else can be made of it, and nobody wants to wait for attempts in vain."""
    sdk = make_sdk("api.example")
    with patch("requests.Session.post", return_value=answer) as post:
        track_and_flush(sdk)
    assert post.call_count == 1
    assert sdk.batch_counters == {"SUCCESS": 0, "REJECT": 1, "EXCEPTION": 0}


def test_retry_after_of_a_double_is_read(make_sdk: MakeSdk) -> None:
    asked = []

    def delay(*arguments: object) -> float:
        asked.append(arguments)
        return 0.0

    answers = [MagicMock(status_code=503, headers={"Retry-After": "7"}), MagicMock(status_code=200)]
    sdk = make_sdk("api.example")
    with patch("requests.Session.post", side_effect=answers), retrying_after(delay):
        track_and_flush(sdk)
    assert asked == [(1, 7.0)]


def test_cassettes_are_recorded_and_played(
    api: ApiServer, make_sdk: MakeSdk, tmp_path: Path
) -> None:
    vcr = import_module("vcr")
    sdk = make_sdk(api.hostname)
    track_and_flush(sdk)  # so that there is a connection of ours
    for _ in range(2):
        with vcr.use_cassette(str(tmp_path / "tape.yaml")) as cassette:
            track_and_flush(sdk)
        assert len(cassette.requests) == 1
    assert cassette.play_count == 1
    track_and_flush(sdk)
    assert sdk.stats().delivered == 4
    assert len(api.requests) == 3  # all but the one that was played


def test_what_lets_requests_through_costs_no_connections(
    api: ApiServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as tracing; and certificates are verified as ever."""
    original, seen = requests.Session.send, []

    def send(*arguments: Any, **options: Any) -> requests.Response:
        seen.append(arguments)
        return original(*arguments, **options)

    monkeypatch.setattr(requests.Session, "send", send)
    transport = transports.HttpsTransport(ca_bundle=ca_file)
    for _ in range(3):
        assert transport.send(sent_to(api.hostname)) == SendResult(status=200)
    assert (len(seen), api.connections) == (3, 1)
    transport.close()
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    strict = transports.HttpsTransport()
    assert isinstance(strict.send(sent_to(api.hostname)).error, ConnectionError)
    assert len(api.requests) == 3


def test_redirect_that_a_double_lets_through_is_not_followed(
    api: ApiServer, make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = requests.Session.send
    monkeypatch.setattr(requests.Session, "send", lambda *a, **o: original(*a, **o))
    api.answer = always(Answer(302, {"Location": f"https://{api.hostname}/elsewhere"}))
    sdk = make_sdk(api.hostname)
    track_and_flush(sdk)
    assert [request.path for request in api.requests] == ["/v2/paltabrain"]
    assert sdk.batch_counters["REJECT"] == 1


def test_plain_http_goes_through_no_proxy(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")
    proxies = []

    def send(_adapter: object, _sent: object, **options: Any) -> Any:
        proxies.append(options["proxies"])
        return MagicMock(status_code=200, is_redirect=False, history=[])

    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", send)
    monkeypatch.setattr("requests.sessions.extract_cookies_to_jar", lambda *_: None)
    track_and_flush(make_sdk("http://127.0.0.1:1"))
    assert proxies == [{}]


def test_sockets_that_are_barred_are_not_used(
    api: ApiServer, make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Barred(socket.socket):
        def __new__(cls, *_arguments: object, **_options: object) -> Barred:
            raise RuntimeError("no sockets in tests")

    monkeypatch.setattr(socket, "socket", Barred)
    sdk = make_sdk(api.hostname, outage_seconds=0)
    track_and_flush(sdk)
    assert str(sdk.last_request_error) == "RuntimeError: no sockets in tests"
    assert api.connections == 0


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ("requests.sessions.Session.request", "'Session' object has no attribute 'request'"),
        ("requests.adapters.HTTPAdapter.send", "NotImplementedError"),
        ("requests.Session", "module 'requests' has no attribute 'Session'"),
    ],
)
def test_what_is_taken_away_fails_the_attempt_and_is_named(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch, taken: str, said: str
) -> None:
    """As a fixture does that keeps all tests from the network."""
    sdk = make_sdk("api.example", flush_max_retries=2, outage_seconds=0)
    monkeypatch.delattr(taken)
    track_and_flush(sdk)
    assert said in str(sdk.last_request_error)
    assert sdk.batch_counters == {"SUCCESS": 0, "REJECT": 0, "EXCEPTION": 1}


def test_sockets_of_gevent_are_no_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cooperative(socket.socket):
        pass

    Cooperative.__module__ = "gevent._socket3"
    monkeypatch.setattr(socket, "socket", Cooperative)
    assert mocks.mocks() is None


def test_guard_of_sockets_may_be_there_before_the_first_attempt(api: ApiServer) -> None:
    run_program("transport/imported_among_guards", api.hostname)
    assert len(api.requests) == 1


@pytest.mark.parametrize("target", ["requests.Session.post", "requests.sessions.Session"])
def test_double_may_be_there_before_the_import(api: ApiServer, target: str) -> None:
    run_program("transport/imported_among_doubles", target, api.hostname, loses=True)
    assert len(api.requests) == 1


def test_tracing_that_is_there_before_the_import_is_no_double() -> None:
    run_program("transport/imported_among_tracing")
