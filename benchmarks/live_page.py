"""Measures the live page while events arrive: how long it does not answer, what it keeps.

    python -m benchmarks.live_page --stored 100000 --rate 2000 --seconds 10

A collector with so many events stored gets more at an even rate, from another process. Chromium
shows its page, and scrolls. The program prints: events that arrived meanwhile; the share of a core
that the page's main thread used; its tasks that took 50 ms or more, as browsers count them, and the
longest; frames a second, and the longest time between two; memory of the page's JavaScript; rows
that exist. All but the first two want a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import CDPSession, Page, sync_playwright

from paltabrain_fast.collector.server import running
from paltabrain_fast.utils import uuid_v7
from tests.collector.batches import SCHEMA, Client, batch, context, payload
from tests.support.browser import CHROMIUM

BATCH: Final = 1_000
BATCHES_A_SECOND: Final = 20
MEBIBYTE: Final = 2**20

_WATCH: Final = """() => {
    const watched = { tasks: [], frames: [], last: performance.now() };
    window.watched = watched;
    new PerformanceObserver((list) => watched.tasks.push(
        ...list.getEntries().map((each) => each.duration))).observe({ entryTypes: ["longtask"] });
    const frame = (now) => {
        watched.frames.push(now - watched.last);
        watched.last = now;
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
}"""


def main() -> None:
    """Store, then watch; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stored", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=2_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--send-to", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send_to:
        _send(options.send_to, options.rate, options.seconds)
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        running(SCHEMA, Path(folder) / "events.duckdb") as collector,
        closing(Client(collector.http_url)) as client,
    ):
        _post(client, _events(BATCH), options.stored // BATCH)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(collector.http_url)
            page.get_by_role("option").first.wait_for()
            metrics = page.context.new_cdp_session(page)
            metrics.send("Performance.enable", {"timeDomain": "threadTicks"})
            used = _seconds(metrics)
            begun = time.monotonic()
            before = client.request("GET", "/api/counts").json()["events"]
            _watch(page, collector.http_url, options)
            arrived = client.request("GET", "/api/counts").json()["events"] - before
            used = (_seconds(metrics) - used) / (time.monotonic() - begun)
            print(f"events that arrived: {arrived:,}")
            print(f"main thread: {used:.0%} of a core")
            _report(page)
            browser.close()


def _events(number: int) -> Any:
    return batch(
        *(payload(2, page_id=f"page-{index}") for index in range(number)),
        context=context(user={"user_id": "u-1"}, os={"name": "Linux"}, app={"name": "shop"}),
    )


def _post(client: Client, events: Any, times: int) -> None:
    for _ in range(times):
        events.common.batch_id = uuid_v7()
        assert client.post(events).status_code == 200


def _send(url: str, rate: int, seconds: int) -> None:
    """Send at an even rate; where the collector is too slow for it, as fast as it can."""
    events = _events(rate // BATCHES_A_SECOND)
    with closing(Client(url)) as client:
        begun = time.monotonic()
        for number in range(seconds * BATCHES_A_SECOND):
            time.sleep(max(0.0, begun + number / BATCHES_A_SECOND - time.monotonic()))
            _post(client, events, 1)


def _watch(page: Page, url: str, options: argparse.Namespace) -> None:
    """Let events arrive; look at the newest, then scroll, so that older ones are loaded."""
    page.evaluate(_WATCH)
    arguments = ["--send-to", url, "--rate", str(options.rate), "--seconds", str(options.seconds)]
    with subprocess.Popen([sys.executable, "-m", "benchmarks.live_page", *arguments]) as sender:
        page.wait_for_timeout(options.seconds * 500)
        page.locator("#list").hover()
        while sender.poll() is None:
            page.mouse.wheel(0, 1_000)
            page.wait_for_timeout(100)


def _seconds(session: CDPSession) -> float:
    """Seconds of CPU that the page's main thread has used."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(each["value"]) for each in metrics if each["name"] == "TaskDuration")


def _report(page: Page) -> None:
    watched = page.evaluate("window.watched")
    tasks, frames = watched["tasks"], watched["frames"]
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"] / MEBIBYTE
    rate = 1000 * len(frames) / sum(frames)
    print(f"tasks of 50 ms or more: {len(tasks)}, the longest {max(tasks, default=0):.0f} ms")
    print(f"frames: {rate:.0f} a second, the longest wait {max(frames):.0f} ms")
    print(f"memory of JavaScript: {heap:.1f} MiB, rows: {page.locator('.row').count()}")


if __name__ == "__main__":
    main()
