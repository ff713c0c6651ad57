"""Values of columns, as JSON and as the text that a person reads."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any, Final

__all__ = ["is_number", "json_value", "text_value"]

_EXACT_INTEGERS: Final = range(-(2**53), 2**53 + 1)
"""Integers that every reader of JSON keeps exactly."""

_NUMBER: Final = re.compile(r"(DECIMAL.*|(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?)|FLOAT|DOUBLE)")
_MAP: Final = re.compile(r"MAP\(VARCHAR, (.*)\)")


def json_value(value: Any) -> Any:
    """Return what Python has for a value of DuckDB as JSON has it.

    Decimals, and integers beyond 2**53, become text; so do times, in ISO 8601. Times without a
    zone are those of UTC.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if value in _EXACT_INTEGERS else str(value)
        case float():
            return value if isfinite(value) else str(value)
        case Decimal():
            return format(value, "f")
        case datetime():
            text = value.isoformat(timespec="milliseconds")
            return f"{text}Z" if value.tzinfo is None else text
        case date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case list() | tuple():
            return [json_value(element) for element in value]
        case dict():
            return {str(key): json_value(element) for key, element in value.items()}
        case _:
            return str(value)


def is_number(type_: str) -> bool:
    """Whether the values of a type of DuckDB are numbers."""
    return _NUMBER.fullmatch(type_) is not None


def text_value(value: Any, type_: str) -> str:
    """Return a JSON value as a person writes it: text bare, lists and maps as JSON.

    Args:
        value: as ``json_value`` has it; ``None`` becomes an empty text.
        type_: DuckDB's name of the type, by which numbers are known that JSON has as text.
    """
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return _nested(value, type_)


def _nested(value: Any, type_: str) -> str:
    match value:
        case list():
            inner = type_.removesuffix("[]")
            return "[" + ", ".join(_nested(element, inner) for element in value) + "]"
        case dict():
            found = _MAP.fullmatch(type_)
            inner = found[1] if found else ""
            pairs = (f"{_json(key)}: {_nested(element, inner)}" for key, element in value.items())
            return "{" + ", ".join(pairs) + "}"
        case str() if is_number(type_):
            return value
        case _:
            return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
