"""What the live page shows if asked for some events only; the filters are in its address."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import expect

from paltabrain_fast.collector.conversion import MAX_CHARACTERS
from paltabrain_fast.collector.server import Collector, running

from ..batches import SCHEMA, Client, batch, payload
from .conftest import OpenPage
from .live_page import LivePage, send, send_refused


@pytest.fixture
def page(collector: Collector, client: Client, open_page: OpenPage) -> LivePage:
    """A page with two page views of two users, a price, and a refused event."""
    send(client, "home", user="u-1")
    send(client, "basket", user="u-2")
    client.post(batch(payload(4, price="1.50")))
    send_refused(client)
    page = open_page(collector.http_url)
    expect(page.rows).to_have_count(4)
    return page


def query(page: LivePage) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(page.page.url).query)


def search(page: LivePage, text: str) -> None:
    page.page.get_by_role("searchbox").fill(text)
    page.page.get_by_role("searchbox").press("Enter")


def test_by_types(page: LivePage) -> None:
    page.page.get_by_role("button", name="Price").click()
    page.shows("1.50")
    page.page.get_by_role("button", name="PageOpen").click()
    expect(page.rows).to_have_count(4)
    assert query(page) == [("type", "Price"), ("type", "PageOpen")]
    page.page.get_by_role("button", name="Remove the filter type Price").click()
    page.shows("unknown property 9", "basket", "home")


def test_by_validity(page: LivePage) -> None:
    page.page.get_by_role("button", name="Refused", exact=True).click()
    page.shows("unknown property 9")
    page.page.get_by_role("button", name="Valid", exact=True).click()
    page.shows("1.50", "basket", "home")
    assert query(page) == [("valid", "true")]
    page.page.get_by_role("button", name="All", exact=True).click()
    expect(page.rows).to_have_count(4)


def test_by_text_as_it_is_typed(page: LivePage) -> None:
    page.page.get_by_role("searchbox").fill("BASK")
    page.shows("basket")
    assert query(page) == [("q", "BASK")]
    page.page.get_by_role("searchbox").fill("")
    expect(page.rows).to_have_count(4)


def test_by_property_context_and_text_at_once(page: LivePage, client: Client) -> None:
    search(page, "page_id:home user.user_id:u-1 om")
    page.shows("home")
    assert query(page) == [
        ("property", "page_id:home"),
        ("context", "user.user_id:u-1"),
        ("q", "om"),
    ]
    send(client, "home", user="u-3")
    send(client, "home", user="u-1")
    page.shows("home", "home")


def test_what_is_no_property_of_the_schema_is_text(page: LivePage) -> None:
    search(page, "9: nothing.at:all")
    expect(page.page.get_by_role("heading", name="No event matches")).to_be_visible()
    assert query(page) == [("q", "9: nothing.at:all")]
    page.page.get_by_role("button", name="Clear the filters").click()
    expect(page.rows).to_have_count(4)


def test_by_a_value_of_an_opened_event(page: LivePage) -> None:
    page.rows.filter(has_text="basket").click()
    page.detail.get_by_role("button", name="Show events with this user_id").click()
    page.shows("basket")
    assert query(page) == [("context", "user.user_id:u-2")]
    page.page.get_by_role("button", name="Remove the filter context user.user_id:u-2").click()
    expect(page.rows).to_have_count(4)


def test_by_the_longest_value_that_there_is(page: LivePage, client: Client) -> None:
    text = "€" * MAX_CHARACTERS  # it has nine characters each in an address
    assert client.post(batch(payload(3, label=text))).status_code == 200
    page.rows.filter(has_text="€").click()
    page.detail.get_by_role("button", name="Show events with this label").click()
    expect(page.rows).to_have_count(1)
    page.is_connected()
    assert query(page) == [("property", f"label:{text}")]


def test_by_instance(page: LivePage, client: Client) -> None:
    other = batch(payload(2, page_id="elsewhere"))
    other.common.instance_id = "other-instance"
    assert client.post(other).status_code == 200
    expect(page.rows).to_have_count(5)
    page.page.get_by_role("button", name="other-instance").click()
    page.shows("elsewhere")


def test_a_reload_and_the_way_back_keep_the_filters(page: LivePage) -> None:
    search(page, "page_id:home")
    page.shows("home")
    page.page.reload()
    page.shows("home")
    search(page, "page_id:basket")
    expect(page.page.get_by_text("No event matches")).to_be_visible()
    page.page.go_back()
    page.shows("home")


def test_a_text_that_was_just_typed_is_kept_when_another_filter_is_chosen(page: LivePage) -> None:
    page.evaluate(
        """() => {
            const search = document.getElementById("search");
            search.focus();
            document.execCommand("insertText", false, "bask"); // as a person types it
            const button = document.querySelector("[data-valid=true]");
            button.focus();
            button.click();
        }"""
    )
    page.shows("basket")
    assert query(page) == [("q", "bask"), ("valid", "true")]


def test_a_refused_filter_is_tried_again_with_another_collector(
    tmp_path: Path, open_page: OpenPage
) -> None:
    older = replace(SCHEMA, events=SCHEMA.events[:1])
    with running(older, tmp_path / "a.duckdb") as collector:
        page = open_page(f"{collector.http_url}/?type=PageOpen")
        expect(page.page.get_by_role("heading", name="A filter is not understood")).to_be_visible()
    expect(page.page.locator("#connection")).to_have_attribute("data-state", "waiting")
    with (
        running(SCHEMA, tmp_path / "a.duckdb", port=collector.http_port) as again,
        closing(Client(again.http_url)) as client,
    ):
        send(client, "home")
        page.shows("home")


def test_a_filter_that_the_collector_refuses_is_told(
    collector: Collector, open_page: OpenPage
) -> None:
    page = open_page(f"{collector.http_url}/?property=nonsense")
    expect(page.page.get_by_role("heading", name="A filter is not understood")).to_be_visible()
    expect(page.page.locator("#empty")).to_contain_text("property: takes a property and its value")
