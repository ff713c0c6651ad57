"""Proxies of the environment, with the conventions of ``requests``."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from paltabrain_fast import HttpsTransport, SendResult, Transport
from paltabrain_fast import transport as transports

from ..support.answers import Answer, Fault, always
from ..support.api_server import ApiServer
from ..support.certificates import Authority
from ..support.proxy_server import ProxyServer, SocksServer
from ..support.scarce import needs
from .conftest import MakeTransport, request

USER = "us er@x:p@ss:/w%rd\u20ac"
QUOTED_USER = "us%20er%40x:p%40ss%3A%2Fw%25rd%E2%82%AC"


@pytest.fixture
def proxy() -> Iterator[ProxyServer]:
    with ProxyServer().serving() as server:
        yield server


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_proxy_is_used(
    api: ApiServer,
    transport: Transport,
    proxy: ProxyServer,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    scheme: str,
) -> None:
    monkeypatch.setenv(variable, scheme + proxy.address)
    for _ in range(3):
        assert transport.send(request(api.hostname)) == SendResult(status=200)
    assert proxy.asked == [(api.hostname, None)]
    assert api.handshakes == 1
    assert "Proxy-Connection" not in api.requests[0].headers


def test_credentials(api: ApiServer, transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    with ProxyServer(credentials=USER).serving() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{QUOTED_USER}@{proxy.address}")
        assert transport.send(request(api.hostname)) == SendResult(status=200)
        # at once, not after a refusal
        expected = "Basic " + base64.b64encode(USER.encode()).decode()
        assert proxy.asked == [(api.hostname, expected)]
    assert "Proxy-Authorization" not in api.requests[0].headers


@pytest.mark.parametrize("user", ["", "user:s3cret-password@"])
def test_missing_or_wrong_credentials(
    api: ApiServer, transport: Transport, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    """What a proxy answers is not the API's answer."""
    with ProxyServer(credentials=USER).serving() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{user}{proxy.address}")
        result = transport.send(request(api.hostname))
        assert (result.status, result.retry_after) == (None, None)
        assert isinstance(result.error, ConnectionError)
        assert "407" in str(result.error)
        assert "s3cret" not in str(result.error)
        assert len(proxy.asked) == 1
    assert api.connections == 0


