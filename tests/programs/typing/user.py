"""A user's program that type checkers have no word against; nobody runs it."""

# ruff: noqa: F403, F405 - a star is what the documentation has

from decimal import Decimal
from typing import assert_type

from config import *

import paltabrain_sdk
from paltabrain_fast import (
    DeliveryResult,
    DropReason,
    ErrorInfo,
    InMemoryTransport,
    Overflow,
    PaltabrainSdk,
    SerializableContext,
    SerializableEvent,
)
from paltabrain_fast.contrib.celery import deliver_at_shutdown
from paltabrain_sdk.constant import BATCH_MAX_BYTE_SIZE, DEFAULT_FLUSH_INTERVAL_MS
from paltabrain_sdk.utils import build_amplitude_dict, monotonic_time_ms, transform_proto_val


class TheirEvent:
    def serialize_header(self) -> bytes:
        return b""

    def serialize_payload(self) -> bytes:
        return b""


class TheirContext:
    def serialize_context(self) -> bytes:
        return b""


class Quiet(PaltabrainSdk[Context]):
    def track(self, event: SerializableEvent, context: SerializableContext | None = None) -> None:
        super().track(event, context)


def told(_error: Exception, info: ErrorInfo) -> None:
    reason: DropReason = info.reason
    print(reason)


async def serve() -> None:
    async with PaltabrainSdk(context=Context()) as sdk:
        assert_type(sdk, PaltabrainSdk[Context])
        assert_type(await sdk.aflush(timeout=5), DeliveryResult)
    assert_type(await sdk.ashutdown(), DeliveryResult)


def scrub(event: EventPurchase, _context: Context) -> EventPurchase | None:
    return event


overflow: Overflow = "drop_old"
size: int = BATCH_MAX_BYTE_SIZE + DEFAULT_FLUSH_INTERVAL_MS
with PaltabrainSdk[Context](
    hostname="host",
    api_key="key",
    context=Context().set_application(app_id="a").set_identify(country_code=None),
    flush_interval_ms=0.5,
    overflow=overflow,
    on_error=told,
    before_send=scrub,
    debug=True,
    transport=InMemoryTransport(),
    flush_on_sigterm=True,
) as sdk:
    deliver_at_shutdown(sdk, timeout=5)
    sdk.context.set_application(app_version="1")
    sdk.track(EventSessionStart())
    sdk.track(EventPageOpen(page_id="abc").set_parent(parent_elements=["a"]))
    sdk.track(EventPurchase(result=EnumPaymentResult.PAID, prices={"a": Decimal(1)}))
    sdk.track(TheirEvent(), TheirContext())
    with sdk.scoped_context() as context:
        assert_type(context, Context)
        context.set_application(app_version="2")
    with sdk.scoped_context(Context()) as context:
        sdk.context = context
    sdk.track(EventSessionStart(), None)
    sdk.last_request_error = sdk.last_serialization_error = None
    sdk.logger = sdk.logger
    counters: dict[str, int] = sdk.batch_counters
    running: dict[str, str] = sdk.running_requests
    flushed: bool = sdk.flush(timeout=5).settled
    print(sdk.flush(), sdk.flush(5).lost.get("rejected"), sdk.flush(5).error)
assert_type(sdk.context, Context)
assert_type(sdk.shutdown(timeout=5), DeliveryResult)
assert_type(paltabrain_sdk.PaltabrainSdk(context=TheirContext()).context, TheirContext)
assert_type(sdk.stats().dropped.get("queue_full"), int | None)
assert_type(monotonic_time_ms(), int)
transform_proto_val(build_amplitude_dict({}))
