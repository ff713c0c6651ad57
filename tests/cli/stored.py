"""Events of the example schema, at fixed times and with fixed ids, for the commands to read."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from paltabrain_fast.collector.server import running
from paltabrain_fast.constant import CONTENT_TYPE, ENDPOINT_BATCH
from paltabrain_fast.schema.descriptor import message_classes
from paltabrain_fast.schema.load import load_schema
from paltabrain_fast.sdk_pb2 import Batch
from paltabrain_fast.utils import set_proto

from ..schema.packages import EXAMPLE

SCHEMA = load_schema(EXAMPLE)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

_MESSAGES = message_classes(SCHEMA)
_IDS = {event.name: event.id for event in SCHEMA.events}


def event(
    name: str, header: dict[str, Any] | None = None, **properties: Any
) -> tuple[bytes, bytes]:
    """Return the header and the payload of an event."""
    payload: Any = _MESSAGES.payload()
    member = getattr(payload, f"event_{_IDS[name]}")
    member.SetInParent()
    set_proto(member, properties)
    return _groups(_MESSAGES.header(), header or {}), payload.SerializeToString()


def _groups(message: Any, groups: dict[str, Any]) -> bytes:
    for group, properties in groups.items():
        set_proto(getattr(message, group), properties)
    return bytes(message.SerializeToString())


def batch(number: int, user: str, *events: tuple[bytes, bytes]) -> Batch:
    """Return a batch of a user's events, one a second."""
    message = Batch()
    message.common.instance_id = f"instance-{user}"
    message.common.batch_id = f"batch-{number}"
    message.context = _groups(
        _MESSAGES.context(), {"application": {"app_id": "shop"}, "user": {"user_id": user}}
    )
    for position, (header, payload) in enumerate(events, start=1):
        added = message.events.add(header=header, payload=payload)
        added.common.event_ts = int(NOON.timestamp() * 1000) + 60_000 * number + 1000 * position
        added.common.session_id = int(NOON.timestamp() * 1000)
        added.common.session_event_seq_num = position
    return message


def post(url: str, message: Batch) -> int:
    """Post a batch as an SDK does; return the HTTP status."""
    answer = requests.post(
        url + ENDPOINT_BATCH,
        data=message.SerializeToString(),
        headers={"X-API-Key": "key", "Content-Type": CONTENT_TYPE},
        timeout=30,
    )
    return answer.status_code


BATCHES = [
    batch(
        1,
        "u-1",
        event("SessionStart"),
        event("PageOpen", {"parent": {"parent_elements": ["main", "menu"]}}, page_id="home"),
        event("PageOpen", page_id="tea"),
        event(
            "Purchase",
            price=Decimal("12.50"),
            currency="EUR",
            result=1,
            paid_ts=NOON,
            items=["tea", "кофе"],
            prices={"tea": Decimal("1.20")},
        ),
    ),
    batch(2, "u-2", event("PageOpen", page_id="home"), event("SessionEnd", duration_ms=2**60)),
]


def refused_batch() -> Batch:
    """Return a batch of a module that is newer than the schema."""
    header, payload = event("PageOpen", page_id="home")
    # A property 9, which is true, at the end of the message that is the only field of the payload.
    longer = payload[:1] + bytes([payload[1] + 2]) + payload[2:] + b"\x48\x01"
    return batch(3, "u-3", (header, longer))


def store(db: Path, *refused: Batch) -> None:
    """Have a collector store ``BATCHES`` in a file, and refuse others."""
    with running(SCHEMA, db) as collector:
        for message in BATCHES:
            assert post(collector.http_url, message) == 200
        for message in refused:
            assert post(collector.http_url, message) == 422
