"""``paltabrain-fast sql``: what it prints in each form, and how it fails."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb
import pytest

from paltabrain_fast.collector import querying

from .commands import documents, error, output

PAGES = "SELECT p_page_id, count(*) AS opens FROM event.f_page_open GROUP BY ALL ORDER BY ALL"
PURCHASE = "SELECT p_price, p_items, p_prices, p_paid_ts, p_result FROM event.f_purchase"


def test_rows_become_aligned_columns_where_there_is_no_terminal(where: list[str]) -> None:
    assert output("sql", PAGES, *where) == "p_page_id  opens\nhome           2\ntea            1\n"


def test_rows_become_objects(where: list[str]) -> None:
    assert documents("sql", PAGES, *where) == [
        {"p_page_id": "home", "opens": 2},
        {"p_page_id": "tea", "opens": 1},
    ]


def test_values_are_written_as_a_person_writes_them(where: list[str]) -> None:
    _, row = csv.reader(io.StringIO(output("sql", PURCHASE, "--csv", *where)))
    assert row == ["12.50", '["tea", "кофе"]', '{"tea": 1.20}', "2026-11-24T12:00:00.000Z", "PAID"]


def test_json_keeps_decimals_and_large_integers_exact(where: list[str]) -> None:
    assert documents("sql", PURCHASE, *where) == [
        {
            "p_price": "12.50",
            "p_items": ["tea", "кофе"],
            "p_prices": {"tea": "1.20"},
            "p_paid_ts": "2026-11-24T12:00:00.000Z",
            "p_result": "PAID",
        }
    ]
    (row,) = documents("sql", "SELECT 2::BIGINT ** 60 AS n, 2::BIGINT AS m", *where)
    assert row["m"] == 2


def test_columns_of_one_name_are_all_there(where: list[str]) -> None:
    assert documents("sql", "SELECT 1 AS a, 2 AS a, 3 AS a_1", *where) == [
        {"a": 1, "a_1": 2, "a_1_1": 3}
    ]


def test_what_could_control_a_terminal_is_escaped(stored: Path) -> None:
    assert output("sql", "SELECT chr(27) || '[2J' AS x", "--db", stored) == "x\n\\x1b[2J\n"


@pytest.mark.parametrize(
    "query", ["DELETE FROM event.f_page_open", "SELECT 1; SELECT 2", "", "ATTACH 'other.db'"]
)
def test_only_one_select_is_run(query: str, where: list[str]) -> None:
    assert "only one SELECT is run" in error("sql", query, *where, code=2)


@pytest.mark.parametrize(
    "query",
    [
        "FROM read_text('{file}')",
        "FROM '{file}'",
        "FROM enable_logging(storage='file', storage_path='{file}')",
    ],
)
def test_other_files_are_left_alone(query: str, where: list[str], tmp_path: Path) -> None:
    file = tmp_path / "diary.csv"
    file.write_text("secret")
    text = error("sql", query.format(file=file), *where)
    assert any(reason in text for reason in ("disabled by", "does not exist", "been locked"))
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_an_answer_that_is_too_large_is_told_with_what_to_do(
    where: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(querying, "MAX_ROWS", 2)
    assert "the query gives over 2 rows; add a LIMIT" in error("sql", "FROM range(3)", *where)


def test_a_wrong_query_is_told_in_one_line(where: list[str]) -> None:
    assert "f_pageopen" in error("sql", "SELECT * FROM event.f_pageopen", *where)
    assert "syntax error" in error("sql", "SELEC 1", *where)
    assert "No function matches" in error("sql", "SELECT date_trunc(1, 2)", *where)


def test_a_wrong_name_is_told_with_the_right_one(where: list[str]) -> None:
    assert 'exist! Did you mean "event.f_page_open"?' in error(
        "sql", "SELECT * FROM f_page_open", *where
    )
    told = error("sql", "SELECT p_page FROM event.f_page_open", *where)
    assert "FROM clause! Candidate bindings: " in told
    assert '"p_page_id"' in told


def test_the_tables_of_events_are_listed(where: list[str]) -> None:
    assert "\nf_page_open\n" in output("sql", "SELECT name FROM (SHOW ALL TABLES)", *where)


def test_two_forms_at_once_are_refused(where: list[str]) -> None:
    assert "exclude each other" in error("sql", PAGES, "--json", "--csv", *where, code=2)


def test_no_collector_is_told_with_what_to_do(
    free_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = error("sql", PAGES, "--url", free_url)
    assert text == (
        f"paltabrain-fast sql: no collector answers at {free_url}: start one by"
        " `paltabrain-fast dev --schema FILE`, name another by --url, or read a file by --db FILE"
    )


def test_a_wrong_url_is_told() -> None:
    assert "is no URL of a collector" in error("sql", PAGES, "--url", "ftp://x", code=2)


def test_a_missing_file_is_told_and_not_made(tmp_path: Path) -> None:
    file = tmp_path / "none.duckdb"
    assert f"{file} does not exist" in error("sql", PAGES, "--db", file)
    assert not file.exists()


def test_a_file_of_something_else_is_told(tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    file.write_text("text " * 5000)
    assert f"cannot open {file}" in error("sql", PAGES, "--db", file)


def test_a_file_that_another_program_has_open_is_told(stored: Path, free_url: str) -> None:
    with duckdb.connect(str(stored)):
        text = error("sql", PAGES, "--db", stored, "--url", free_url)
    assert f"{stored} is in use by another process" in text
    assert f"no collector answers at {free_url}" in text
