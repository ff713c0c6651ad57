"""``paltabrain-fast export``: the files are the tables, value by value and type by type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from paltabrain_fast.collector import querying
from paltabrain_fast.collector.querying import select

from .commands import documents, error, output
from .stored import SCHEMA


def columns(
    relation: str, db: Path | None = None
) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
    with duckdb.connect(str(db) if db else ":memory:", read_only=db is not None) as connection:
        described = connection.execute(f"DESCRIBE FROM {relation}").fetchall()
        rows = connection.execute(f"FROM {relation} ORDER BY batch_id, batch_event_seq_num")
        # Parquet has milliseconds; DuckDB reads them as its own TIMESTAMP.
        types = [
            (name, type_.replace("TIMESTAMP_MS", "TIMESTAMP")) for name, type_, *_ in described
        ]
        return types, rows.fetchall()


def test_each_table_is_a_file_with_its_types_and_rows(
    where: list[str], stored: Path, tmp_path: Path
) -> None:
    target = tmp_path / "new" / "out"
    written = documents("export", "--parquet", target, *where)
    assert {entry["table"] for entry in written} == {
        f"f_{event.field_name}" for event in SCHEMA.events
    }
    assert {entry["table"]: entry["rows"] for entry in written if entry["rows"]} == {
        "f_session_start": 1,
        "f_page_open": 3,
        "f_purchase": 1,
        "f_session_end": 1,
    }
    assert {path.name for path in target.iterdir()} == {f"{e['table']}.parquet" for e in written}
    tables = {entry["table"]: columns(f"'{entry['file']}'") for entry in written}
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(stored.read_bytes())
    assert tables == {name: columns(f"event.{name}", copy) for name in tables}


def test_only_the_named_types_are_written_and_files_are_replaced(
    where: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "f_page_open.parquet"
    file.write_text("old")
    other = tmp_path / "mine.txt"
    other.write_text("mine")
    command = ("export", "--parquet", tmp_path, "--type", "PageOpen", *where)
    assert output(*command) == (f"table        rows  file\nf_page_open     3  {file}\n")
    assert len(columns(f"'{file}'")[1]) == 3
    assert {path.name for path in tmp_path.iterdir()} == {file.name, other.name}


def test_a_wrong_type_is_told_with_the_nearest(where: list[str], tmp_path: Path) -> None:
    text = error("export", "--parquet", tmp_path, "--type", "PageOpn", *where, code=2)
    assert text.endswith("--type PageOpn: there is no such event; did you mean PageOpen?")


def test_a_directory_that_cannot_be_written_is_told(stored: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert f"--parquet {file}: " in error("export", "--parquet", file, "--db", stored)


@pytest.mark.parametrize(
    "command", [("export", "--parquet", "out"), ("ddl", "--dialect", "duckdb")]
)
def test_a_file_without_tables_of_events_is_told(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    duckdb.connect("other.duckdb").close()
    assert "other.duckdb has no events that this version can read" in error(
        *command, "--db", "other.duckdb"
    )
    assert not Path("out").exists()


def test_rows_that_are_large_are_asked_for_in_smaller_pages(
    collector_url: str, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows are a byte too large for one answer."""
    with duckdb.connect(str(stored), read_only=True) as connection:
        whole = select(connection, "SELECT * FROM event.f_page_open ORDER BY rowid")
    monkeypatch.setattr(querying, "MAX_BYTES", len(whole) - len("]}") - 1)
    command = ("export", "--parquet", tmp_path, "--type", "PageOpen", "--url", collector_url)
    assert [entry["rows"] for entry in documents(*command)] == [3]
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(stored.read_bytes())
    assert columns(f"'{tmp_path}/f_page_open.parquet'") == columns("event.f_page_open", copy)


def test_a_row_that_is_too_large_is_told(
    collector_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(querying, "MAX_ROW_BYTES", 100)
    text = error("export", "--parquet", tmp_path, "--url", collector_url)
    assert text.startswith("paltabrain-fast export: a row of the answer is too large, over ")
