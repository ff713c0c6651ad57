"""Events on the live page as they arrive: newest first, none twice, none missing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, expect

from paltabrain_fast.collector.server import Collector, running
from paltabrain_fast.schema.model import Group

from ..batches import PAGE_OPEN, SCHEMA, Client, batch, dropping
from .conftest import OpenPage
from .live_page import LivePage, page_opens, send, send_refused


def test_events_appear_as_they_arrive(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    send(client, "first", "second")
    page = open_page(collector.http_url)
    page.shows("second", "first")
    send(client, "third")
    page.shows("third", "second", "first")
    expect(page.page.locator("#totals")).to_contain_text("events3")
    expect(page.page.get_by_role("button", name="PageOpen")).to_contain_text("3")


def test_a_reload_shows_the_same_and_goes_on(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    page = open_page(collector.http_url)
    send(client, "first")
    page.shows("first")
    page.page.reload()
    page.is_connected()
    send(client, "second")
    page.shows("second", "first")


def test_a_newcomer_is_told_what_to_do(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    page = open_page(collector.http_url)
    steps = page.page.locator("#empty")
    expect(steps).to_contain_text(f"PALTABRAIN_SDK_HOSTNAME={collector.http_url}")
    expect(steps).to_contain_text('sdk.track(EventPageOpen(page_id="abc"))')
    send(client, "first")
    page.shows("first")
    expect(steps).to_be_hidden()


def test_a_wrong_key_is_told_where_nothing_arrives(
    start: Callable[..., Collector], open_page: OpenPage
) -> None:
    url = start(api_key="right").http_url
    page = open_page(url)
    with closing(Client(url, api_key="wrong")) as client:
        assert client.post(page_opens("home")).status_code == 401
    expect(page.page.locator("#totals")).to_contain_text("wrong API key1")


def test_what_sdks_have_dropped_is_counted_beside_what_was_refused(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    page = open_page(collector.http_url)
    send(client, "first")
    page.shows("first")
    expect(page.page.locator("#totals")).not_to_contain_text("dropped by SDKs")
    client.post(dropping("instance", 3))
    expect(page.page.locator("#totals")).to_contain_text("dropped by SDKs3")


def test_an_event_of_no_known_type_is_no_request(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    client.post(batch(PAGE_OPEN, b"\x98\x06\x01"))
    page = open_page(collector.http_url)
    expect(page.rows.first.locator(".type")).to_have_text("event")
    page.open_first()
    expect(page.detail).to_contain_text("Refused event")


def test_what_was_refused_is_shown_with_field_and_reason(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    page = open_page(collector.http_url)
    send_refused(client)
    row = page.rows.first
    expect(row).to_contain_text("PageOpen has an unknown property 9")
    expect(row.locator(".field")).to_have_text("payload.9")
    assert "refused" in str(row.get_attribute("class"))
    expect(page.page.locator("#totals")).to_contain_text("refused1")


def test_a_pause_keeps_the_list_and_counts_what_waits(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    send(client, "first")
    page = open_page(collector.http_url)
    page.shows("first")
    page.page.get_by_role("button", name="Pause").click()
    send(client, "second", "third")
    send(client, "fourth")
    resume = page.page.get_by_role("button", name="Resume")
    expect(resume).to_have_text("Resume · 3")
    page.shows("first")
    resume.click()
    page.shows("fourth", "third", "second", "first")
    send(client, "fifth")
    page.shows("fifth", "fourth", "third", "second", "first")


def test_it_goes_on_after_the_collector_was_restarted(db: Path, open_page: OpenPage) -> None:
    with running(SCHEMA, db) as collector, closing(Client(collector.http_url)) as client:
        send(client, "first", "second")
        page = open_page(collector.http_url)
        page.shows("second", "first")
    expect(page.page.locator("#connection")).to_have_attribute("data-state", "waiting")
    with (
        running(SCHEMA, db, port=collector.http_port) as again,
        closing(Client(again.http_url)) as client,
    ):
        send(client, "third")
        page.is_connected()
        send(client, "fourth")
        page.shows("fourth", "third", "second", "first")


HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_pause_of_an_empty_list_outlasts_a_look_at_another_tab(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    page = open_page(collector.http_url)
    page.page.get_by_role("button", name="Pause").click()
    page.evaluate(HIDE, True)
    send(client, "first")
    page.evaluate(HIDE, False)
    expect(page.page.get_by_role("button", name="Resume")).to_have_text("Resume · 1")
    expect(page.rows).to_have_count(0)


def test_a_tab_that_nobody_sees_leaves_its_connection_to_others(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    send(client, "first")
    page = open_page(collector.http_url)
    page.shows("first")
    page.evaluate(HIDE, True)
    expect(page.page.locator("#connection")).to_have_attribute("data-state", "connecting")
    send(client, "second")
    page.shows("first")
    page.evaluate(HIDE, False)
    page.shows("second", "first")


def test_a_tab_that_was_opened_unseen_takes_no_connection(
    collector: Collector, client: Client, browser: Browser
) -> None:
    send(client, "first")
    unseen = browser.new_page()
    unseen.add_init_script(
        "Object.defineProperty(document, 'hidden', { value: true, configurable: true })"
    )
    asked: list[str] = []
    unseen.on("request", lambda request: asked.append(urlsplit(request.url).path))
    unseen.goto(collector.http_url)
    unseen.evaluate(
        """async () => {
            await import("/page/app.js");
            for (let turn = 0; turn < 5; turn += 1) await fetch("/api/health");
        }"""
    )
    assert "/api/schema" in asked
    assert not {"/api/events", "/api/stream"} & set(asked)
    unseen.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { value: false });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    expect(unseen.get_by_role("option")).to_contain_text(["first"])
    unseen.close()


def test_another_database_at_the_same_address_begins_a_new_list(
    tmp_path: Path, open_page: OpenPage
) -> None:
    with (
        running(SCHEMA, tmp_path / "a.duckdb") as collector,
        closing(Client(collector.http_url)) as client,
    ):
        send(client, "old", "older", "oldest")
        page = open_page(collector.http_url)
        page.shows("oldest", "older", "old")
    with (
        running(SCHEMA, tmp_path / "b.duckdb", port=collector.http_port) as again,
        closing(Client(again.http_url)) as client,
    ):
        send(client, "new")
        page.shows("new")


def test_another_database_with_as_many_events_begins_a_new_list(
    tmp_path: Path, open_page: OpenPage
) -> None:
    with (
        running(SCHEMA, tmp_path / "a.duckdb") as collector,
        closing(Client(collector.http_url)) as client,
    ):
        send(client, "old")
        page = open_page(collector.http_url)
        page.shows("old")
        other = open_page(f"{collector.http_url}/?q=new")
    with running(SCHEMA, tmp_path / "b.duckdb") as aside, closing(Client(aside.http_url)) as client:
        send(client, "new")  # it has the id that "old" had
        send(client, "newer")
    with running(SCHEMA, tmp_path / "b.duckdb", port=collector.http_port):
        page.shows("newer", "new")
        other.shows("newer", "new")


def test_another_schema_at_the_same_address_is_taken(tmp_path: Path, open_page: OpenPage) -> None:
    older = replace(SCHEMA, events=(Group("PageOpen", 2),))
    with running(older, tmp_path / "a.duckdb") as collector:
        page = open_page(f"{collector.http_url}/?type=PageOpen")
    with (
        running(SCHEMA, tmp_path / "a.duckdb", port=collector.http_port) as again,
        closing(Client(again.http_url)) as client,
    ):
        send(client, "home")
        page.shows("home")
        expect(page.page.get_by_role("button", name="Price")).to_be_visible()
        page.open_first()
        expect(page.detail.locator(".kind").first).to_have_text("string")


def test_a_reset_empties_the_page_after_a_question(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    send(client, "first")
    page = open_page(collector.http_url)
    page.shows("first")
    page.page.get_by_role("button", name="Delete all events").click()
    page.page.get_by_role("button", name="Keep them").click()
    page.shows("first")
    page.page.get_by_role("button", name="Delete all events").click()
    page.page.get_by_role("button", name="Delete all", exact=True).click()
    expect(page.page.get_by_text("Waiting for the first event")).to_be_visible()
    send(client, "second")
    page.shows("second")


def test_an_open_event_that_is_deleted_elsewhere_is_closed(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    send(client, "first")
    page = open_page(collector.http_url)
    page.open_first()
    assert client.request("POST", "/api/reset").json() == {"deleted": 1}
    expect(page.detail).to_be_hidden()
    expect(page.page.locator("#toast")).to_have_text("This event is no longer there")


def _read_all(page: LivePage) -> list[str]:
    """Scroll through the list as a reader does; return the values of its rows, from the top."""
    return list(
        page.evaluate(
            """async () => {
                const list = document.getElementById("list");
                const frame = () => new Promise(requestAnimationFrame);
                const seen = new Map();
                list.scrollTop = 0;
                for (;;) {
                    await frame();
                    await frame();
                    const rows = [...list.querySelectorAll(".row:not([hidden])")];
                    if (rows.some((row) => row.classList.contains("gap"))) continue;
                    for (const row of rows) {
                        const value = row.querySelector(".value").textContent;
                        seen.set(row.id, [row.id.slice("row-".length), value]);
                    }
                    if (list.scrollTop + list.clientHeight >= list.scrollHeight - 1) break;
                    list.scrollTop += list.clientHeight;
                }
                return [...seen.values()].sort((a, b) => b[0] - a[0]).map((each) => each[1]);
            }"""
        )
    )


def test_more_than_the_stream_sends_is_loaded_where_the_reader_scrolls(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    send(client, *(f"before-{number}" for number in range(250)))
    page = open_page(collector.http_url)
    expect(page.rows.first).to_contain_text("before-249")
    send(client, *(f"after-{number}" for number in range(450)))
    expect(page.rows.first).to_contain_text("after-449")
    assert _read_all(page) == [
        *(f"after-{number}" for number in reversed(range(450))),
        *(f"before-{number}" for number in reversed(range(250))),
    ]


def test_what_arrives_does_not_move_what_is_read(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    send(client, *(f"old-{number}" for number in range(100)))
    page = open_page(collector.http_url)
    expect(page.rows.first).to_contain_text("old-99")
    page.evaluate("document.getElementById('list').scrollTop = 34 * 40")
    row = page.rows.filter(has_text="old-50").first
    before = row.bounding_box()
    send(client, *(f"new-{number}" for number in range(30)))
    newer = page.page.get_by_role("button", name="newer")
    expect(newer).to_have_text("70 newer")
    assert page.rows.filter(has_text="old-50").first.bounding_box() == before
    newer.click()
    expect(page.rows.filter(has_text="new-29")).to_be_in_viewport()


def test_rows_stand_still_while_the_pointer_moves_over_them(
    collector: Collector, client: Client, open_page: OpenPage
) -> None:
    send(client, *(f"old-{number}" for number in range(100)))
    page = open_page(collector.http_url)
    row = page.rows.filter(has_text="old-97")
    row.hover()
    before = row.bounding_box()
    send(client, "new")
    expect(page.page.get_by_role("button", name="newer")).to_have_text("1 newer")
    assert row.bounding_box() == before
    expect(page.rows.filter(has_text="new")).to_be_in_viewport()  # as soon as the pointer rests
    page.page.mouse.wheel(0, 34 * 40)
    expect(page.page.get_by_role("button", name="newer")).to_have_text("40 newer")
