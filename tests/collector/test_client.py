"""The client of the API: what it says when a collector is not there, or is something else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from paltabrain_fast.collector.client import ApiError, CollectorClient, UnreachableError
from paltabrain_fast.collector.server import Collector


@contextmanager
def answering(status: int, body: bytes) -> Iterator[CollectorClient]:
    """A client of a server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            del arguments

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with closing(CollectorClient(f"localhost:{server.server_port}")) as client:
                yield client
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"status": "ok"}', b'"status"', b""])
def test_what_answers_otherwise_is_no_collector(body: bytes) -> None:
    with answering(200, body) as client, pytest.raises(UnreachableError, match="is no collector"):
        client.health()


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b'{"error": "the reason"}', "the reason"), (b"<html>", "HTTP status 404"), (b"[1]", "404")],
)
def test_a_refusal_has_its_reason(body: bytes, reason: str) -> None:
    with answering(404, body) as client, pytest.raises(ApiError, match=reason) as raised:
        client.counts()
    assert raised.value.status == 404


def test_a_redirect_is_not_followed() -> None:
    with answering(302, b"") as client, pytest.raises(ApiError, match="HTTP status 302"):
        client.health()


def test_nobody_there_is_told_with_the_url() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://localhost:{taken.getsockname()[1]}"
        with (
            closing(CollectorClient(url)) as client,
            pytest.raises(UnreachableError, match=f"^no collector answers at {url}$"),
        ):
            client.health()


def test_proxies_of_the_environment_are_not_used(
    start: Callable[[], Collector], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://localhost:9")
    with closing(CollectorClient(start().http_url)) as client:
        assert client.health()["status"] == "ok"
        assert client.counts()["events"] == 0


@pytest.mark.parametrize("url", ["", "ftp://localhost", "http://", "http://[::1", "localhost:x"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is no URL of a collector"):
        CollectorClient(url)
