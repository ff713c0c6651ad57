"""How the page looks in a narrow window: texts that can be read, and nothing over them."""

from __future__ import annotations

from paltabrain_fast.collector.server import Collector

from .conftest import OpenPage

_PLACEHOLDER = """input => {
  const style = getComputedStyle(input);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = style.font;
  const room = input.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return [pen.measureText(input.placeholder).width, room];
}"""

_BESIDE_THE_BUTTON = """code => {
  const [box, button] = [code, code.querySelector("button")].map(e => e.getBoundingClientRect());
  return [box.right - button.right, button.top - box.top];
}"""


def test_what_the_search_is_for_is_not_cut(open_page: OpenPage, collector: Collector) -> None:
    for width in (380, 661, 860, 1000):
        page = open_page(collector.http_url, viewport={"width": width, "height": 700}).page
        needed, room = page.locator("#search").evaluate(_PLACEHOLDER)
        assert 0 < needed <= room, width


def test_code_is_not_seen_on_both_sides_of_its_button(
    open_page: OpenPage, collector: Collector
) -> None:
    """Which lies over the end of a line that is longer than the window is wide."""
    page = open_page(collector.http_url, viewport={"width": 360, "height": 700}).page
    code = page.locator(".code").first
    code.wait_for()
    beside, above = code.evaluate(_BESIDE_THE_BUTTON)
    assert (0 <= beside <= 1, 0 <= above <= 1) == (True, True)
