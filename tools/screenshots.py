"""Makes the pictures of the live page in docs/images: python tools/screenshots.py

It runs a collector and a small shop that sends events for some seconds: some by a config module
that is newer than the schema, some with a value of the wrong type. It takes Chromium, and the
packages of the dependency group ``pictures``; it looks best with the fonts Inter and JetBrains Mono
(in Debian: fonts-inter, fonts-jetbrains-mono).
"""

from __future__ import annotations

import math
import random
import sys
import tempfile
import threading
import time
from contextlib import closing
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT: Final = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "examples")]

from config import (  # type: ignore[import-not-found]  # noqa: E402
    Context,
    EnumPaymentResult,
    EventElementRender,
    EventPageOpen,
    EventPermissionsRequest,
    EventPurchase,
    EventSessionEnd,
    EventSessionStart,
)

from paltabrain_fast import PaltabrainSdk  # noqa: E402
from paltabrain_fast.collector.server import running  # noqa: E402
from paltabrain_fast.schema.load import load_schema  # noqa: E402
from tests.support.browser import CHROMIUM  # noqa: E402

IMAGES: Final = ROOT / "docs" / "images"
SECONDS: Final = 30
"""Seconds that the shop is open before the pictures are taken."""

COLOURS: Final = 256
"""Of a picture: the page has few, and the files become small."""


class NewerPageOpen(EventPageOpen):  # type: ignore[misc]
    """A page view of a module that has a property more than the schema of the collector."""

    def serialize_payload(self) -> bytes:
        return b"\x22\x08\x0a\x04home\x48\x01"  # event 4: page_id, and property 9


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    schema = load_schema(ROOT / "examples" / "schema.yaml")
    with (
        tempfile.TemporaryDirectory() as folder,
        running(schema, Path(folder) / "events.duckdb", port=8080) as collector,
        sync_playwright() as playwright,
        closing(playwright.chromium.launch(executable_path=CHROMIUM)) as browser,
    ):
        with closing(_page(browser, collector.http_url, "light", 1280, 720)) as page:
            page.get_by_text("Waiting for the first event").wait_for()
            _take(page, "live-page-empty")
        stopping = threading.Event()
        shop = threading.Thread(target=_trade, args=(collector.http_url, stopping))
        shop.start()
        try:
            time.sleep(SECONDS)
            _take_while_trading(browser, collector.http_url)
        finally:
            stopping.set()
            shop.join()


def _take_while_trading(browser: Browser, url: str) -> None:
    for scheme in ("light", "dark"):
        with closing(_page(browser, url, scheme, 1440, 860)) as page:
            pause = page.locator("#pause")
            pause.click()  # so that the row is still there when the click comes
            page.get_by_role("option", name="Purchase").first.click()
            pause.click()
            _take(page, f"live-page-{scheme}")
    with closing(_page(browser, f"{url}/?valid=false", "light", 1440, 560)) as page:
        page.get_by_role("option").first.click()
        _take(page, "live-page-refused")
    with closing(_page(browser, url, "dark", 400, 760)) as page:
        page.get_by_role("option").first.wait_for()
        _take(page, "live-page-narrow")


def _page(browser: Browser, url: str, scheme: Any, width: int, height: int) -> Page:
    viewport: Any = {"width": width, "height": height}
    page = browser.new_context(
        viewport=viewport, color_scheme=scheme, reduced_motion="reduce", timezone_id="UTC"
    ).new_page()
    page.goto(url)
    page.locator("#connection[data-state=live]").wait_for()
    return page


def _take(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(1_500)  # until the counts have come, and the letters are drawn
    path = IMAGES / f"{name}.png"
    with Image.open(BytesIO(page.screenshot())) as picture:
        few = picture.convert("RGB").quantize(
            COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE
        )
        few.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KiB")


def _trade(url: str, stopping: threading.Event) -> None:
    """Let some users shop, now more of them and now less."""
    rng = random.Random(7)
    context = Context().set_application(
        app_id="com.example.shop", app_platform="web", app_version="1.2.3"
    )
    with PaltabrainSdk[Any](url, "demo", context, flush_interval_ms=100, start_session=True) as sdk:
        begun = time.monotonic()
        while not stopping.is_set():
            with sdk.scoped_context() as own:
                own.set_user(user_id=f"u-{rng.randrange(900)}", country_code="GB", is_trial=False)
                for event in _visit(rng):
                    sdk.track(event)
                    time.sleep(rng.uniform(0.01, 0.05))
            time.sleep(rng.uniform(0, 0.3) * (1.1 + math.sin((time.monotonic() - begun) / 4)))


def _visit(rng: random.Random) -> list[Any]:
    page = rng.choice(["home", "search", "basket", f"product-{rng.randrange(90)}"])
    events: list[Any] = [
        EventPageOpen(page_id=page).set_parent(parent_elements=["main_screen", "first_block"])
    ]
    if rng.random() < 0.3:
        events.insert(0, EventSessionStart())
    if rng.random() < 0.4:
        events.append(EventElementRender(class_="button", type="primary", str="Buy", int=3))
    if rng.random() < 0.2:
        events.append(EventPermissionsRequest(is_granted=rng.random() < 0.5, type="CAMERA"))
    if rng.random() < 0.06:
        events.append(NewerPageOpen(page_id="home"))
    if rng.random() < 0.04:
        events.append(EventPageOpen(page_id=90))  # a string in the schema: the SDK drops the event
    if rng.random() < 0.35:
        events.append(
            EventPurchase(
                price=Decimal(rng.randrange(10**4)).scaleb(-2),
                currency="EUR",
                result=EnumPaymentResult.PAID,
                items=["tea", "кофе"],
                prices={"tea": Decimal("1.20"), "кофе": Decimal("3.40")},
            )
        )
    if rng.random() < 0.2:
        events.append(EventSessionEnd(duration_ms=rng.randrange(10**6)))
    return events


if __name__ == "__main__":
    main()
