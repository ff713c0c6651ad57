"""``paltabrain-fast reset``: deletes everything, and only when it is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from paltabrain_fast.collector.server import running

from .commands import documents, error, output, run
from .stored import BATCHES, SCHEMA, post

COUNT = "SELECT count(*) AS n FROM event.f_page_open"


def test_all_events_are_deleted(own_where: list[str]) -> None:
    assert output("reset", "--yes", *own_where).endswith(": 6 events deleted\n")
    assert documents("sql", COUNT, *own_where) == [{"n": 0}]
    assert documents("reset", "--yes", *own_where) == [{"deleted": 0}]


def test_the_same_batches_are_stored_again_after_it(own_stored: Path) -> None:
    output("reset", "--yes", "--db", own_stored)
    with running(SCHEMA, own_stored) as collector:
        for message in BATCHES:
            post(collector.http_url, message)
    assert documents("sql", COUNT, "--db", own_stored) == [{"n": 3}]


def test_nothing_is_deleted_without_a_yes(stored: Path) -> None:
    assert "give --yes" in error("reset", "--db", stored, code=2)
    assert documents("sql", COUNT, "--db", stored) == [{"n": 3}]


def test_the_usual_file_is_not_deleted_for_the_lack_of_a_collector(
    own_stored: Path, free_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own_stored.parent)
    own_stored.rename("paltabrain.duckdb")
    monkeypatch.setattr("paltabrain_fast.cli.source.DEFAULT_URL", free_url)
    assert "no collector answers" in error("reset", "--yes")
    done = run("sql", COUNT)
    assert (done.exit_code, done.stdout) == (0, "n\n3\n")
    assert done.stderr == "No collector runs: reading paltabrain.duckdb\n"
