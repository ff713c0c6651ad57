"""Measures the live page while events arrive: how long it does not answer, what it keeps.

    python -m benchmarks.live_page --stored 100000 --rate 2000 --seconds 10

A collector with so many events stored gets more at an even rate, from another process. Chromium
shows its page, and scrolls. The program prints: events that arrived meanwhile; the share of a core
that the page's main thread used; its tasks with 50 ms of CPU or more, and the longest; frames a
second, which wants a machine that does nothing else; memory of JavaScript; rows that exist.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright

from paltabrain_fast.collector.server import running
from paltabrain_fast.utils import uuid_v7
from tests.collector.batches import SCHEMA, Client, batch, context, payload
from tests.support.browser import CHROMIUM

BATCH: Final = 1_000
BATCHES_A_SECOND: Final = 20
MEBIBYTE: Final = 2**20

LONG_MS: Final = 50
"""A task that takes longer is one that a person may notice, as browsers have it."""

_COUNT_FRAMES: Final = """() => {
    window.frames_seen = 0;
    const frame = () => {
        window.frames_seen += 1;
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
            before = client.request("GET", "/api/counts").json()["events"]
            browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline"])
            begun = time.monotonic()
            _watch(page, collector.http_url, options)
            seconds = time.monotonic() - begun
            trace = json.loads(browser.stop_tracing())["traceEvents"]
            arrived = client.request("GET", "/api/counts").json()["events"] - before
            print(f"events that arrived: {arrived:,}")
            _report(page, _tasks_ms(trace), seconds)
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
    page.evaluate(_COUNT_FRAMES)
    arguments = ["--send-to", url, "--rate", str(options.rate), "--seconds", str(options.seconds)]
    with subprocess.Popen([sys.executable, "-m", "benchmarks.live_page", *arguments]) as sender:
        page.wait_for_timeout(options.seconds * 500)
        page.locator("#list").hover()
        while sender.poll() is None:
            page.mouse.wheel(0, 1_000)
            page.wait_for_timeout(100)


def _tasks_ms(trace: list[dict[str, Any]]) -> list[float]:
    """Milliseconds of CPU of each task of the page's main thread: the one that has most layouts."""
    threads = Counter(
        (each["pid"], each["tid"]) for each in trace if each["name"] == "UpdateLayoutTree"
    )
    ((main, _),) = threads.most_common(1)
    return [
        each["tdur"] / 1_000
        for each in trace
        if each["name"] == "ThreadControllerImpl::RunTask"
        and (each["pid"], each["tid"]) == main
        and "tdur" in each
    ]


def _report(page: Page, tasks: list[float], seconds: float) -> None:
    frames = page.evaluate("window.frames_seen")
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"] / MEBIBYTE
    long = [task for task in tasks if task >= LONG_MS]
    print(f"main thread: {sum(tasks) / seconds / 10:.0f} % of a core")
    print(f"tasks of {LONG_MS} ms or more: {len(long)}, the longest {max(tasks):.0f} ms")
    print(f"frames: {frames / seconds:.0f} a second")
    print(f"memory of JavaScript: {heap:.1f} MiB, rows: {page.locator('.row').count()}")


if __name__ == "__main__":
    main()