def test_key_does_not_reach_the_proxy(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that a proxy sees is a CONNECT request and TLS."""
    with ApiServer(None).serving() as proxy:  # answers whatever is asked, and keeps it
        proxy.answer = always(Answer(403, fault=Fault.CLOSE_AFTER))
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.hostname}")
        assert transport.send(request("example.invalid")).status is None
        (asked,) = proxy.requests
        assert (asked.method, asked.path) == ("CONNECT", "example.invalid:443")
        assert "s3cret" not in repr(asked)


def test_certificate_is_verified_through_a_proxy(
    api: ApiServer,
    make_transport: MakeTransport,
    proxy: ProxyServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    result = make_transport().send(request(api.hostname))
    assert "certificate" in str(result.error).lower()
    assert len(proxy.asked) == 1
    assert api.requests == []


@pytest.mark.parametrize("trusted", [True, False])
def test_proxy_that_speaks_tls(
    api: ApiServer,
    make_transport: MakeTransport,
    ca_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trusted: bool,
) -> None:
    other = Authority(tmp_path)
    if trusted:
        both = tmp_path / "both.pem"
        both.write_bytes(ca_file.read_bytes() + other.ca_file.read_bytes())
        ca_file = both
    with ProxyServer(credentials=USER, context=other.context()).serving() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://{QUOTED_USER}@{proxy.address}")
        transport = make_transport(ca_bundle=ca_file)
        for _ in range(2):
            result = transport.send(request(api.hostname, body=b"x" * 500_000))
            assert result.status == (200 if trusted else None)
        assert len(proxy.asked) == trusted
        assert api.connections == trusted


@pytest.mark.parametrize("names", ["localhost", "*", "example.com, localhost", ".x,LOCALHOST"])
def test_no_proxy(
    api: ApiServer,
    transport: Transport,
    proxy: ProxyServer,
    monkeypatch: pytest.MonkeyPatch,
    names: str,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NO_PROXY", names)
    assert transport.send(request(api.hostname)).status == 200
    assert proxy.asked == []


def test_no_proxy_for_others(
    api: ApiServer, transport: Transport, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NO_PROXY", "example.com,host")
    assert transport.send(request(api.hostname)).status == 200
    assert len(proxy.asked) == 1


def test_environment_is_read_once(
    api: ApiServer, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert transport.send(request(api.hostname)).status == 200
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert transport.send(request(api.hostname)).status == 200


def test_exceptions_are_read_once(
    api: ApiServer, transport: Transport, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    api.answer = always(Answer(headers={"Connection": "close"}))
    assert transport.send(request(api.hostname)).status == 200
    monkeypatch.setenv("NO_PROXY", "*")
    assert transport.send(request(api.hostname)).status == 200
    assert len(proxy.asked) == 2


def test_plain_http_goes_through_no_proxy(
    transport: Transport, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is for loopback only: the API key would leave the machine."""
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://{proxy.address}")
    with ApiServer(None).serving() as server:
        assert transport.send(request(server.hostname, scheme="http")).status == 200
    assert proxy.asked == []


def test_proxy_that_is_not_there(
    api: ApiServer, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{QUOTED_USER}@127.0.0.1:1")
    result = transport.send(request(api.hostname))
    assert isinstance(result.error, ConnectionError)
    assert "p@ss" not in str(result.error)
    assert "p%40ss" not in str(result.error)
    assert api.connections == 0


def test_silent_proxy_ends_at_the_deadline(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ApiServer(None).serving() as proxy:
        proxy.answer = always(Answer(headers={"X": "x" * 60_000}, fault=Fault.DRIP))
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.hostname}")
        result = transport.send(request("example.invalid", timeout=0.3))
    assert isinstance(result.error, TimeoutError)


@needs("pycurl")
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("credentials", [None, USER])
def test_socks_through_libcurl(
    api: ApiServer,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    scheme: str,
    credentials: str | None,
) -> None:
    with (
        SocksServer(credentials=credentials).serving() as proxy,
        contextlib.closing(transports.CurlTransport()) as transport,
    ):
        user = f"{QUOTED_USER}@" if credentials else ""
        monkeypatch.setenv(variable, f"{scheme}://{user}{proxy.address}")
        for _ in range(2):
            assert transport.send(request(api.hostname)) == SendResult(status=200)
        ((target, given),) = proxy.asked
        assert given == credentials
        # with "h" the proxy resolves the name
        assert (target == api.hostname) == (scheme == "socks5h")
        assert target.endswith(f":{api.port}")


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["socks4", "socks5", "SOCKS5h"])
def test_socks_is_refused_by_the_default_transport(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, variable: str, scheme: str
) -> None:
    monkeypatch.setenv(variable, f"{scheme}://{QUOTED_USER}@127.0.0.1:1")
    with contextlib.closing(HttpsTransport()) as transport:
        result = transport.send(request(api.hostname))
    assert isinstance(result.error, ConnectionError)
    assert f"{variable.upper()} sets a SOCKS proxy" in str(result.error)
    assert "transport='curl'" in str(result.error)
    assert "p@ss" not in str(result.error)
    assert "p%40ss" not in str(result.error)
    assert api.connections == 0


def test_socks_for_others_alone(
    api: ApiServer, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad proxy does not matter to a host that is reached without it."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with ApiServer(None).serving() as plain:
        assert transport.send(request(plain.hostname, scheme="http")).status == 200
    monkeypatch.setenv("NO_PROXY", "localhost")
    assert transport.send(request(api.hostname)).status == 200
