"""What a query in SQL may take and give, and that its answer is that of the query alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from paltabrain_fast.collector import querying
from paltabrain_fast.collector.errors import RefusedError
from paltabrain_fast.collector.querying import confine, select


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        confine(connection)
        yield connection


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    return json.loads(select(connection, query))["rows"]


def _refusal(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    with pytest.raises(RefusedError) as caught:
        select(connection, query)
    assert caught.value.status == 400
    return caught.value.reason


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1;",
        "SELECT 1; -- one; more",
        "SELECT 1 -- one; more",
        "SELECT /* ; */ 1;;",
        "; SELECT 1 ;",
        "VALUES (1)",
        "WITH a AS (SELECT 1) FROM a",
        "SELECT 1 ORDER BY 1 LIMIT 1",
        "(SELECT 1) UNION (SELECT 1)",
        "SELECT _answer FROM (SELECT 1 AS _answer)",
    ],
)
def test_a_select_may_be_written_in_any_way(
    connection: duckdb.DuckDBPyConnection, query: str
) -> None:
    assert _rows(connection, query) == [[1]]


def test_texts_with_semicolons_are_kept(connection: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT 'я;''' AS \"a;b\", $$;$$; -- ;"
    answer = json.loads(select(connection, query))
    assert answer["columns"][0]["name"] == "a;b"
    assert answer["rows"] == [["я;'", ";"]]


def test_the_order_is_that_of_the_query(connection: duckdb.DuckDBPyConnection) -> None:
    rows = _rows(connection, "FROM range(300_000) ORDER BY hash(range), range")
    direct = connection.execute("FROM range(300_000) ORDER BY hash(range), range").fetchall()
    assert rows == list(map(list, direct))


@pytest.mark.parametrize(
    "query", ["SHOW ALL TABLES", "DESCRIBE SELECT 1 AS a", "SUMMARIZE SELECT 1"]
)
def test_what_describes_is_a_select(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    answer = json.loads(select(connection, query))
    names = [column[0] for column in connection.execute(query).description or ()]
    assert [column["name"] for column in answer["columns"]] == names


def test_an_error_shows_the_line_of_the_query(connection: duckdb.DuckDBPyConnection) -> None:
    assert "SELECT missing FROM range(3)\n" in _refusal(connection, "SELECT missing FROM range(3)")


def test_rows_are_bounded(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(querying, "MAX_ROWS", 10)
    assert len(_rows(connection, "FROM range(10)")) == 10
    assert _refusal(connection, "FROM range(11)") == "the query gives over 10 rows; add a LIMIT"


def test_the_answer_is_bounded(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(querying, "MAX_BYTES", 2**20)
    assert len(_rows(connection, "SELECT repeat('x', 1000) FROM range(1000)")) == 1000
    reason = _refusal(connection, "SELECT repeat('x', 1000) FROM range(1100)")
    assert reason.startswith("the answer has over 1 MiB; select fewer columns, add a LIMIT, or use")


@pytest.mark.parametrize(
    "value",
    [
        "repeat('x', n)",
        "range(n)",
        "map(range(n), range(n))",
        "{'a': [[range(n)]]}",
        "repeat('x', n)::BLOB",
    ],
)
def test_no_large_value_is_fetched(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """It would be made of Python's objects in one step, which takes far more memory."""
    monkeypatch.setattr(querying, "MAX_ROW_BYTES", 2**20)
    monkeypatch.setattr(querying, "plain", lambda *_, **__: pytest.fail("it was fetched"))
    query = f"SELECT {value} AS v FROM (SELECT unnest([1_200_000]) AS n)"
    reason = _refusal(connection, query)
    assert reason.startswith("a row of the answer is too large, over 1 MiB; select less of it")


def test_a_large_value_that_the_query_leaves_out_is_no_matter(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(querying, "MAX_ROW_BYTES", 1000)
    query = "SELECT n, repeat('x', n) AS t FROM range(2000) AS numbers(n) ORDER BY n LIMIT 3"
    assert _rows(connection, query) == [[0, ""], [1, "x"], [2, "xx"]]
    joined = f"SELECT t FROM ({query.partition(' ORDER')[0]}) JOIN (SELECT 2 AS n) USING (n)"
    assert _rows(connection, joined) == [["xx"]]


def test_the_time_covers_the_answer(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.0, 29.0, 31.0])
    monkeypatch.setattr(querying, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    reason = _refusal(connection, "FROM range(100)")
    assert reason == "the query took over 30 seconds; ask for less at once"


def test_a_check_ends_it_while_the_answer_is_made(connection: duckdb.DuckDBPyConnection) -> None:
    calls = iter(range(3))

    def check() -> None:
        if next(calls) == 2:
            raise KeyError

    with pytest.raises(KeyError):
        select(connection, "FROM range(100)", check)
    assert _rows(connection, "SELECT 1") == [[1]]


def test_memory_is_bounded(connection: duckdb.DuckDBPyConnection) -> None:
    reason = _refusal(connection, "SELECT list(range) FROM range(200_000_000)")
    assert reason.startswith("the query needs over 2.0 GiB of memory, or over 4 GiB of disk; ask ")
    ((disk,),) = _rows(connection, "SELECT current_setting('max_temp_directory_size')")
    assert disk == "4.0 GiB"


def test_a_smaller_limit_of_memory_is_kept() -> None:
    with duckdb.connect(config={"memory_limit": "300MiB"}) as connection:
        confine(connection)
        assert _rows(connection, "SELECT current_setting('memory_limit')") == [["300.0 MiB"]]


def test_it_can_be_confined_twice_and_not_be_freed(connection: duckdb.DuckDBPyConnection) -> None:
    confine(connection)
    with pytest.raises(duckdb.InvalidInputException, match="has been locked"):
        connection.execute("SET memory_limit = '8GiB'")


def test_a_value_that_python_cannot_hold_is_one_error(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    assert "too large" in _refusal(connection, "SELECT INTERVAL 100000000 YEAR")
