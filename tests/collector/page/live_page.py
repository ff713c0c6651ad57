"""The live page as a test sees it: what a person reads there, and what must never happen."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect

from ..batches import Client, batch, context, payload

DEADLINE_MS = 20_000
expect.set_options(timeout=DEADLINE_MS)

UNKNOWN_PROPERTY = b"\x12\x02\x48\x01"
"""A ``PageOpen`` whose property 9 the schema does not have."""


class LivePage:
    """A page in the browser; ``problems`` lists what a page must not do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        page.set_default_timeout(DEADLINE_MS)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._console)
        page.on("request", self._request)

    def open(self, url: str) -> LivePage:
        """Go to the page and wait until it is connected."""
        self._origin = urlsplit(url).netloc
        self.page.goto(url)
        self.is_connected()
        return self

    def is_connected(self) -> None:
        expect(self.page.locator("#connection")).to_have_attribute("data-state", "live")

    @property
    def rows(self) -> Locator:
        return self.page.get_by_role("option")

    @property
    def detail(self) -> Locator:
        return self.page.get_by_role("complementary", name="Event")

    def shows(self, *texts: str) -> None:
        """Wait until the list has these rows and no other, from the top; a text is part of one."""
        expect(self.rows).to_have_count(len(texts))
        expect(self.rows.locator(".text")).to_contain_text(list(texts))

    def text(self, id: str) -> str:
        return self.page.locator(f"#{id}").inner_text()

    def open_first(self) -> None:
        self.rows.first.click()
        expect(self.detail).to_be_visible()

    def evaluate(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def _console(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Refused to" in message.text:
            self.problems.append(message.text)

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self._origin:
            self.problems.append(f"a request left the machine: {request.url}")


def page_opens(*page_ids: str, user: str | None = None) -> Any:
    """A batch with a ``PageOpen`` for each id, in the context of a user."""
    return batch(
        *(payload(2, page_id=page_id) for page_id in page_ids),
        context=context(user={"user_id": user}) if user else b"",
    )


def send(client: Client, *page_ids: str, user: str | None = None) -> None:
    assert client.post(page_opens(*page_ids, user=user)).status_code == 200


def send_refused(client: Client) -> None:
    """Send an event that the schema does not know; what is answered depends on the others."""
    client.post(batch(UNKNOWN_PROPERTY))
