"""Both network transports, for tests that each has to pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from paltabrain_fast import Request, Transport
from paltabrain_fast import transport as transports

from ..support.scarce import needs

MakeTransport = Callable[..., Transport]

_VARIABLES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


def request(
    hostname: str, *, timeout: float = 30, scheme: str = "https", body: bytes = b"body"
) -> Request:
    url = f"{scheme}://{hostname}/v2/paltabrain"
    return Request(url, body, {"X-API-Key": "s3cret", "Content-Type": "x/y"}, timeout)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without proxies and certificates."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)


@pytest.fixture(params=["HttpsTransport", pytest.param("CurlTransport", marks=needs("pycurl"))])
def make_transport(request: pytest.FixtureRequest) -> Iterator[MakeTransport]:
    """Make transports of one kind and close them in the end."""
    made: list[Transport] = []

    def make(**options: Any) -> Transport:
        made.append(getattr(transports, request.param)(**options))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


@pytest.fixture
def transport(make_transport: MakeTransport, ca_file: Path) -> Transport:
    return make_transport(ca_bundle=ca_file)
