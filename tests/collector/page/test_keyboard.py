"""The live page without a mouse: where the focus goes when what had it is drawn anew, or goes."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from paltabrain_fast.collector.server import Collector

from ..batches import Client
from .conftest import OpenPage
from .live_page import LivePage, send


@pytest.fixture
def page(collector: Collector, client: Client, open_page: OpenPage) -> LivePage:
    """A page with three events."""
    send(client, "first", "second", "third", user="u-1")
    page = open_page(collector.http_url)
    page.shows("third", "second", "first")
    return page


def test_a_step_to_the_next_event_keeps_the_focus(page: LivePage) -> None:
    page.open_first()
    older = page.detail.get_by_role("button", name="Older event")
    older.focus()
    for page_id in ("second", "first"):
        page.page.keyboard.press("Enter")
        expect(page.detail).to_contain_text(page_id)
        expect(older).to_be_focused()


def test_filters_are_removed_one_after_the_other(page: LivePage) -> None:
    page.page.get_by_role("button", name="PageOpen").click()
    page.page.get_by_role("button", name="Valid", exact=True).click()
    page.page.get_by_role("button", name="Remove the filter type PageOpen").focus()
    page.page.keyboard.press("Enter")
    expect(page.page.get_by_role("button", name="Remove the filter validity")).to_be_focused()
    page.page.keyboard.press("Enter")
    expect(page.page.locator("#chips")).to_be_hidden()
    expect(page.page.get_by_role("listbox")).to_be_focused()


def test_the_way_back_to_the_newest_leads_into_the_list(page: LivePage, client: Client) -> None:
    send(client, *(f"page-{number}" for number in range(100)))
    expect(page.rows.first).to_contain_text("page-99")
    page.evaluate("document.getElementById('list').scrollTop = 34 * 40")
    page.page.get_by_role("button", name="newer").press("Enter")
    expect(page.page.get_by_role("listbox")).to_be_focused()


def test_the_way_back_closes_what_was_not_open_there(page: LivePage) -> None:
    page.page.get_by_role("button", name="PageOpen").click()
    page.open_first()
    page.page.go_back()
    expect(page.detail).to_be_hidden()
    page.page.go_forward()
    expect(page.detail).to_contain_text("third")


def test_escape_closes_the_filters_of_a_narrow_window(
    collector: Collector, open_page: OpenPage
) -> None:
    page = open_page(collector.http_url, viewport={"width": 360, "height": 640})
    panel = page.page.get_by_role("navigation", name="Filters and counts")
    button = page.page.get_by_role("button", name="Filters and counts")
    button.press("Enter")
    expect(panel).to_be_visible()
    panel.get_by_role("button", name="PageOpen").focus()
    page.page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")


def test_a_copy_keeps_the_focus_where_browsers_have_no_clipboard_for_pages(page: LivePage) -> None:
    page.open_first()
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { configurable: true })")
    copy = page.detail.get_by_role("button", name="Copy as SQL")
    copy.press("Enter")
    expect(page.page.locator("#toast")).to_have_text("Copied as SQL")
    expect(copy).to_be_focused()
    page.evaluate("delete navigator.clipboard")
    assert page.evaluate("navigator.clipboard.readText()").startswith("SELECT *")
