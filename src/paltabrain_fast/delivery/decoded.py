"""Shows the bytes of a batch to a person, decoded by the user's own config module if possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.message import Message

from ..decoding import event_class, event_classes, module_of
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
    classes = list(event_classes())
    named = [event_class(event.payload, classes) for event in batch.events[:_MAX_EVENTS]]
    module = module_of(next((cls for cls in named if cls is not None), None))
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


def _event_text(event: EventMessage, cls: type | None) -> str:
    common = event.common
    time = datetime.fromtimestamp(common.event_ts / 1000, UTC).isoformat(timespec="milliseconds")
    texts = [time]
    if common.HasField("session_id"):
        texts.append(f"session {common.session_id} #{common.session_event_seq_num}")
    module = module_of(cls)
    if cls is not None:
        texts.append(cls.__name__)
    texts.append(_part(module, "EventPayloadMessage", event.payload))
    if event.header:
        texts.append(f"header {_part(module, 'EventHeaderMessage', event.header)}")
    return " ".join(texts)


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
