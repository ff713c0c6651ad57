"""The HTTPS transport against real sockets, and the one in memory."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from paltabrain_fast import HttpsTransport, InMemoryTransport, Request, SendResult, Transport

from .support.answers import Answer, Fault
from .support.api_server import ApiServer
from .support.certificates import make_certificates


def request(hostname: str, *, timeout: float = 30, scheme: str = "https") -> Request:
    url = f"{scheme}://{hostname}/v2/paltabrain"
    return Request(url, b"body", {"X-API-Key": "s3cret", "Content-Type": "x/y"}, timeout)


@pytest.fixture
def transport(api: ApiServer) -> Iterator[HttpsTransport]:  # noqa: ARG001  # its trust is needed
    made = HttpsTransport()
    yield made
    made.close()


def test_both_are_transports() -> None:
    assert isinstance(HttpsTransport(), Transport)
    assert isinstance(InMemoryTransport(), Transport)


def test_one_attempt_one_result(api: ApiServer, transport: HttpsTransport) -> None:
    api.answer = lambda _count, _request: Answer(503)
    assert transport.send(request(api.hostname)) == SendResult(status=503)
    (received,) = api.requests
    assert (received.method, received.path, received.body) == ("POST", "/v2/paltabrain", b"body")
    assert received.headers["X-API-Key"] == "s3cret"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(api: ApiServer, transport: HttpsTransport, status: int) -> None:
    location = {"Location": f"https://{api.hostname}/elsewhere"}
    api.answer = lambda _count, _request: Answer(status, headers=location)
    assert transport.send(request(api.hostname)).status == status
    assert len(api.requests) == 1


def test_no_answer_is_an_error(api: ApiServer, transport: HttpsTransport) -> None:
    api.answer = lambda _count, _request: Answer(fault=Fault.RESET)
    result = transport.send(request(api.hostname))
    assert result.status is None
    assert isinstance(result.error, Exception)
    assert "s3cret" not in repr(result) + str(result.error)


def test_slow_answer_times_out(api: ApiServer, transport: HttpsTransport) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    try:
        result = transport.send(request(api.hostname, timeout=0.05))
    finally:
        release.set()
    assert "timed out" in str(result.error)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        (" 0 ", 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_in_seconds(
    api: ApiServer, transport: HttpsTransport, value: str, seconds: float | None
) -> None:
    header = {"Retry-After": value.encode().decode("latin-1")}
    api.answer = lambda _count, _request: Answer(429, headers=header)
    assert transport.send(request(api.hostname)) == SendResult(status=429, retry_after=seconds)


def test_retry_after_as_a_date(api: ApiServer, transport: HttpsTransport) -> None:
    dates = [datetime.now(UTC) + timedelta(days=days) for days in (1, -1)]
    headers = [{"Retry-After": format_datetime(date, usegmt=True)} for date in dates]
    api.answer = lambda count, _request: Answer(503, headers=headers[count])
    later, past = (transport.send(request(api.hostname)).retry_after for _ in headers)
    assert later is not None
    assert 86_000 < later <= 86_400
    assert past == 0.0


def test_large_answer_is_not_read_to_its_end(api: ApiServer, transport: HttpsTransport) -> None:
    api.answer = lambda _count, _request: Answer(body=b"x" * 10_000_000)
    for _ in range(2):
        assert transport.send(request(api.hostname)) == SendResult(status=200)
    assert api.connections == 2


def test_answer_with_a_body_leaves_the_connection_usable(
    api: ApiServer, transport: HttpsTransport
) -> None:
    api.answer = lambda _count, _request: Answer(body=b"x" * 10_000)
    for _ in range(3):
        assert transport.send(request(api.hostname)) == SendResult(status=200)
    assert api.connections == 1


def test_untrusted_certificate_is_refused(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    result = HttpsTransport().send(request(api.hostname))
    assert "CERTIFICATE_VERIFY_FAILED" in str(result.error)
    assert api.requests == []


def test_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    ca_file, context = make_certificates(tmp_path, "example.com")
    with ApiServer(context).serving() as server:
        result = HttpsTransport(ca_bundle=ca_file).send(request(server.hostname))
        assert "match" in str(result.error)
        assert server.requests == []


def test_given_bundle_wins_over_the_environment(
    api: ApiServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(empty))
    assert HttpsTransport().send(request(api.hostname)).status is None
    assert HttpsTransport(ca_bundle=ca_file).send(request(api.hostname)).status == 200


def test_curl_bundle_of_the_environment_is_trusted(
    api: ApiServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(ca_file))
    assert HttpsTransport().send(request(api.hostname)).status == 200


def test_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no_such"):
        HttpsTransport(ca_bundle=tmp_path / "no_such")


def test_environment_is_read_once(
    api: ApiServer, transport: HttpsTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert transport.send(request(api.hostname)).status == 200
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such")
    assert transport.send(request(api.hostname)).status == 200


@pytest.mark.parametrize("with_password", [False, True])
def test_proxy_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, with_password: bool
) -> None:
    asked: list[tuple[str, str | None]] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append((self.path, self.headers.get("Proxy-Authorization")))
            self.send_error(403)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the tests' output quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        user = "user:pass@" if with_password else ""
        monkeypatch.setenv("HTTPS_PROXY", f"http://{user}127.0.0.1:{proxy.server_port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        result = HttpsTransport().send(request("example.invalid:443"))
        proxy.shutdown()
        thread.join()
    assert asked == [("example.invalid:443", "Basic dXNlcjpwYXNz" if with_password else None)]
    assert result.status is None
    assert "pass" not in str(result.error)


def test_no_proxy_is_honoured(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "localhost")
    assert HttpsTransport().send(request(api.hostname)).status == 200


def test_weak_protocols_are_refused(ca_file: Path) -> None:
    """The pool's own context verifies and has no way around it."""
    transport = HttpsTransport(ca_bundle=ca_file)
    pool = transport._pool("https://localhost/x").connection_from_url("https://localhost")
    assert pool.cert_reqs in ("CERT_REQUIRED", ssl.CERT_REQUIRED)  # type: ignore[attr-defined]


def test_plain_http_on_loopback_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    class Plain(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep the tests' output quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Plain) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        result = HttpsTransport().send(request(f"127.0.0.1:{server.server_port}", scheme="http"))
        server.shutdown()
        thread.join()
    assert result == SendResult(status=200)


def test_in_memory_keeps_requests_and_answers() -> None:
    transport = InMemoryTransport(lambda _request: SendResult(status=418))
    assert transport.send(request("host")) == SendResult(status=418)
    assert [kept.body for kept in transport.requests] == [b"body"]
    assert "s3cret" not in repr(transport.requests)
