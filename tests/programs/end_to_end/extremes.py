"""Send the least and the greatest values of each kind (argument: hostname)."""

import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from config import Context, EventElementRender, EventEverything, EventTransfer

from paltabrain_fast import PaltabrainSdk

with PaltabrainSdk[Context](sys.argv[1], "the key", Context()) as sdk:
    for number, when, label in [
        (-(2**63), datetime.min, ""),
        (2**63 - 1, datetime.max, "ü" * 10_000),
        (0, datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=5))), "\0"),
    ]:
        sdk.track(
            EventEverything(
                count=number,
                happened_ts=when,
                label=label,
                counts=[number],
                moments=[when],
                labels=[label],
                label_by_name={label: label},
            )
        )
    for amount in "9" * 20 + "." + "9" * 18, "-" + "9" * 20 + "." + "9" * 18, "1E-18":
        sdk.track(EventTransfer(amount=Decimal(amount)))
    sdk.track(EventElementRender(class_="c", type="t", str="s", int=1, self_=True, super_="p"))
assert sdk.stats().delivered == 7, (sdk.stats(), sdk.last_serialization_error)
