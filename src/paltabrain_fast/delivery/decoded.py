"""Shows the bytes of a batch to a person, decoded by the user's own config module if possible."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.message import Message

from .._engine.choice import EventBase
from ..encoding.display import count_text, group_text, short_text
from ..sdk_pb2 import Batch as BatchMessage
from ..sdk_pb2 import Event as EventMessage

__all__ = ["batch_text"]

_MAX_EVENTS: Final = 20
_MAX_TEXT: Final = 1000


def batch_text(body: bytes) -> str:
    """Return what a serialized ``Batch`` holds, its first events one a line.

    Raises:
        Exception: these are the bytes of no batch.
    """
    batch = BatchMessage.FromString(body)
    classes = list(_event_classes(EventBase))
    named = [_class_of(event.payload, classes) for event in batch.events[:_MAX_EVENTS]]
    module = next((_module(cls) for cls in named if cls is not None), None)
    lines = [
        f"{count_text(len(batch.events))}, {len(body)} bytes,"
        f" instance {short_text(batch.common.instance_id)}",
        f"context {_part(module, 'ContextMessage', batch.context)}",
    ]
    if batch.HasField("telemetry"):
        lines.append(f"telemetry {_message_text(batch.telemetry)}")
    lines += map(_event_text, batch.events, named)
    if len(batch.events) > _MAX_EVENTS:
        lines.append(f"and {len(batch.events) - _MAX_EVENTS} more")
    return "\n    ".join(lines)


def _event_text(event: EventMessage, event_class: type | None) -> str:
    common = event.common
    time = datetime.fromtimestamp(common.event_ts / 1000, UTC).isoformat(timespec="milliseconds")
    texts = [time]
    if common.HasField("session_id"):
        texts.append(f"session {common.session_id} #{common.session_event_seq_num}")
    module = None if event_class is None else _module(event_class)
    if event_class is not None:
        texts.append(event_class.__name__)
    texts.append(_part(module, "EventPayloadMessage", event.payload))
    if event.header:
        texts.append(f"header {_part(module, 'EventHeaderMessage', event.header)}")
    return " ".join(texts)


def _event_classes(parent: type) -> Iterator[type]:
    """Yield the event classes that are loaded, each once for each of its parents."""
    children: list[type] = parent.__subclasses__()
    for cls in children:
        yield cls
        yield from _event_classes(cls)


def _class_of(payload: bytes, classes: list[type]) -> type | None:
    """Find the class of a payload by its number; ``None`` if there is not exactly one."""
    number = _field_number(payload)
    found = {each for each in classes if _brings_number(each, number)}
    return found.pop() if len(found) == 1 else None


def _brings_number(cls: type, number: int | None) -> bool:
    """Whether the class has this number, and none that it derives from has."""
    return _number_of(cls) == number and number not in map(_number_of, cls.__bases__)


def _number_of(cls: type) -> Any:
    return getattr(cls, "event_type_id", None)


def _field_number(message: bytes) -> int | None:
    """Return the number of the first field of a message: a payload has one, ``event_<number>``."""
    tag = 0
    for place, byte in enumerate(message[:5]):
        tag |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return tag >> 3
    return None


def _module(cls: type) -> Any:
    return sys.modules.get(cls.__module__)


def _part(module: Any, name: str, content: bytes) -> str:
    """Decode a part of a batch by the message of that name which config modules have."""
    with suppress(Exception):  # no config module, or one of another shape
        message = getattr(module, name).FromString(content)
        if name == "EventPayloadMessage":
            message = getattr(message, message.WhichOneof(message.DESCRIPTOR.oneofs[0].name))
        return _message_text(message)
    return short_text(content)


def _message_text(message: Message) -> str:
    text = group_text(_values(message))
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}...}}"


def _values(message: Message) -> dict[str, Any]:
    return {field.name: _plain(value) for field, value in message.ListFields()}


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return _values(value)
    if isinstance(value, Mapping):
        return dict(value)
    return (
        list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else value
    )
