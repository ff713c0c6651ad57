"""What a generated package asks of the package that it imports from, in few lines."""

from abc import ABC
from collections import defaultdict
from datetime import datetime, timezone
from decimal import Decimal
from enum import IntEnum
from typing import Any, DefaultDict, Dict


class BaseEnum(IntEnum):
    pass


class BaseSentinel:
    @classmethod
    def filter(cls, properties: Dict[str, Any]) -> Dict[str, Any]:
        return {key: value for key, value in properties.items() if not isinstance(value, cls)}


class BaseContext(ABC):  # noqa: B024
    def __init__(self) -> None:
        self._context: DefaultDict[str, Dict[str, Any]] = defaultdict(dict)


class BaseEvent(ABC):  # noqa: B024
    def __init__(self) -> None:
        self._header: DefaultDict[str, Dict[str, Any]] = defaultdict(dict)
        self._payload: Dict[str, Any] = {}


def _on_the_wire(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return round(value.replace(tzinfo=timezone.utc).timestamp() * 1000)
    return value


def set_proto(message: Any, properties: Dict[str, Any]) -> None:
    for name, value in properties.items():
        if isinstance(value, list):
            getattr(message, name).extend(map(_on_the_wire, value))
        elif isinstance(value, dict):
            for key, element in value.items():
                getattr(message, name)[key] = _on_the_wire(element)
        elif value is not None:
            setattr(message, name, _on_the_wire(value))
