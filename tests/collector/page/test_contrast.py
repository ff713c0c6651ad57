"""Contrast of the live page's texts: at least that which WCAG 2 asks for (AA), in both themes."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import expect

from paltabrain_fast.collector.server import Collector

from ..batches import Client, batch, dropping, payload
from .conftest import OpenPage
from .live_page import LivePage, send, send_refused

LEAST = 4.5
TOO_FAINT = """(least) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data].map((each) => each / 255);
    };
    const over = (top, ground) =>
        [0, 1, 2].map((each) => top[each] * top[3] + ground[each] * (1 - top[3]));
    const groundOf = (element) => {
        const colors = [];
        for (let each = element; each; each = each.parentElement)
            colors.unshift(rgba(getComputedStyle(each).backgroundColor));
        return colors.reduce((ground, color) => over(color, ground), [1, 1, 1]);
    };
    const luminance = (color) => {
        const [red, green, blue] = color.map((each) =>
            each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (text, ground) => {
        const [dark, light] = [luminance(text), luminance(ground)].sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05);
    };
    const isText = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
    return [...document.querySelectorAll("body *")]
        .filter((each) => each.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
        .filter((each) => [...each.childNodes].some(isText))
        .map((each) => {
            const ground = groundOf(each);
            const text = over(rgba(getComputedStyle(each).color), ground);
            return [each.className || each.localName, contrast(text, ground)];
        })
        .filter(([, found]) => !(found >= least));
}"""


def _too_faint(page: LivePage) -> list[tuple[str, float]]:
    return list(page.evaluate(TOO_FAINT, LEAST))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_texts_can_be_read(
    collector: Collector, client: Client, open_page: OpenPage, theme: Literal["light", "dark"]
) -> None:
    page = open_page(collector.http_url, color_scheme=theme, reduced_motion="reduce")
    expect(page.page.get_by_text("Waiting for the first event")).to_be_visible()
    assert _too_faint(page) == []
    send(client, "home", user="u-1")
    client.post(batch(payload(1)))
    client.post(batch(payload(3, flag=True, color=1, label="text", number_array=[1], amount="1")))
    send_refused(client)
    client.post(dropping("other", 3))
    expect(page.page.locator("#totals")).to_contain_text("dropped by SDKs3")
    expect(page.rows).to_have_count(5)
    for row in page.rows.all():
        row.click()
        expect(row).to_have_attribute("aria-selected", "true")
        assert _too_faint(page) == []
    page.page.get_by_role("button", name="Pause").click()
    page.page.get_by_role("button", name="Empty").click()
    expect(page.rows).to_have_count(1)
    assert _too_faint(page) == []
    page.page.keyboard.press("?")
    assert _too_faint(page) == []
    page.page.keyboard.press("Escape")
    page.page.get_by_role("button", name="Delete all events").click()
    assert _too_faint(page) == []
