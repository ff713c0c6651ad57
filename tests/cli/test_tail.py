"""``paltabrain-fast tail``: the last events, those that arrive, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from paltabrain_fast.collector.server import Collector, running

from .commands import DEADLINE, documents, error, output, run, start
from .stored import SCHEMA, batch, event, post, refused_batch


@pytest.fixture
def collector(own_stored: Path) -> Iterator[Collector]:
    with running(SCHEMA, own_stored) as collector:
        yield collector


def tail(*arguments: object) -> list[Any]:
    return documents("tail", "--no-follow", *arguments)


def test_the_last_events_come_in_the_order_of_arrival(where: list[str]) -> None:
    assert [event["type"] for event in tail(*where)] == [
        *("SessionStart", "PageOpen", "PageOpen", "Purchase", "PageOpen", "SessionEnd")
    ]
    assert [event["type"] for event in tail("-n", 2, *where)] == ["PageOpen", "SessionEnd"]
    assert tail("-n", 0, *where) == []


def test_a_file_gives_what_a_collector_gives(stored: Path, collector_url: str) -> None:
    assert tail("--db", stored) == tail("--url", collector_url)
    assert len(tail("--db", stored)) == 6


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--type", "Purchase"], ["Purchase"]),
        (["--type", "Purchase", "--type", "SessionEnd"], ["Purchase", "SessionEnd"]),
        (["--property", "page_id:home"], ["PageOpen", "PageOpen"]),
        (["--property", "page_id:home", "--property", "user.user_id:u-2"], ["PageOpen"]),
        (["--property", "parent.parent_elements:menu"], ["PageOpen"]),
        (["--property", "page_id:nowhere"], []),
        (["--invalid"], []),
    ],
)
def test_only_what_is_wanted_is_printed(
    filters: list[str], found: list[str], where: list[str]
) -> None:
    assert [event["type"] for event in tail(*filters, *where)] == found


def test_more_events_than_a_page_of_the_api_has(collector: Collector) -> None:
    events = [event("PageOpen", page_id=str(number)) for number in range(1500)]
    assert post(collector.http_url, batch(3, "u-3", *events)) == 200
    found = tail("-n", 1200, "--url", collector.http_url)
    assert [event["payload"]["page_id"] for event in found] == [str(n) for n in range(300, 1500)]


def test_what_was_refused_is_told_with_field_and_reason(collector: Collector) -> None:
    assert post(collector.http_url, refused_batch()) == 422
    text = output("tail", "--no-follow", "--invalid", "--url", collector.http_url)
    assert re.match(r"[\d:.]{12} ✗ PageOpen  422 .*unknown property 9.* \(payload\.9\)", text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--property", "page_id"], "--property page_id: write NAME:VALUE, such as page_id:home"),
        (["--type", "PageOpn"], "--type PageOpn: there is no such event; did you mean PageOpen?"),
        (["--type", "Xyz"], "--type Xyz: there is no such event; there are SessionStart, "),
    ],
)
def test_a_wrong_call_is_told(arguments: list[str], text: str, where: list[str]) -> None:
    assert text in error("tail", "--no-follow", *arguments, *where, code=2)


def test_a_file_cannot_be_followed(stored: Path) -> None:
    assert "--follow needs a running collector" in error("tail", "--follow", "--db", stored, code=2)
    assert run("tail", "--db", stored).exit_code == 0


@contextmanager
def following(
    collector: Collector, *arguments: object, stdout: int | IO[str] = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    command = ("tail", *arguments, "--url", collector.http_url)
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "60", "NO_COLOR": "1"}
    with start(*command, stdout=stdout, stderr=subprocess.PIPE, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def test_what_arrives_is_printed_until_ctrl_c(collector: Collector) -> None:
    with following(collector, "--json", "-n", 1) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["type"] == "SessionEnd"
        for number in (3, 4):
            opened = event("PageOpen", page_id=str(number))
            assert post(collector.http_url, batch(number, "u-3", opened)) == 200
            arrived = json.loads(process.stdout.readline())
            assert arrived["payload"] == {"page_id": str(number)}
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=DEADLINE) == ("", "")
    assert process.returncode == 0


def test_it_ends_when_nobody_reads_any_more(collector: Collector) -> None:
    """Also while nothing arrives: ``| head -1`` need not wait for another event."""
    with following(collector) as process:
        assert process.stdout is not None
        assert "SessionStart" in process.stdout.readline()
        process.stdout.close()
        assert process.wait(DEADLINE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_lines_fit_the_terminal(collector: Collector) -> None:
    leader, follower = pty.openpty()
    with (
        open(leader, encoding="utf-8", newline="") as screen,
        open(follower, "w") as terminal,
        following(collector, "--type", "Purchase", stdout=terminal) as process,
    ):
        line = screen.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0
    shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", line).rstrip("\r\n")
    assert shown.startswith("12:01:04.000   Purchase  price=12.50  currency=EUR")
    assert len(shown) == 60
    assert shown.endswith("…")


def test_a_file_that_a_collector_has_open_is_read_through_it(
    own_stored: Path, tmp_path: Path, stored: Path
) -> None:
    from ..schema.packages import EXAMPLE

    options = ("--schema", EXAMPLE, "--db", own_stored, "--port", 0, "--https-port", 0)
    with start("dev", *options, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            url = None
            while url is None:
                url = re.search(r"http://localhost:\d+", process.stdout.readline())
            assert tail("--db", own_stored, "--url", url[0]) == tail("--db", stored)
            with running(SCHEMA, tmp_path / "other.duckdb") as other:
                text = error("tail", "--no-follow", "--db", own_stored, "--url", other.http_url)
            assert f"the collector at {other.http_url} has {tmp_path / 'other.duckdb'} open" in text
            assert f"(PID {process.pid})" in text
        finally:
            process.terminate()
            process.wait(DEADLINE)
