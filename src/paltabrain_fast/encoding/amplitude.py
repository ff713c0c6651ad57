"""Properties as Amplitude takes them, for what ``paltabrain_sdk`` helped to send there, too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

__all__ = ["build_amplitude_dict", "transform_amplitude_val"]


def build_amplitude_dict(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties as Amplitude takes them: a dict that can be written as JSON.

    Groups, as ``asdict()`` returns them, stay dicts in the dict. A property that is ``None`` is
    left out, as it is never sent.

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
