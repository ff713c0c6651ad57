"""The running collector: ports, TLS, how clients trust it, and how it stops."""

from __future__ import annotations

import gc
import hmac
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import requests
from duckdb import DuckDBPyConnection

from paltabrain_fast import PaltabrainSdk
from paltabrain_fast.collector import server
from paltabrain_fast.collector.errors import CollectorError
from paltabrain_fast.collector.filters import Filter
from paltabrain_fast.collector.objects import EventObject
from paltabrain_fast.collector.reading import Reader
from paltabrain_fast.collector.server import Collector, running
from paltabrain_fast.collector.warehouse import Warehouse
from paltabrain_fast.constant import ENDPOINT_BATCH, SDK_NAME

from ..schema.packages import generated
from .batches import PAGE_OPEN, SCHEMA, Client, batch, connect_until_refused, rows


def test_https_is_trusted_through_the_ca_file_and_not_without(
    start: Callable[..., Collector], stack: ExitStack
) -> None:
    collector = start()
    for host in ("localhost", "127.0.0.1"):
        url = f"https://{host}:{collector.https_port}"
        trusting = stack.enter_context(closing(Client(url, ca_file=collector.ca_file)))
        assert trusting.post(batch(PAGE_OPEN)).status_code == 200
        doubting = stack.enter_context(closing(Client(url)))
        with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            doubting.post(batch(PAGE_OPEN))
    assert trusting.counts()["events"]["PageOpen"] == 2


def test_the_sdk_delivers_to_it(
    start: Callable[..., Collector],
    stack: ExitStack,
    db: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collector = start(api_key="key")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(collector.ca_file))
    moment = datetime(2024, 1, 2, 3, 4, 5, 678_000, tzinfo=timezone(timedelta(hours=5)))
    with generated(SCHEMA) as config:
        user = config.Context().set_user(user_id="u")
        with PaltabrainSdk[Any](collector.hostname, "key", user, start_session=True) as sdk:
            for number in range(250):
                event = config.EventEverything(
                    number=number, color=config.EnumColor.BLUE, moment=moment
                )
                sdk.track(event.set_parent(elements=["a"]))
        assert sdk.stats().delivered == 250
    stack.close()
    stored = rows(db, "FROM event.f_everything ORDER BY session_event_seq_num")
    assert [row["session_event_seq_num"] for row in stored] == list(range(1, 251))
    assert [row["p_number"] for row in stored] == list(range(250))
    assert len({row["session_id"] for row in stored}) == 1
    last = stored[-1]
    assert last["p_moment"] == datetime(2024, 1, 1, 22, 4, 5, 678_000)
    assert (last["c_user_id"], last["h_elements"], last["p_color"]) == ("u", ["a"], "BLUE")
    assert last["sdk_name"] == SDK_NAME
    assert last["client_upload_ts"] >= last["event_ts"]


def test_the_authority_is_kept_between_starts_its_key_for_its_owner_alone(db: Path) -> None:
    with running(SCHEMA, db) as collector:
        first = collector.ca_file.read_bytes()
    assert collector.ca_file == db.with_name(f"{db.name}.ca.pem")
    assert b"PRIVATE KEY" not in first
    assert db.with_name(f"{db.name}.ca.key").stat().st_mode & 0o777 == 0o600
    trusted = db.with_name("trusted.pem")
    trusted.write_bytes(first)
    with (
        running(SCHEMA, db) as collector,
        closing(Client(f"https://{collector.hostname}", ca_file=trusted)) as client,
    ):
        assert client.post(batch(PAGE_OPEN)).status_code == 200
    assert {path.name for path in db.parent.iterdir()} == {
        *(db.name, *(f"{db.name}.{end}" for end in ("ca.pem", "ca.key", "ca-bundle.pem"))),
        trusted.name,
    }


@pytest.mark.parametrize("secure", [False, True], ids=["HTTP", "HTTPS"])
def test_no_part_of_an_answer_waits_for_the_client_to_acknowledge_another(
    start: Callable[..., Collector],
    stack: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
    secure: bool,
) -> None:
    accept = socket.socket.accept
    accepted: list[socket.socket] = []

    def recording(listener: socket.socket) -> tuple[socket.socket, Any]:
        connection, address = accept(listener)
        accepted.append(connection)
        return connection, address

    monkeypatch.setattr(socket.socket, "accept", recording)
    collector = start()
    url = f"https://{collector.hostname}" if secure else collector.http_url
    client = stack.enter_context(closing(Client(url, ca_file=collector.ca_file)))
    assert client.post(batch(PAGE_OPEN)).status_code == 200
    (connection,) = accepted
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_it_listens_on_loopback_only(start: Callable[..., Collector]) -> None:
    collector = start()
    for port in (collector.http_port, collector.https_port):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", port), timeout=10).close()


