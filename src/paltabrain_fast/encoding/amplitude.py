"""Converts properties for Amplitude, as ``paltabrain_sdk`` does for users who send them there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

__all__ = ["build_amplitude_dict", "transform_amplitude_val"]


def build_amplitude_dict(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Convert properties for Amplitude, to a dict that can be written as JSON.

    Each value is converted by ``transform_amplitude_val()``. Groups, as ``asdict()`` returns them,
    become nested dicts. A property that is ``None`` is left out, since it is never sent.

    Args:
        properties: property values, or groups of them, by name.

    Returns:
        A new dict; the properties are not changed.
    """
    return {
        str(name): transform_amplitude_val(value)
        for name, value in properties.items()
        if value is not None
    }


def transform_amplitude_val(value: Any) -> Any:
    """Convert the value of a property to a value that JSON has, in a form that people can read.

    - An enum member becomes its name, as in the warehouse.
    - A ``Decimal`` becomes its exact text.
    - A ``datetime`` becomes ISO 8601 text with milliseconds, in UTC. A naive one is taken as UTC.
    - Arrays and maps become lists and dicts of converted values.

    Any other value is returned as it is.
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
