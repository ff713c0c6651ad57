"""A schema with all types, batches of its events, and a client that posts them."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import requests

from paltabrain_fast.constant import CONTENT_TYPE, ENDPOINT_BATCH, ENDPOINT_CONFIG
from paltabrain_fast.schema.descriptor import message_classes
from paltabrain_fast.schema.model import Enum, EnumValue, Group, Kind, Property, Schema
from paltabrain_fast.sdk_pb2 import Batch
from paltabrain_fast.utils import set_proto, uuid_v7

_SCALARS = (
    Property("flag", 1, Kind.BOOLEAN),
    Property("amount", 2, Kind.DECIMAL, precision=38, scale=18),
    Property("color", 3, Kind.ENUM, enum="Color"),
    Property("number", 4, Kind.INTEGER),
    Property("label", 5, Kind.STRING),
    Property("moment", 6, Kind.TIMESTAMP),
)
_ARRAYS = tuple(
    replace(prop, name=f"{prop.name}_array", id=prop.id + 10, is_repeated=True) for prop in _SCALARS
)
_MAPS = tuple(
    replace(prop, name=f"{prop.name}_map", id=prop.id + 20, is_map=True) for prop in _SCALARS
)

SCHEMA = Schema(
    context=(
        Group("User", 1, properties=(Property("user_id", 1, Kind.STRING),)),
        Group("Os", 2, properties=(Property("name", 1, Kind.STRING),)),
        Group("App", 3, properties=(Property("name", 1, Kind.STRING),)),
    ),
    header=(
        Group("Parent", 1, properties=(Property("elements", 1, Kind.STRING, is_repeated=True),)),
    ),
    enums=(Enum("Color", 1, values=(EnumValue("RED", 1), EnumValue("BLUE", -2))),),
    events=(
        Group("Empty", 1),
        Group("PageOpen", 2, properties=(Property("page_id", 1, Kind.STRING),)),
        Group("Everything", 3, properties=_SCALARS + _ARRAYS + _MAPS),
        Group(
            "Price",
            4,
            properties=(Property("price", 1, Kind.DECIMAL, precision=5, scale=2),),
        ),
    ),
)
MESSAGES = message_classes(SCHEMA)
EVENT_TS = 1_700_000_000_123


def context(**groups: dict[str, Any]) -> bytes:
    return _groups(MESSAGES.context(), groups)


def header(**groups: dict[str, Any]) -> bytes:
    return _groups(MESSAGES.header(), groups)


def _groups(message: Any, groups: dict[str, dict[str, Any]]) -> bytes:
    for group, properties in groups.items():
        set_proto(getattr(message, group), properties)
    return bytes(message.SerializeToString())


def payload(event_id: int, **properties: Any) -> bytes:
    message: Any = MESSAGES.payload()
    member = getattr(message, f"event_{event_id}")
    member.SetInParent()
    set_proto(member, properties)
    return bytes(message.SerializeToString())


PAGE_OPEN = payload(2, page_id="home")


def batch(*payloads: bytes, context: bytes = b"", batch_id: str | None = None) -> Any:
    """Return a ``Batch`` message with an event per payload, in a session of its own."""
    message = Batch()
    message.common.instance_id = "instance"
    message.common.batch_id = batch_id or uuid_v7()
    message.context = context
    for number, data in enumerate(payloads, start=1):
        event = message.events.add(payload=data)
        event.common.event_ts = EVENT_TS
        event.common.session_id = 7
        event.common.session_event_seq_num = number
    return message


def dropping(instance: str, events: int, *errors: str) -> Any:
    """Return a batch that tells how many events its SDK has dropped before."""
    message = batch(PAGE_OPEN)
    message.common.instance_id = instance
    message.telemetry.events_dropped = events
    message.telemetry.serialization_errors.extend(errors)
    return message


class Client:
    """An HTTP client of the protocol that is not the SDK."""

    def __init__(self, url: str, *, api_key: str = "key", ca_file: Path | None = None) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(ca_file) if ca_file else True
        self._session.headers.update({"X-API-Key": api_key, "Content-Type": CONTENT_TYPE})

    def post(self, body: Any, **headers: str | None) -> requests.Response:
        """Post bytes, a message, or an iterable of bytes (chunked); a ``None`` removes a header."""
        data = body.SerializeToString() if isinstance(body, Batch) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._session.post(self.url + ENDPOINT_BATCH, data=data, headers=named, timeout=30)

    def get_config(self) -> requests.Response:
        return self._session.get(self.url + ENDPOINT_CONFIG, timeout=30)

    def request(self, method: str, path: str, **headers: str) -> requests.Response:
        return self._session.request(method, self.url + path, headers=headers, timeout=30)

    def post_json(self, path: str, document: Any) -> requests.Response:
        return self._session.post(self.url + path, json=document, timeout=30)

    def counts(self) -> Any:
        return self.request("GET", "/").json()

    def close(self) -> None:
        self._session.close()


def connect_until_refused(port: int) -> None:
    """Wait until a collector that is stopping listens no more."""
    with suppress(ConnectionError):
        while True:
            socket.create_connection(("127.0.0.1", port), timeout=30).close()


def rows(db: Path, query: str) -> list[dict[str, Any]]:
    """Return the rows of a query on a database file that no collector has open."""
    with duckdb.connect(str(db), read_only=True) as connection:
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
