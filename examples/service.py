"""An example service: tracks events of every type in several threads, then prints what it cost.

``python examples/service.py HOSTNAME [EVENTS] [THREADS]``; the last line of its output is JSON: the
events of each class, the SDK's own counts, and the times.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from config import (
    Context,
    EnumGesture,
    EnumPaymentResult,
    EnumTheme,
    Event,
    EventElementRender,
    EventEverything,
    EventPageOpen,
    EventPermissionsRequest,
    EventPurchase,
    EventSessionEnd,
    EventSessionStart,
    EventTransfer,
    EventTutorialGesture,
)

from paltabrain_fast import PaltabrainSdk

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

MAKERS: list[Callable[[random.Random], Event]] = [
    lambda _rng: EventSessionStart(),
    lambda rng: EventSessionEnd(duration_ms=rng.randrange(10**7)),
    lambda rng: EventPermissionsRequest(is_granted=rng.random() < 0.5, type="CAMERA"),
    lambda rng: EventPageOpen(page_id=f"page-{rng.randrange(100)}").set_parent(
        parent_elements=["main_screen", "first_block"]
    ),
    lambda rng: EventPurchase(
        price=Decimal(rng.randrange(10**6)).scaleb(-2),
        currency="EUR",
        result=rng.choice([EnumPaymentResult.PAID, EnumPaymentResult.FAILED]),
        paid_ts=NOON + timedelta(milliseconds=rng.randrange(10**9)),
        items=["tea", "кофе"],
        prices={"tea": Decimal("1.20"), "кофе": Decimal("3.40")},
    ),
    lambda _rng: EventTransfer(
        amount=Decimal("12345678901234567890.123456789012345678"), from_="alice", to="bob"
    ),
    lambda _rng: EventElementRender(
        class_="button", type="primary", str="Buy", int=2**63 - 1, self_=True, super_="cart"
    ),
    lambda _rng: EventTutorialGesture(gesture=EnumGesture.SWIPE),
    lambda rng: EventEverything(
        flag=True,
        price=Decimal("9.99"),
        rate=Decimal("0.000000001"),
        theme=EnumTheme.DARK,
        count=rng.randrange(-(2**63), 2**63),
        label="naïve ☕",
        happened_ts=NOON,
        flags=[True, False],
        amounts=[Decimal("1"), Decimal("2.50")],
        themes=[EnumTheme.LIGHT, EnumTheme.AUTO],
        counts=[1, -1],
        labels=["a", ""],
        moments=[NOON, datetime.max],
        label_by_name={"left": "right"},
        count_by_name={"zero": 0},
    ),
]


def main(hostname: str, events: int = 5000, threads: int = 4) -> None:
    """Track events; print, as JSON, how many of each class and what the SDK counted."""
    context = Context().set_application(
        app_id="com.example.shop", app_platform="web", app_version="1.2.3"
    )
    context.set_os(os_name="Linux", os_version="6.1")
    context.set_identify(country_code="DE", experiments={"checkout": "B"})
    tracked: Counter[str] = Counter()
    nanoseconds: list[int] = []
    lock = threading.Lock()

    with PaltabrainSdk[Context](hostname, "demo-key", context, start_session=True) as sdk:
        sdk.warm_up()

        def work(share: range) -> None:
            rng = random.Random(share.start)
            mine: Counter[str] = Counter()
            times: list[int] = []
            # Each thread serves a user of its own: to change sdk.context would change that of all.
            with sdk.scoped_context() as own:
                own.set_user(user_id=f"u-{share.start}", country_code="GB")
                for number in share:
                    event = MAKERS[number % len(MAKERS)](rng)
                    begin = time.perf_counter_ns()
                    sdk.track(event)
                    times.append(time.perf_counter_ns() - begin)
                    mine[type(event).__name__] += 1
            with lock:
                tracked.update(mine)
                nanoseconds.extend(times)

        begin, cpu_begin = time.perf_counter(), time.process_time()
        shares = [range(first, events, threads) for first in range(threads)]
        workers = [threading.Thread(target=work, args=(share,)) for share in shares]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        with sdk.scoped_context() as own:
            own.set_user(user_id="u-1", country_code="GB", is_trial=True)
            sdk.track(EventSessionEnd(duration_ms=1))
        tracked["EventSessionEnd"] += 1
        tracking_seconds = time.perf_counter() - begin
        sdk.flush(timeout=60)
        cpu_seconds = time.process_time() - cpu_begin
    stats = sdk.stats()
    print(
        json.dumps(
            {
                "tracked": tracked,
                "accepted": stats.accepted,
                "delivered": stats.delivered,
                "dropped": dict(stats.dropped),
                "batches": dict(stats.batches),
                "requests": stats.requests,
                "retries": stats.retries,
                "tracking_seconds": tracking_seconds,
                "cpu_seconds": cpu_seconds,
                "track_p99_us": sorted(nanoseconds)[len(nanoseconds) * 99 // 100] / 1000,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
