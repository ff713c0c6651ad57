"""A service as a new user writes it, without logging; its arguments say what is special.

``closed`` and ``none`` are what becomes of ``sys.stderr``, ``undebugged`` leaves the option out.
"""

import logging
import sys
from decimal import Decimal
from typing import Any

from config import Context, EnumPaymentResult, EventPageOpen, EventPurchase, EventSessionStart

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, SendResult
from paltabrain_fast.transport import Request

KEY = "s3cret-key"
answers = [SendResult(503), SendResult(error=ConnectionError("no route"))]


def answer(_request: Request) -> SendResult:
    return answers.pop(0) if answers else SendResult(200)


wanted = sys.argv[1:]
if "log" in wanted:
    logging.basicConfig(
        level=logging.DEBUG, stream=sys.stdout, format="LOG %(levelname)s %(message)s"
    )
if "closed" in wanted:
    sys.stderr.close()
if "none" in wanted:
    sys.stderr = None
wrong: Any = 5
with PaltabrainSdk[Context](
    "telemetry.example.com",
    api_key=None if "environment" in wanted else KEY,
    context=Context().set_application(app_id="shop"),
    session_id=7,
    transport=InMemoryTransport(answer),
    debug="undebugged" not in wanted,
    before_send=lambda event, _context: None if isinstance(event, EventSessionStart) else event,
) as sdk:
    sdk.track(EventSessionStart())
    sdk.track(EventPageOpen(page_id="Ä" * 2000).set_parent(parent_elements=["main"]))
    sdk.track(EventPurchase(result=EnumPaymentResult.PAID, prices={"a": Decimal("1.50")}))
    sdk.track(EventPageOpen(page_id=wrong))
assert sdk.stats().delivered == 2, sdk.stats()
print("done")
