"""A host of many addresses: those that do not answer leave the others their time."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from paltabrain_fast import HttpsTransport, SendResult

from ..support.api_server import ApiServer
from .conftest import request

Resolve = Callable[..., None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Have names resolve to these ports of loopback, in this order."""

    def patch(*ports: int) -> None:
        addresses: list[Any] = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)

    return patch


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that swallows packets, as its backlog is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        with contextlib.suppress(TimeoutError):
            while True:
                stack.enter_context(socket.create_connection(address, 0.2))
        yield address[1]


@pytest.fixture
def nobody() -> int:
    """A port that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_later_address_is_tried_in_the_same_attempt(
    resolve: Resolve, black_hole: int, nobody: int
) -> None:
    transport = HttpsTransport()
    with contextlib.closing(transport), ApiServer(None).serving() as api:
        resolve(nobody, black_hole, api.port, black_hole)
        for _ in range(2):
            result = transport.send(request("localhost", scheme="http", timeout=6))
            assert result == SendResult(status=200)
        assert (api.connections, api.received) == (1, 2)


def test_last_address_is_waited_for_to_the_deadline(resolve: Resolve, black_hole: int) -> None:
    with contextlib.closing(HttpsTransport()) as transport:
        resolve(black_hole, black_hole)
        result = transport.send(request("localhost", scheme="http", timeout=0.3))
        assert isinstance(result.error, TimeoutError)


def test_address_that_refuses_is_the_error_where_none_is_left(
    resolve: Resolve, black_hole: int, nobody: int
) -> None:
    with contextlib.closing(HttpsTransport()) as transport:
        resolve(black_hole, nobody)
        result = transport.send(request("localhost", scheme="http", timeout=6))
        assert isinstance(result.error, ConnectionError)
