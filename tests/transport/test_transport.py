"""Both network transports against a real server with faults, and the one in memory."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from paltabrain_fast import (
    InMemoryTransport,
    PaltabrainSdk,
    Request,
    SendResult,
    Transport,
)
from paltabrain_fast import transport as transports
from paltabrain_fast.transport.headers import Headers

from ..support.answers import Answer, Fault, always, in_order
from ..support.api_server import ApiServer
from ..support.events import TextContext, TextEvent
from ..support.programs import run_program
from ..support.scarce import needs
from .conftest import MakeTransport, request


@pytest.fixture
def plain_api() -> Iterator[ApiServer]:
    with ApiServer(None).serving() as server:
        yield server


def test_all_are_transports(transport: Transport) -> None:
    assert isinstance(transport, Transport)
    assert isinstance(InMemoryTransport(), Transport)


@pytest.mark.parametrize("status", [200, 204, 299, 400, 413, 429, 503])
def test_one_attempt_one_result(api: ApiServer, transport: Transport, status: int) -> None:
    api.answer = always(Answer(status))
    body = bytes(range(256)) * 8192
    assert transport.send(request(api.hostname, body=body)) == SendResult(status=status)
    (received,) = api.requests
    assert (received.method, received.path) == ("POST", "/v2/paltabrain")
    assert received.body == body
    assert received.headers["X-API-Key"] == "s3cret"
    assert received.headers["Content-Type"] == "x/y"
    assert "Expect" not in received.headers


def test_empty_body(api: ApiServer, transport: Transport) -> None:
    assert transport.send(request(api.hostname, body=b"")) == SendResult(status=200)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(api: ApiServer, transport: Transport, status: int) -> None:
    with ApiServer(None).serving() as elsewhere:
        api.answer = always(Answer(status, {"Location": f"http://{elsewhere.hostname}/"}))
        assert transport.send(request(api.hostname)).status == status
        assert len(api.requests) == 1
        assert elsewhere.connections == 0


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
        ("9" * 5000, 9_999_999_999.0),
    ],
)
def test_retry_after_in_seconds(
    api: ApiServer, transport: Transport, value: str, seconds: float | None
) -> None:
    header = {"retry-AFTER": value.encode().decode("latin-1")}
    api.answer = always(Answer(429, headers=header))
    assert transport.send(request(api.hostname)) == SendResult(status=429, retry_after=seconds)


def test_retry_after_is_of_this_answer(api: ApiServer, transport: Transport) -> None:
    api.answer = in_order([Answer(429, {"Retry-After": "7"}), Answer(429)])
    assert transport.send(request(api.hostname)).retry_after == 7.0
    assert transport.send(request(api.hostname)).retry_after is None


def test_retry_after_as_a_date(api: ApiServer, transport: Transport) -> None:
    dates = [datetime.now(UTC) + timedelta(days=days) for days in (1, -1)]
    headers = [{"Retry-After": format_datetime(date, usegmt=True)} for date in dates]
    api.answer = lambda count, _request: Answer(503, headers=headers[count])
    later, past = (transport.send(request(api.hostname)).retry_after for _ in headers)
    assert later is not None
    assert 86_000 < later <= 86_400
    assert past == 0.0


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Sat, 05 Feb 2000 12:00:00 GMT", pytest.approx(7.0)),
        ("Sat, 05 Feb 2000 12:01:00 GMT", 0.0),
        ("garbage", 0.0),
    ],
)
def test_retry_after_as_a_date_counts_from_that_of_the_answer(
    api: ApiServer, transport: Transport, date: str, expected: float
) -> None:
    """Our own clock may be wrong, or patched."""
    headers = {"Date": date, "Retry-After": "Sat, 05 Feb 2000 12:00:07 GMT"}
    api.answer = always(Answer(503, headers))
    assert transport.send(request(api.hostname)).retry_after == expected


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.CLOSE, Fault.HALF_HEAD, Fault.ENDLESS_HEAD])
@pytest.mark.parametrize("kept_alive", [False, True])
def test_broken_answer_is_an_error_after_one_attempt(
    api: ApiServer, transport: Transport, fault: Fault, kept_alive: bool
) -> None:
    if kept_alive:
        transport.send(request(api.hostname))
    api.answer = always(Answer(fault=fault))
    result = transport.send(request(api.hostname))
    assert result.status is None
    assert isinstance(result.error, ConnectionError)
    assert len(api.requests) == 1 + kept_alive
    api.answer = always(Answer())
    assert transport.send(request(api.hostname)) == SendResult(status=200)


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "raw",
    [
        *(_HEAD[:end] for end in (0, 1, 5, 10, 15, 17, 23, len(_HEAD) - 1, len(_HEAD))),
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + _HEAD[:17],
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"\x00\x01\x02\xff\r\n\r\n",
        b"<html>" + b"x" * 100_000,
        b"\r\n",
    ],
    ids=lambda raw: ascii(raw[-10:]),
)
def test_text_of_an_error_says_how_an_answer_broke(
    api: ApiServer, plain_api: ApiServer, transport: Transport, scheme: str, raw: bytes
) -> None:
    server = api if scheme == "https" else plain_api
    server.answer = always(Answer(raw=raw))
    result = transport.send(request(server.hostname, scheme=scheme))
    assert result.status is None
    assert isinstance(result.error, ConnectionError)
    text = str(result.error)
    assert text.isprintable()
    assert len(text) <= 200
    assert "object" not in text  # of our own classes
    assert len(server.requests) == 1
    server.answer = always(Answer())
    assert transport.send(request(server.hostname, scheme=scheme)) == SendResult(status=200)


def test_head_cut_at_the_end_of_a_line_is_an_error(api: ApiServer, transport: Transport) -> None:
    body = b"x" * 10  # so that half of the head is "HTTP/1.1 299 Unknown" and the end of its line
    api.answer = always(Answer(299, body=body, fault=Fault.HALF_HEAD))
    assert isinstance(transport.send(request(api.hostname)).error, ConnectionError)


@pytest.mark.parametrize("interim", [(100,), (103,), (102, 100, 103, 199)])
def test_interim_answer_is_not_taken_for_the_answer(
    api: ApiServer, transport: Transport, interim: tuple[int, ...]
) -> None:
    """Each request gets its own answer, and the connection is good for the next one."""
    api.answer = in_order([Answer(interim=interim), Answer(400, interim=interim), Answer(503)])
    for status in (200, 400, 503):
        assert transport.send(request(api.hostname)) == SendResult(status=status)
    assert api.connections == 1


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "fault", [Fault.RESET, Fault.CLOSE, Fault.HALF_HEAD, Fault.ENDLESS_HEAD, Fault.ENDLESS_INTERIM]
)
def test_interim_answer_without_a_final_one_is_an_error(
    api: ApiServer, transport: Transport, fault: Fault
) -> None:
    api.answer = in_order([Answer(interim=(103,), fault=fault), Answer()])
    result = transport.send(request(api.hostname, timeout=1))
    assert result.status is None
    assert isinstance(result.error, ConnectionError | TimeoutError)
    assert transport.send(request(api.hostname)) == SendResult(status=200)
    assert api.connections == 2


@pytest.mark.parametrize("fault", [None, Fault.CLOSE_AFTER])
def test_switch_of_protocols_is_an_error(
    api: ApiServer, transport: Transport, fault: Fault | None
) -> None:
    """The client did not ask for it, and cannot know what the server speaks from then on."""
    api.answer = in_order([Answer(101, fault=fault), Answer()])
    result = transport.send(request(api.hostname, timeout=1))
    assert result.status is None
    assert isinstance(result.error, ConnectionError | TimeoutError)
    assert transport.send(request(api.hostname)) == SendResult(status=200)
    assert api.connections == 2


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.CLOSE])
def test_request_that_is_cut_is_an_error(
    api: ApiServer, transport: Transport, fault: Fault
) -> None:
    api.refuse = lambda _count, _head: fault
    result = transport.send(request(api.hostname, body=b"x" * 5_000_000))
    assert isinstance(result.error, ConnectionError)
    assert not api.requests


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.CLOSE])
def test_connection_that_is_cut_is_an_error(
    api: ApiServer, transport: Transport, fault: Fault
) -> None:
    api.greet = lambda _count: fault
    assert isinstance(transport.send(request(api.hostname)).error, ConnectionError)
    assert (api.connections, api.handshakes) == (1, 0)


def test_nobody_there_is_an_error(transport: Transport) -> None:
    with ApiServer(None).serving() as server:
        hostname = server.hostname
    assert isinstance(transport.send(request(hostname)).error, ConnectionError)
    assert isinstance(transport.send(request("no-such-host.invalid")).error, ConnectionError)


@pytest.mark.parametrize("url", ["", "x", "https://", "https:///x", "file:///dev/null"])
def test_bad_url_is_an_error(transport: Transport, url: str) -> None:
    assert isinstance(transport.send(Request(url, b"", {}, 30)).error, ConnectionError)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("stage", ["handshake", "send", "head", "drip"])
def test_attempt_ends_at_its_deadline(api: ApiServer, transport: Transport, stage: str) -> None:
    """None of these attempts would end by itself: where bytes drip, each single wait is short."""
    body = b"body"
    if stage == "handshake":
        api.greet = lambda _count: Fault.SILENCE
    elif stage == "send":
        api.refuse = lambda _count, _head: Fault.SILENCE
        body = b"x" * 50_000_000
    elif stage == "head":
        api.answer = always(Answer(fault=Fault.SILENCE))
    else:
        api.answer = always(Answer(headers={"X": "x" * 60_000}, fault=Fault.DRIP))
    result = transport.send(request(api.hostname, timeout=0.3, body=body))
    assert isinstance(result.error, TimeoutError)
    assert str(result.error) == "the attempt timed out after 0.3 s"


def test_answer_whose_body_drips_is_taken_within_the_deadline(
    api: ApiServer, transport: Transport
) -> None:
    api.answer = always(Answer(body=b"x" * 60_000, fault=Fault.DRIP_BODY))
    assert transport.send(request(api.hostname, timeout=0.3)) == SendResult(status=200)


def test_status_counts_where_the_body_breaks_off(api: ApiServer, transport: Transport) -> None:
    api.answer = always(Answer(503, {"Retry-After": "3"}, b"body", fault=Fault.HALF_BODY))
    expected = SendResult(status=503, retry_after=3.0, reason="bo")
    assert transport.send(request(api.hostname)) == expected


def test_endless_answer_is_not_read_to_its_end(api: ApiServer, transport: Transport) -> None:
    api.answer = always(Answer(fault=Fault.ENDLESS_BODY))
    for _ in range(2):
        assert transport.send(request(api.hostname, timeout=2)) == SendResult(status=200)
    api.wait_until_open(0)
    assert api.connections == 2
    assert api.streamed < 20_000_000  # what the system's buffers take


def test_answer_with_a_body_leaves_the_connection_usable(
    api: ApiServer, transport: Transport
) -> None:
    api.answer = always(Answer(body=b"x" * 10_000))
    for _ in range(3):
        assert transport.send(request(api.hostname)) == SendResult(status=200)
    assert api.connections == 1


def test_connection_that_the_server_closed_is_replaced_without_an_error(
    api: ApiServer, transport: Transport
) -> None:
    api.answer = in_order([Answer(fault=Fault.CLOSE_AFTER), Answer()])
    assert transport.send(request(api.hostname)) == SendResult(status=200)
    api.wait_until_open(0)
    assert transport.send(request(api.hostname)) == SendResult(status=200)
    assert api.connections == 2


def test_no_more_handshakes_than_places(api: ApiServer, make_transport: MakeTransport) -> None:
    """1,000 batches, 200 of them refused: refusals keep connections open as well."""
    transport = make_transport(connections=5)
    api.answer = lambda count, _request: Answer(503 if count % 5 == 0 else 200, body=b"x" * 100)
    with ThreadPoolExecutor(5) as threads:
        results = list(threads.map(lambda _: transport.send(request(api.hostname)), range(1000)))
    statuses = [result.status for result in results]
    assert (statuses.count(200), statuses.count(503)) == (800, 200)
    assert api.handshakes <= 5


def test_more_threads_than_places(api: ApiServer, make_transport: MakeTransport) -> None:
    """Connections beyond the number of places are closed after use."""
    transport = make_transport(connections=2)
    everybody = threading.Event()
    api.answer = always(Answer(release=everybody))
    with ThreadPoolExecutor(8) as threads:
        results = [threads.submit(transport.send, request(api.hostname)) for _ in range(8)]
        api.wait_for(8)
        everybody.set()
        assert {result.result().status for result in results} == {200}
    api.wait_until_open(2)
    assert api.connections == 8


@needs("pycurl")
def test_handle_of_libcurl_keeps_one_connection(api: ApiServer, plain_api: ApiServer) -> None:
    """One to another host takes its place."""
    transport = transports.CurlTransport()
    try:
        for hostname, scheme in ((plain_api.hostname, "http"), (api.hostname, "https")):
            assert transport.send(request(hostname, scheme=scheme)) == SendResult(status=200)
        plain_api.wait_until_open(0)
        api.wait_until_open(1)
    finally:
        transport.close()


def test_close_while_an_attempt_is_under_way(api: ApiServer, make_transport: MakeTransport) -> None:
    transport = make_transport()
    release = threading.Event()
    api.answer = always(Answer(release=release))
    with ThreadPoolExecutor(1) as threads:
        result = threads.submit(transport.send, request(api.hostname))
        api.wait_for(1)
        transport.close()
        release.set()
        assert result.result(30) == SendResult(status=200)
    api.wait_until_open(0)
    transport.close()


def test_plain_http(plain_api: ApiServer, transport: Transport) -> None:
    for _ in range(2):
        result = transport.send(request(plain_api.hostname, scheme="http"))
        assert result == SendResult(status=200)
    assert plain_api.connections == 1


def test_request_checks_its_headers() -> None:
    for value in ("s3cret\n", "s3cret\r\nX: y", "s3cret\0", " s3cret", "", "s3crét"):
        with pytest.raises(ValueError, match="header 'X-API-Key'") as caught:
            Request("https://host/", b"", {"X-API-Key": value}, 1)
        assert "s3cr" not in str(caught.value)
    with pytest.raises(ValueError, match="header 'X:'"):
        Request("https://host/", b"", {"X:": "x"}, 1)


def test_headers_are_checked_once_and_sent_with_a_number(
    api: ApiServer, transport: Transport
) -> None:
    with pytest.raises(ValueError, match="header 'X-API-Key'") as caught:
        Headers({"X-API-Key": "s3cret\n"})
    assert "s3cr" not in str(caught.value)
    fixed = Headers({"X-API-Key": "s3cret", "Content-Type": "x/y"})
    url = f"https://{api.hostname}/v2/paltabrain"
    for number in (1, 2):
        headers = fixed.with_number("X-TS", number)
        assert transport.send(Request(url, b"body", headers, 30)) == SendResult(status=200)
        assert headers == {"X-API-Key": "s3cret", "Content-Type": "x/y", "X-TS": str(number)}
        assert api.requests[-1].headers.items() >= headers.items()
    assert len(fixed) == 2
    assert "s3cret" not in repr(fixed)


def test_in_memory_keeps_requests_and_answers() -> None:
    transport = InMemoryTransport(lambda _request: SendResult(status=418))
    assert transport.send(request("host")) == SendResult(status=418)
    assert [kept.body for kept in transport.requests] == [b"body"]
    assert "s3cret" not in repr(transport.requests)


@needs("pycurl")
def test_sdk_chooses_curl_by_its_name(api: ApiServer) -> None:
    with PaltabrainSdk[Any](api.hostname, "key", TextContext(), transport="curl") as sdk:
        sdk.track(TextEvent("a"))
        assert sdk.flush(30)
    assert api.log.events == {"a": 1}
    assert "urllib3" not in str(api.requests[0].headers)
    with pytest.raises(TypeError, match="transport must be 'curl', 'auto' or"):
        PaltabrainSdk[Any](api.hostname, "key", TextContext(), transport="soap")  # type: ignore[arg-type]


def test_auto_chooses_the_faster_one_and_does_not_import_the_other() -> None:
    script = (
        "import sys; from paltabrain_fast.transport import make_transport;"
        " make_transport('auto').close(); assert 'pycurl' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_sdk_takes_auto(api: ApiServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
    with PaltabrainSdk[Any](api.hostname, "key", TextContext(), transport="auto") as sdk:
        sdk.track(TextEvent("a"))
        assert sdk.flush(30)
    assert api.log.events == {"a": 1}


def test_missing_extra_is_named() -> None:
    run_program("transport/without_pycurl")


def test_curl_is_not_imported_unasked() -> None:
    script = "import sys, paltabrain_fast.transport; assert 'pycurl' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(200, body=b"all is well"), None),
        (Answer(400), None),
        (Answer(400, body=b" unknown\r\n\tfield\x00 9 "), "unknown field 9"),
        (Answer(400, body="für \N{SNOWMAN}".encode() + b"\xff"), "für \N{SNOWMAN}\ufffd"),
        (Answer(401, body=b"no key 's3cret' here"), "no key '***' here"),
        (Answer(400, body=b"x" * 100_000), "x" * 200),
        (Answer(400, body=(b"s3cret " * 600)[: 4096 + 3]), ("*** " * 50).strip()),
        (Answer(400, body=b" " * 4093 + b"s3cret"), None),  # cut where the key begins
        (Answer(302, {"Location": "https://b.example/?k=s3cret"}), "https://b.example/?k=***"),
        (Answer(302, body=b"moved"), None),
        (
            Answer(
                403,
                body=b"<!DOCTYPE html><html><head><title>403</title><style>a {}</style></head>"
                b"<body><h1>Forbidden</h1>by <b>rule</b> 9</body></html>",
            ),
            "Forbidden by rule 9",
        ),
        (Answer(503, body=b"back soon"), "back soon"),
    ],
    ids=lambda value: repr(value)[-30:],
)
def test_reason_of_a_refusal_is_the_servers_own(
    api: ApiServer, transport: Transport, answer: Answer, reason: str | None
) -> None:
    api.answer = always(answer)
    assert transport.send(request(api.hostname)) == SendResult(answer.status, reason=reason)
