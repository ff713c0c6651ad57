"""Tests of a service that would send for real; what their names say becomes of them."""

from __future__ import annotations

import threading
import unittest
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import responses
import shop
from config import Context, EventPageOpen, EventSessionStart

from paltabrain_fast import HttpsTransport, InMemoryTransport, PaltabrainSdk, Request, SendResult
from paltabrain_fast.testing import PaltabrainEvents


class Answer(BaseHTTPRequestHandler):
    received = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).received += 1
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None: ...


@pytest.fixture(scope="module")
def hostname() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def make_sdk(hostname: str, **options: object) -> PaltabrainSdk[Context]:
    return PaltabrainSdk[Context](hostname, "key", Context(), **options)  # type: ignore[arg-type]


def test_fails_if_it_does_not_flush() -> None:
    shop.open_page("a")
    shop.open_page("b")
    shop.sdk.track(EventSessionStart())


def test_passes_after_another() -> None:
    assert shop.sdk.stats().pending_events == 0


def test_fails_if_it_flushes(hostname: str) -> None:
    with make_sdk(hostname) as sdk:
        sdk.track(EventPageOpen())
    assert (sdk.stats().delivered, Answer.received) == (1, 0)


def test_fails_for_a_reason_of_its_own() -> None:
    shop.open_page("a")
    raise RuntimeError("its own reason")


class TestOfUnittest(unittest.TestCase):
    def test_fails_in_unittest_style(self) -> None:
        shop.open_page("a")


def test_fails_though_it_skips() -> None:
    shop.open_page("a")
    pytest.skip("its own reason")


@pytest.mark.xfail
def test_fails_though_it_may() -> None:
    shop.open_page("a")


@pytest.mark.xfail(strict=True)
def test_fails_as_it_passes_and_should_not() -> None:
    shop.open_page("a")


@pytest.mark.xfail(strict=True)
def test_passes_not_as_expected() -> None:
    shop.open_page("a")
    raise RuntimeError("its own reason")


@pytest.fixture
def late() -> Iterator[None]:
    yield
    shop.open_page("late")


@pytest.mark.usefixtures("late")
def test_has_an_error_in_teardown() -> None: ...


@pytest.fixture
def early() -> None:
    shop.open_page("early")


@pytest.mark.usefixtures("early")
def test_has_an_error_in_setup() -> None: ...


@pytest.fixture
def skipping() -> None:
    shop.open_page("early")
    pytest.skip("its own reason")


@pytest.mark.usefixtures("skipping")
def test_has_an_error_though_a_fixture_skips() -> None: ...


@pytest.mark.paltabrain_allow_send
def test_passes_with_the_marker(hostname: str) -> None:
    with make_sdk(hostname) as sdk:
        sdk.track(EventPageOpen())
    assert Answer.received == 1


@pytest.mark.paltabrain_allow_send
def test_passes_with_the_marker_and_no_server(request: pytest.FixtureRequest) -> None:
    sdk = make_sdk("http://127.0.0.1:1")
    request.config.stash[KEPT] = sdk  # what it has left is the next test's neighbour
    sdk.track(EventPageOpen())
    sdk.track(EventPageOpen(), Context().set_user(user_id="u"))
    sdk.flush()


KEPT = pytest.StashKey[PaltabrainSdk[Context]]()


class Failing:
    calls = 0

    def send(self, _request: Request) -> SendResult:
        type(self).calls += 1
        raise ConnectionError

    def close(self) -> None: ...


def test_passes_with_a_transport_of_its_own_that_fails(request: pytest.FixtureRequest) -> None:
    sdk = make_sdk("localhost", transport=Failing(), exit_timeout=0.0)
    request.config.stash[KEPT] = sdk
    sdk.track(EventPageOpen())


def test_passes_as_nobody_hurries_that_one() -> None:
    assert Failing.calls <= 1


class Recording(HttpsTransport):
    seen = 0

    def send(self, request: Request) -> SendResult:
        assert request.url
        type(self).seen += 1
        return SendResult(200)


def test_passes_with_a_double_that_is_derived_from_ours() -> None:
    with make_sdk("localhost", transport=Recording()) as sdk:
        sdk.track(EventPageOpen())
    assert Recording.seen == 1


def test_passes_though_that_has_left_something() -> None: ...


def test_passes_after_a_test_with_the_marker(paltabrain_events: PaltabrainEvents) -> None:
    shop.open_page("a")
    assert list(paltabrain_events) == [EventPageOpen(page_id="a")]


def test_passes_with_a_transport_in_memory() -> None:
    transport = InMemoryTransport()
    with make_sdk("localhost", transport=transport) as sdk:
        sdk.track(EventPageOpen(page_id="a"))
    assert transport.events == [EventPageOpen(page_id="a")]


def test_passes_with_a_transport_of_its_own() -> None:
    class Own:
        requests = 0

        def send(self, request: Request) -> SendResult:  # noqa: ARG002
            self.requests += 1
            return SendResult(status=200)

        def close(self) -> None: ...

    transport = Own()
    with make_sdk("localhost", transport=transport) as sdk:
        sdk.track(EventPageOpen())
    assert transport.requests == 1


@responses.activate
def test_passes_with_mocked_requests() -> None:
    responses.post("https://localhost/v2/paltabrain", status=200)
    with make_sdk("localhost") as sdk:
        sdk.track(EventPageOpen())
    assert len(responses.calls) == 1


def test_passes_if_disabled() -> None:
    with make_sdk("localhost", disabled=True) as sdk:
        sdk.track(EventPageOpen())


def test_fails_last_with_events_left_to_the_exit() -> None:
    shop.open_page("last")
