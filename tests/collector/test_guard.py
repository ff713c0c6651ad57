"""Who may ask the collector: its own page and programs, no page of another site."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from paltabrain_fast.collector.errors import CollectorError
from paltabrain_fast.collector.listening import listen
from paltabrain_fast.collector.notices import Notice
from paltabrain_fast.collector.server import Collector, running
from paltabrain_fast.constant import ENDPOINT_BATCH, ENDPOINT_CONFIG

from .batches import PAGE_OPEN, SCHEMA, Client, batch

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "",
        "a@b",
        "[",
    ],
)
def test_a_foreign_host_is_refused_everywhere(client: Client, host: str) -> None:
    for method, path in (("GET", "/"), ("GET", "/api/events"), ("POST", "/api/reset")):
        assert client.request(method, path, Host=host).status_code == 403
    assert client.post(batch(PAGE_OPEN), Host="evil.example").status_code == 403
    assert client.counts()["batches"] == 0


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080"])
def test_an_own_host_is_served(client: Client, host: str) -> None:
    assert client.request("GET", "/api/health", Host=host).status_code == 200


def test_only_the_own_origin_is_served(client: Client) -> None:
    own = client.url.removeprefix("http://")
    for origin in (f"http://{own}", f"https://{own}"):
        assert client.request("GET", "/api/counts", Origin=origin).status_code == 200
    for origin in ("http://evil.example", "http://localhost:1", "null", own, "file://"):
        for path in ("/api/sql", "/api/reset", ENDPOINT_BATCH):
            answer = client.request("POST", path, Origin=origin)
            assert answer.status_code == 403
            assert "Origin" in answer.json()["error"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_page_embeds_is_refused_and_not_told(
    db: Path, site: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Notice] = []
    with (
        running(SCHEMA, db, on_notice=told.append) as collector,
        closing(Client(collector.http_url, api_key="")) as client,
    ):
        for mode, dest in (("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty")):
            headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
            for path in (ENDPOINT_CONFIG, "/v2/config", "/", "/api/stream"):
                answer = client.request("GET", path, **headers)
                assert answer.status_code == 403
                assert "another site" in answer.json()["error"]
    assert not told
    assert not caplog.records


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
        {
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        },
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    ],
)
def test_the_own_page_is_served_also_by_a_link_elsewhere(
    client: Client, headers: dict[str, str]
) -> None:
    assert client.request("GET", "/", **headers).status_code == 200


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", "localhost", 200),
        ("/page/index.html", "localhost", 200),
        ("/api/events", "localhost", 200),
        ("/api/stream", "evil.example", 403),
        ("/missing", "localhost", 404),
        ("/api/events?limit=x", "localhost", 400),
        ("/v2/config", "localhost", 200),
        ("/v2/paltabrain", "localhost", 405),
    ],
)
def test_every_answer_forbids_what_the_page_does_not_need(
    client: Client, path: str, host: str, status: int
) -> None:
    answer = client.request("GET", path, Host=host)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == _POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers


def test_a_named_host_is_served_and_certified(db: Path) -> None:
    with (
        running(SCHEMA, db, hosts=("collector", "127.0.0.3")) as collector,
        closing(
            Client(f"https://127.0.0.3:{collector.https_port}", ca_file=collector.ca_file)
        ) as client,
    ):
        assert client.post(batch(PAGE_OPEN)).status_code == 200
        assert client.post(batch(PAGE_OPEN), Host="collector:1").status_code == 200
        assert client.request("GET", "/", Host="127.0.0.9").status_code == 403


def test_with_all_addresses_any_address_is_an_own_host_but_no_name(db: Path) -> None:
    with (
        running(SCHEMA, db, hosts=("0.0.0.0",)) as collector,
        closing(Client(f"http://127.0.0.2:{collector.http_port}")) as client,
    ):
        assert client.request("GET", "/api/health").status_code == 200
        answer = client.request("GET", "/api/health", Host="collector:8080")
        assert answer.status_code == 403
        assert "--host collector" in answer.json()["error"]


@pytest.mark.parametrize("host", ["a:80", "http://a", "", "a b", "-a", "x" * 64])
def test_a_host_that_is_none_is_one_error(db: Path, host: str) -> None:
    with (
        pytest.raises(CollectorError, match="give a name or an address"),
        running(SCHEMA, db, hosts=(host,)),
    ):
        pass
    assert not db.exists()


def test_an_address_of_another_machine_is_one_error() -> None:
    with pytest.raises(CollectorError, match=r"--host 192\.0\.2\.1: "):
        listen(0, "--port", ["192.0.2.1"])


def test_addresses_share_a_port(stack: ExitStack) -> None:
    listeners = [
        stack.enter_context(closing(each)) for each in listen(0, "--port", ["127.0.0.4", "::1"])
    ]
    assert [each.getsockname()[0] for each in listeners] == ["127.0.0.1", "127.0.0.4", "::1"]
    assert len({each.getsockname()[1] for each in listeners}) == 1


def test_without_a_host_no_other_address_is_listened_on(
    start: Callable[..., Collector],
) -> None:
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.4", start().http_port), timeout=10).close()
