"""Helpers that generated config modules and users import: ``set_proto``, UUIDs, clocks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from ._engine import uuid_v7
from .values import _wire_value, set_proto

__all__ = [
    "build_amplitude_dict",
    "monotonic_time_ms",
    "set_proto",
    "time_ms",
    "transform_amplitude_val",
    "transform_proto_val",
    "uuid_v7",
]

_MONOTONIC_ANCHOR_NS: Final = time.time_ns() - time.monotonic_ns()


def time_ms() -> int:
    """Unix time in milliseconds, read from the real-time clock at each call."""
    return time.time_ns() // 1_000_000


def monotonic_time_ms() -> int:
    """Unix time in milliseconds that never goes back: the monotonic clock, anchored at import.

    Kept for callers of ``paltabrain_sdk``; events and uploads are stamped with the real-time clock,
    from which an anchored one drifts.
    """
    return (_MONOTONIC_ANCHOR_NS + time.monotonic_ns()) // 1_000_000


def transform_proto_val(value: Any) -> Any:
    """Return what ``set_proto`` assigns for a property, or for an element of an array or a map.

    The text of a ``Decimal``, the number of an ``IntEnum``, Unix milliseconds in UTC of a
    ``datetime``; anything else as it is.
    """
    return _wire_value(value)


def build_amplitude_dict(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties as Amplitude takes them: a dict that can be written as JSON.

    Kept for callers of ``paltabrain_sdk``. Groups, as ``asdict()`` returns them, stay dicts in the
    dict. A property that is ``None`` is left out, as it is never sent.

    Args:
        properties: property values, or groups of them, by name.
    """
    return {
        str(name): transform_amplitude_val(value)
        for name, value in properties.items()
        if value is not None
    }


def transform_amplitude_val(value: Any) -> Any:
    """Return a value of a property as JSON can have it, readable where the wire has a number.

    The name of an enum's member, as the warehouse has it; the exact text of a ``Decimal``; ISO 8601
    with milliseconds, in UTC, of a ``datetime``, where a naive one is taken as UTC. Arrays and maps
    become lists and dicts of such values; anything else is returned as it is.
    """
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        utc = value.replace(tzinfo=UTC) if value.utcoffset() is None else value.astimezone(UTC)
        return utc.isoformat(timespec="milliseconds")
    if isinstance(value, Mapping):
        return build_amplitude_dict(value)
    if isinstance(value, list | tuple):
        return [transform_amplitude_val(element) for element in value]
    return value
