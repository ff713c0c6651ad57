"""The stream of a collector, followed over restarts, resets and floods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from paltabrain_fast.cli.following import Arrived, Reset, followed
from paltabrain_fast.collector.client import ApiError, CollectorClient
from paltabrain_fast.collector.server import Collector, running

from .stored import SCHEMA, batch, event, post

Start = Callable[[str], Collector]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Stops the collector that a test has started last; ``close()`` does so early."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start(stack: ExitStack, tmp_path: Path) -> Start:
    """Start a collector over a file; all of a test have the same port."""
    ports: list[int] = []

    def start(name: str) -> Collector:
        stack.close()
        collector = stack.enter_context(running(SCHEMA, tmp_path / name, port=sum(ports)))
        ports[:] = [collector.http_port]
        return collector

    return start


def post_pages(collector: Collector, number: int, count: int = 1) -> None:
    events = [event("PageOpen", page_id=f"{number}-{index}") for index in range(count)]
    assert post(collector.http_url, batch(number, "u-1", *events)) == 200


def page_ids(arrived: Arrived | Reset) -> list[str]:
    assert isinstance(arrived, Arrived)
    return [event["payload"]["page_id"] for event in arrived.events]


def test_a_restart_loses_nothing(start: Start) -> None:
    told: list[str] = []
    collector = start("a.duckdb")
    with closing(CollectorClient(collector.http_url)) as client:
        stream = followed(client, [], 0, complete=True, tell=told.append)
        post_pages(collector, 1)
        assert page_ids(next(stream)) == ["1-0"]
        collector = start("a.duckdb")
        post_pages(collector, 2)
        assert page_ids(next(stream)) == ["2-0"]
    assert len(told) == 2
    assert told[0].endswith("is lost; waiting for the collector.")
    assert told[1].endswith("is back.")


def test_a_new_file_is_followed_from_its_beginning(start: Start) -> None:
    collector = start("a.duckdb")
    with closing(CollectorClient(collector.http_url)) as client:
        for number in range(1, 4):
            post_pages(collector, number)
        stream = followed(client, [], client.counts()["last_id"], complete=True, tell=print)
        post_pages(collector, 4)
        assert page_ids(next(stream)) == ["4-0"]
        collector = start("b.duckdb")
        post_pages(collector, 5)
        assert page_ids(next(stream)) == ["5-0"]


def test_another_file_is_known_by_its_events(start: Start, tmp_path: Path) -> None:
    with running(SCHEMA, tmp_path / "b.duckdb") as aside:
        post_pages(aside, 5)  # it has the id that the first one of the other file has
        post_pages(aside, 6)
    collector = start("a.duckdb")
    with closing(CollectorClient(collector.http_url)) as client:
        stream = followed(client, [], 0, complete=True, tell=print)
        post_pages(collector, 1)
        assert page_ids(next(stream)) == ["1-0"]
        start("b.duckdb")
        assert page_ids(next(stream)) == ["5-0", "6-0"]


def test_a_reset_is_told_and_what_follows_arrives(start: Start) -> None:
    collector = start("a.duckdb")
    with closing(CollectorClient(collector.http_url)) as client:
        stream = followed(client, [], 0, complete=True, tell=print)
        post_pages(collector, 1)
        assert page_ids(next(stream)) == ["1-0"]
        assert client.reset() == 1
        assert next(stream) == Reset()
        post_pages(collector, 1)
        assert page_ids(next(stream)) == ["1-0"]


def test_what_a_flood_leaves_out_is_fetched_if_all_is_wanted(start: Start) -> None:
    collector = start("a.duckdb")
    expected = [f"1-{index}" for index in range(1500)]
    post_pages(collector, 1, len(expected))
    with closing(CollectorClient(collector.http_url)) as client:
        found: list[str] = []
        for arrived in followed(client, [], 0, complete=True, tell=print):
            assert isinstance(arrived, Arrived)
            assert not arrived.skipped
            found += page_ids(arrived)
            if len(found) >= len(expected):
                break
        assert found == expected
        first = next(followed(client, [], 0, complete=False, tell=print))
        assert isinstance(first, Arrived)
        assert first.skipped + len(first.events) == len(expected)
        assert page_ids(first) == expected[first.skipped :]


def test_only_what_is_wanted_arrives(start: Start) -> None:
    collector = start("a.duckdb")
    post_pages(collector, 1, 3)
    with closing(CollectorClient(collector.http_url)) as client:
        filters = [("type", "PageOpen"), ("property", "page_id:1-1")]
        assert page_ids(next(followed(client, filters, 0, complete=True, tell=print))) == ["1-1"]


def test_a_wrong_filter_is_an_error(start: Start) -> None:
    with closing(CollectorClient(start("a.duckdb").http_url)) as client:
        with pytest.raises(ApiError) as raised:
            next(followed(client, [("valid", "perhaps")], 0, complete=True, tell=print))
        assert raised.value.status == 400
