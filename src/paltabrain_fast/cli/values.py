"""Values of columns as the text that a person reads."""

from __future__ import annotations

import json
import re
from typing import Any, Final

__all__ = ["is_number", "text_value"]

_NUMBER: Final = re.compile(r"(DECIMAL.*|(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?)|FLOAT|DOUBLE)")
_MAP: Final = re.compile(r"MAP\(VARCHAR, (.*)\)")


def is_number(type_: str) -> bool:
    """Whether the values of a type of DuckDB are numbers."""
    return _NUMBER.fullmatch(type_) is not None


def text_value(value: Any, type_: str) -> str:
    """Return a JSON value as a person writes it: text bare, lists and maps as JSON.

    Args:
        value: as the API has it; ``None`` becomes an empty text.
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
