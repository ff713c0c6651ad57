"""What the values of properties become on the wire: ``set_proto`` of the generated modules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, Final

from google.protobuf.message import Message

__all__ = ["set_proto"]

_EPOCH_NAIVE: Final = datetime(1970, 1, 1)
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)


def set_proto(message: Message, properties: Mapping[str, Any]) -> None:
    """Set properties on a protobuf message, as the generated ``serialize_*`` methods need it.

    ``None`` is skipped, a ``dict`` fills a map field, a ``list`` extends a repeated field, anything
    else is assigned. ``Decimal``, ``IntEnum`` and ``datetime`` are turned into what the wire
    carries: text, value, Unix milliseconds in UTC.

    Raises:
        AttributeError: the message has no such property, or not of this shape.
        TypeError: a value has the wrong type.
        ValueError: an integer exceeds 64 bits, or a string is not valid Unicode.
    """
    for name, value in properties.items():
        if value is None:
            continue
        if isinstance(value, dict):
            field = getattr(message, name)
            for key, element in value.items():
                field[key] = _wire_value(element)
        elif isinstance(value, list):
            getattr(message, name).extend([_wire_value(element) for element in value])
        else:
            setattr(message, name, _wire_value(value))


def _wire_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, IntEnum):
        return value.value
    if isinstance(value, datetime):
        return _unix_ms(value)
    return value


def _unix_ms(value: datetime) -> int:
    """Unix milliseconds, truncated toward zero; a naive datetime is taken as UTC."""
    epoch = _EPOCH_NAIVE if value.utcoffset() is None else _EPOCH_UTC
    if epoch is _EPOCH_NAIVE:
        value = value.replace(tzinfo=None)
    delta = value - epoch
    microseconds = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    return microseconds // 1000 if microseconds >= 0 else -(-microseconds // 1000)
