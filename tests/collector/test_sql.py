"""Queries in SQL over the HTTP API: their answers, what is refused, and that they end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from typing import Any

import pytest
import requests

from paltabrain_fast.collector.server import Collector, running

from .batches import EVENT_TS, PAGE_OPEN, SCHEMA, Client, batch, connect_until_refused, payload


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a collector with three events, which no test changes."""
    db = tmp_path_factory.mktemp("filled") / "events.duckdb"
    with running(SCHEMA, db) as collector, closing(Client(collector.http_url)) as client:
        everything = payload(
            *(3,),
            flag=True,
            amount="1.50",
            number=2**53 + 1,
            moment=EVENT_TS,
            label_array=["a", "b:c"],
            number_map={"x": 5},
        )
        assert client.post(batch(PAGE_OPEN, PAGE_OPEN, everything)).status_code == 200
        yield client


def _query(client: Client, query: Any) -> requests.Response:
    return client.post_json("/api/sql", {"query": query})


def test_sql_answers_in_types_that_json_has(filled: Client) -> None:
    answer = _query(
        filled,
        "SELECT p_number, p_amount, p_moment, p_flag, p_label_array, p_number_map, NULL AS n,"
        " 'NaN'::DOUBLE AS nan, 1::UTINYINT AS i FROM event.f_everything",
    )
    assert answer.status_code == 200
    assert answer.json()["columns"][:2] == [
        {"name": "p_number", "type": "DECIMAL(20,0)"},
        {"name": "p_amount", "type": "DECIMAL(38,18)"},
    ]
    assert answer.json()["rows"] == [
        [
            "9007199254740993",
            "1.500000000000000000",
            "2023-11-14T22:13:20.123Z",
            True,
            ["a", "b:c"],
            {"x": 5},
            None,
            "nan",
            1,
        ]
    ]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("DROP TABLE event.f_page_open", "must be a SELECT, not DROP"),
        ("INSERT INTO collector.reset VALUES (1)", "must be a SELECT, not INSERT"),
        ("SELECT 1; SELECT 2", "must be one SELECT, not 2 statements"),
        ("", "must be one SELECT, not 0 statements"),
        ("SELECT FROM", "Parser Error"),
        ("SELECT * FROM missing", "missing does not exist"),
        ("SELECT * FROM read_text('/etc/passwd')", "disabled by configuration"),
        ("SELECT * FROM '/etc/passwd'", "Table with name /etc/passwd does not exist"),
        ("COPY event.f_page_open TO '/tmp/x'", "must be a SELECT, not COPY"),
        ("SET enable_external_access = true", "must be a SELECT, not SET"),
        ("SELECT * FROM enable_logging(storage='file', storage_path='x')", "has been locked"),
        ("SELECT * FROM enable_profiling(save_location='x', format='json')", "has been locked"),
        ("SELECT error('x\x00y')", ""),
        (5, 'the body must be JSON such as {"query": "SELECT 1"}'),
    ],
)
def test_sql_that_is_no_single_select_is_refused_and_harms_nothing(
    filled: Client, query: Any, error: str
) -> None:
    answer = _query(filled, query)
    assert answer.status_code == 400
    assert error in answer.json()["error"]
    assert _query(filled, "SELECT count(*) FROM event.f_page_open").json()["rows"] == [[2]]


def test_sql_that_takes_too_long_is_ended(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paltabrain_fast.collector.querying.QUERY_SECONDS", 0.2)
    answer = _query(client, "SELECT count(*) FROM range(10000000000) a, range(1000000) b")
    assert answer.status_code == 400
    assert "the query took over 0.2 seconds" in answer.json()["error"]


def test_a_query_does_not_delay_the_stop(start: Callable[..., Collector], stack: ExitStack) -> None:
    collector = start()
    client = stack.enter_context(closing(Client(collector.http_url)))
    body = b'{"query": "SELECT count(*) FROM range(10000000000) a, range(1000000) b"}'
    with requests.Session() as session:
        request = requests.Request("POST", f"{client.url}/api/sql", data=body).prepare()
        with pytest.raises((requests.Timeout, requests.ConnectionError)):
            session.send(request, timeout=0.5)
    stack.close()  # which the test's own deadline ends if the query goes on


def test_an_answer_does_not_delay_the_stop(
    start: Callable[..., Collector], stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop while the first of some rows becomes JSON: no other does."""
    collector = start()
    answering, release = threading.Event(), threading.Event()
    values: list[Any] = []

    def slow(value: Any, *, has_integers: bool) -> Any:
        del has_integers
        values.append(value)
        answering.set()
        assert release.wait(30)
        return value

    monkeypatch.setattr("paltabrain_fast.collector.querying.plain", slow)

    def ask() -> None:
        with (
            closing(Client(collector.http_url)) as client,
            suppress(requests.ConnectionError),  # the connection is closed if this takes long
        ):
            assert _query(client, "FROM range(1000)").status_code == 503

    threads = [threading.Thread(target=ask), threading.Thread(target=stack.close)]
    threads[0].start()
    assert answering.wait(30)
    threads[1].start()
    connect_until_refused(collector.http_port)
    release.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert values == [0]
