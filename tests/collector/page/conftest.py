"""Fixtures of the live page's tests: Chromium, and pages in it that must do nothing wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from paltabrain_fast.collector.server import Collector

from ...support.browser import CHROMIUM
from ..batches import Client
from .live_page import LivePage

OpenPage = Callable[..., LivePage]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium, for one module: Playwright keeps an event loop in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open a URL in a fresh profile; options are those of Playwright's ``new_context``."""
    pages: list[LivePage] = []
    contexts = []

    def open_page(url: str, **options: Any) -> LivePage:
        merged = {"viewport": {"width": 1280, "height": 800}, "timezone_id": "UTC"} | options
        context = browser.new_context(**merged)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        pages.append(LivePage(context.new_page()))
        return pages[-1].open(url)

    yield open_page
    for context in contexts:
        context.close()
    assert [page.problems for page in pages] == [[]] * len(pages)


@pytest.fixture
def collector(start: Callable[..., Collector]) -> Collector:
    """A collector that takes any key."""
    return start()


@pytest.fixture
def client(collector: Collector) -> Iterator[Client]:
    """A client of that collector, over HTTP."""
    with closing(Client(collector.http_url)) as client:
        yield client
