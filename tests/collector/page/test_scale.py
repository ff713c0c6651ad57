"""The live page with many events: what it keeps is bounded, and all of them can be reached."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from paltabrain_fast.collector.app import PAGE
from paltabrain_fast.collector.server import Collector
from paltabrain_fast.utils import uuid_v7

from ..batches import Client
from .conftest import OpenPage
from .live_page import LivePage, page_opens, send

EVENTS = 100_000
BATCH = 1_000
MEBIBYTE = 2**20


def _heap_mib(page: LivePage) -> float:
    session = page.page.context.new_cdp_session(page.page)
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / MEBIBYTE


def test_a_hundred_thousand_events(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    page = open_page(collector.http_url)
    send(client, "the first")
    many = page_opens(*(f"page-{number}" for number in range(BATCH)))
    for _ in range(EVENTS // BATCH - 1):
        many.common.batch_id = uuid_v7()
        assert client.post(many).status_code == 200
    send(client, *(f"page-{number}" for number in range(BATCH - 2)), "the last")
    expect(page.page.locator("#totals")).to_contain_text("events100,000")
    expect(page.rows.first).to_contain_text("the last")
    assert page.page.locator(".row").count() < 100
    assert _heap_mib(page) < 64
    page.page.get_by_role("searchbox").fill("the first")
    page.shows("the first")
    page.page.get_by_role("searchbox").fill("")
    expect(page.rows.first).to_contain_text("the last")
    page.open_first()
    expect(page.detail).to_contain_text("the last")


def test_a_page_that_stays_open_for_years_draws_no_more_than_a_minute(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    page = open_page(collector.http_url)
    send(client, "first")
    line = page.page.locator("#rate-chart .line")
    expect(line).to_have_attribute("d", re.compile("^M"))
    page.evaluate("{ let now = 0; performance.now = () => (now += 2 ** 43); }")
    expect(line).to_have_attribute("d", "")


@pytest.fixture(scope="module")
def run(browser: Browser) -> Iterator[Callable[[str], Any]]:
    """Run statements with a new ``EventLog`` of the page; they end with a ``return``."""
    page = browser.new_page()

    def serve(route: Route) -> None:
        route.fulfill(path=PAGE / (route.request.url.rpartition("/")[2] or "icon.svg"))

    page.route("**/*", serve)
    page.goto("http://page.test/")

    def run(statements: str) -> Any:
        return page.evaluate(
            f"""async () => {{
                const {{ EventLog, KEPT }} = await import("/log.js");
                const log = new EventLog();
                const events = (from, to) =>
                    Array.from({{ length: to - from }}, (_, index) => ({{ id: from + index }}));
                const rows = () =>
                    log.rows.map((row) => (row.gap ? [row.upper, row.lower, row.count] : row.id));
                {statements}
            }}"""
        )

    yield run
    page.close()


def test_each_event_is_in_the_list_once(run: Callable[[str], Any]) -> None:
    assert run("log.start(events(1, 4), false); log.add(events(2, 6)); return rows()") == [
        *(5, 4, 3, 2, 1)
    ]


def test_what_the_stream_skips_is_a_gap_until_it_is_loaded(run: Callable[[str], Any]) -> None:
    statements = "log.start(events(1, 3), false); log.add(events(8, 10), 5);"
    assert run(f"{statements} return rows()") == [9, 8, [8, 2, 5], 2, 1]
    assert run(f"{statements} return log.total") == 9
    statements += "log.fill(log.rows[2], events(6, 8), true);"
    assert run(f"{statements} return rows()") == [9, 8, 7, 6, [6, 2, 3], 2, 1]
    statements += "log.fill(log.rows[4], events(1, 6), false);"
    assert run(f"{statements} return rows()") == [9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_what_waited_in_a_pause_comes_on_top(run: Callable[[str], Any]) -> None:
    statements = """
        log.start(events(1, 3), false);
        const waiting = new EventLog(log.newest);
        waiting.add(events(2, 4));
        waiting.add(events(6, 7), 2);
        log.addLog(waiting);
        return [rows(), log.newest, log.loaded];
    """
    assert run(statements) == [[6, [6, 3, 2], 3, 2, 1], 6, 4]


def test_what_is_forgotten_in_a_pause_ends_where_it_began(run: Callable[[str], Any]) -> None:
    statements = """
        log.start(events(1, 3), false);
        const waiting = new EventLog(log.newest);
        waiting.add(events(3, KEPT + 503));
        waiting.trim();
        log.addLog(waiting);
        return [KEPT, log.rows.filter((row) => row.gap), log.total];
    """
    kept, gaps, total = run(statements)
    assert gaps == [{"gap": True, "upper": 503, "lower": 2, "count": 500}]
    assert total == kept + 502


def test_the_oldest_are_forgotten_first_and_can_be_loaded_again(run: Callable[[str], Any]) -> None:
    statements = """
        log.add(events(1, KEPT + 501));
        log.trim(0, 50);
        const { length } = log.rows;
        const hole = log.rows.at(-1);
        log.fill(hole, events(1, 501), false);
        return [KEPT, length, hole, log.loaded, log.rows.at(-1).id];
    """
    kept, length, hole, loaded, last = run(statements)
    assert length == kept + 1
    assert hole == {"gap": True, "upper": 501, "lower": None, "count": 500}
    assert (loaded, last) == (kept + 500, 1)


def test_what_is_read_is_not_forgotten(run: Callable[[str], Any]) -> None:
    statements = """
        log.add(events(1, 2 * KEPT + 1));
        log.trim(2 * KEPT - 50, 2 * KEPT);
        return [KEPT, log.loaded, log.rows.filter((row) => row.gap), log.rows[0].id, log.find(1)];
    """
    kept, loaded, gaps, newest, oldest = run(statements)
    assert loaded <= kept
    (gap,) = gaps
    assert gap["count"] == gap["upper"] - gap["lower"] - 1 == 2 * kept - loaded
    assert (newest, oldest) == (2 * kept, {"id": 1})