@pytest.mark.parametrize("option", ["port", "https_port"])
def test_a_port_in_use_is_one_error_and_touches_no_file(db: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flag = "--" + option.replace("_", "-")
        with (
            pytest.raises(CollectorError, match=f"{flag} {port}: Address already in use"),
            running(SCHEMA, db, **{option: port}),
        ):
            pass
    assert not db.exists()


STOP_DEADLINE = 10  # waiting for one client or another would take longer


@pytest.mark.parametrize("young", [700, 100_000, 0])
def test_the_collection_of_garbage_is_rarer_meanwhile_and_then_as_before(
    db: Path, young: int
) -> None:
    before = gc.get_threshold()
    gc.set_threshold(young)
    try:
        with running(SCHEMA, db):
            assert gc.get_threshold()[0] == (young and max(young, 50_000))
            assert gc.get_freeze_count()
        assert gc.get_threshold() == (young, *before[1:])
        assert not gc.get_freeze_count()
    finally:
        gc.set_threshold(*before)


def test_a_request_in_flight_is_finished_when_it_stops(
    start: Callable[..., Collector], stack: ExitStack, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop while a batch is being stored: it is answered with 200 and is in the file."""
    storing, stopping = threading.Event(), threading.Event()
    store = Warehouse.store

    def slow_store(*arguments: Any) -> Any:
        storing.set()
        assert stopping.wait(30)
        return store(*arguments)

    monkeypatch.setattr(Warehouse, "store", slow_store)
    collector = start()
    client = Client(collector.http_url)
    statuses: list[int] = []
    post = threading.Thread(
        target=lambda: statuses.append(client.post(batch(PAGE_OPEN)).status_code)
    )
    post.start()
    assert storing.wait(30)
    stop = threading.Thread(target=stack.close)
    stop.start()
    connect_until_refused(collector.http_port)
    stopping.set()
    for thread in (stop, post):
        thread.join(30)
        assert not thread.is_alive()
    client.close()
    assert statuses == [200]
    assert rows(db, "SELECT count(*) AS n FROM event.f_page_open") == [{"n": 1}]


def test_a_client_that_hangs_up_mid_body_harms_nothing(start: Callable[..., Collector]) -> None:
    collector = start()
    head = f"POST {ENDPOINT_BATCH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\npart"
    with socket.create_connection(("127.0.0.1", collector.http_port), timeout=30) as connection:
        connection.sendall(head.encode())
    with closing(Client(collector.http_url)) as client:
        assert client.post(batch(PAGE_OPEN)).status_code == 200


HEAD_WITHOUT_BODY = (
    f"POST {ENDPOINT_BATCH} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: key\r\n"
    "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
).encode()


def _start_a_body(connection: socket.socket) -> None:
    connection.sendall(HEAD_WITHOUT_BODY)
    assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")  # it waits for the body now
    connection.sendall(b"part")


def test_a_client_that_stops_mid_body_is_told_so(
    start: Callable[..., Collector],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("paltabrain_fast.collector.body.BODY_SECONDS", 0.5)
    collector = start()
    with socket.create_connection(("127.0.0.1", collector.http_port), timeout=30) as connection:
        _start_a_body(connection)
        assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_connected_clients_do_not_delay_the_stop(
    start: Callable[..., Collector],
    stack: ExitStack,
    db: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Clients that are idle after an answer, that send nothing, half a head, or half a body."""
    collector = start()
    with ExitStack() as clients:
        for url in (collector.http_url, f"https://{collector.hostname}"):
            client = clients.enter_context(closing(Client(url, ca_file=collector.ca_file)))
            assert client.post(batch(PAGE_OPEN)).status_code == 200
        silent, secure_silent, in_head, in_body = (
            clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            for port in (collector.http_port, collector.https_port, *[collector.http_port] * 2)
        )
        in_head.sendall(HEAD_WITHOUT_BODY[:-2])
        _start_a_body(in_body)
        stop = threading.Thread(target=stack.close)
        stop.start()
        stop.join(STOP_DEADLINE)
        assert not stop.is_alive()
        assert in_body.recv(1000).startswith(b"HTTP/1.1 503 ")
        for connection in (silent, secure_silent, in_head):
            assert connection.recv(1000) == b""
    assert rows(db, "SELECT count(*) AS n FROM event.f_page_open") == [{"n": 2}]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert capfd.readouterr().err == ""


def test_a_batch_that_waits_when_it_stops_is_answered_503(
    start: Callable[..., Collector], stack: ExitStack, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop while one batch is being stored and another one waits."""
    storing, waiting, release = threading.Event(), threading.Event(), threading.Event()
    store, compare = Warehouse.store, hmac.compare_digest

    def slow_store(*arguments: Any) -> Any:
        storing.set()
        assert release.wait(30)
        return store(*arguments)

    def noticed(given: bytes, wanted: bytes) -> bool:
        """The keys are compared when a request is in, just before its batch waits."""
        if storing.is_set():
            waiting.set()
        return compare(given, wanted)

    monkeypatch.setattr(Warehouse, "store", slow_store)
    monkeypatch.setattr(hmac, "compare_digest", noticed)
    url = start().http_url
    statuses: list[int] = []

    def post() -> None:
        with closing(Client(url)) as client:
            statuses.append(client.post(batch(PAGE_OPEN)).status_code)

    posts = [threading.Thread(target=post) for _ in range(2)]
    posts[0].start()
    assert storing.wait(30)
    posts[1].start()
    assert waiting.wait(30)
    stop = threading.Thread(target=stack.close)
    stop.start()
    connect_until_refused(int(url.rpartition(":")[2]))
    release.set()
    for thread in (stop, *posts):
        thread.join(30)
        assert not thread.is_alive()
    assert sorted(statuses) == [200, 503]
    assert rows(db, "SELECT count(*) AS n FROM event.f_page_open") == [{"n": 1}]


def _reader(search: Callable[[DuckDBPyConnection], None]) -> Any:
    """Return a class of readers that find nothing, after a search of its own."""

    class SlowReader:
        def __init__(self, cursor: DuckDBPyConnection, *_: object) -> None:
            self.cursor = cursor

        def events(self, *_: object) -> list[Any]:
            search(self.cursor)
            return []

    return SlowReader


def test_a_search_that_runs_when_it_stops_ends_before_the_file_is_closed(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searches, ending = threading.Event(), threading.Event()
    found: list[Any] = []

    class Executor(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            ending.set()
            super().shutdown(wait, cancel_futures=cancel_futures)

    def search(cursor: DuckDBPyConnection) -> None:
        searches.set()
        assert ending.wait(30)
        found.append(cursor.execute("SELECT 42").fetchone())

    monkeypatch.setattr(server, "ThreadPoolExecutor", Executor)
    monkeypatch.setattr(server, "Reader", _reader(search))

    with running(SCHEMA, db) as collector, closing(Client(collector.http_url)) as client:
        assert client.post(batch(PAGE_OPEN)).status_code == 200
        stream = requests.get(f"{collector.http_url}/api/stream?after=0", stream=True, timeout=30)
        assert searches.wait(30)
        stream.close()
    assert found == [(42,)]


@pytest.mark.parametrize("path", ["/api/events", "/api/stream?after=0"])
def test_a_search_that_it_interrupts_when_it_stops_is_no_error(
    db: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    searches = threading.Event()

    def search(cursor: DuckDBPyConnection) -> None:
        searches.set()
        cursor.execute(f"SELECT count(*) FROM range({10**11})").fetchall()

    monkeypatch.setattr(server, "Reader", _reader(search))
    answers: list[int] = []

    def ask(url: str) -> None:
        with suppress(requests.RequestException):  # it may be hung up
            answers.append(requests.get(url, timeout=30).status_code)

    with running(SCHEMA, db) as collector, closing(Client(collector.http_url)) as client:
        assert client.post(batch(PAGE_OPEN)).status_code == 200
        asking = threading.Thread(target=ask, args=(collector.http_url + path,))
        asking.start()
        assert searches.wait(30)
    asking.join(30)
    assert answers in ([], [503 if path == "/api/events" else 200])
    assert [record.message for record in caplog.records] == []


def test_a_slow_search_does_not_delay_others(
    client: Client, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    searching, release = threading.Event(), threading.Event()
    read = Reader.events

    def slow(reader: Reader, wanted: Filter, *arguments: Any) -> list[EventObject]:
        if wanted.text == "slow":
            searching.set()
            assert release.wait(30)
        return read(reader, wanted, *arguments)

    monkeypatch.setattr(Reader, "events", slow)
    assert client.post(batch(PAGE_OPEN)).status_code == 200
    statuses: list[int] = []

    def search() -> None:
        with closing(Client(client.url)) as other:
            statuses.append(other.request("GET", "/api/events?q=slow").status_code)

    thread = threading.Thread(target=search)
    thread.start()
    stack.callback(thread.join, 30)
    stack.callback(release.set)
    assert searching.wait(30)
    for _ in range(2):
        assert len(client.request("GET", "/api/events").json()["events"]) == 1
    release.set()
    thread.join(30)
    assert statuses == [200]


def test_plain_http_on_the_https_port_harms_nothing(start: Callable[..., Collector]) -> None:
    collector = start()
    address = ("127.0.0.1", collector.https_port)
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        connection.recv(1)
    context = ssl.create_default_context(cafile=collector.ca_file)
    with (
        socket.create_connection(address, timeout=30) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as secure,
    ):
        assert secure.version() in ("TLSv1.2", "TLSv1.3")
