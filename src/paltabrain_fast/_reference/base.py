"""The bases of events and contexts in pure Python."""

from __future__ import annotations

from collections import defaultdict
from typing import Any


class EventBase:
    """Holds an event's header and payload; ``BaseEvent`` has the rest."""

    def __init__(self) -> None:
        self._header: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self._payload: dict[str, Any] = {}


class ContextBase:
    """Holds a context's groups; ``BaseContext`` has the rest."""

    def __init__(self) -> None:
        self._context: defaultdict[str, dict[str, Any]] = defaultdict(dict)


class Sentinel:
    """Base of ``BaseSentinel``."""

    @staticmethod
    def filter(properties: dict[str, Any]) -> dict[str, Any]:
        """Return the properties that were given, ``None`` included."""
        return {
            name: value for name, value in properties.items() if not isinstance(value, Sentinel)
        }


def install_native_methods(_cls: type) -> None:
    """Leave a new class as it is: there are no native methods."""


def slow_reason(_cls: type) -> str | None:
    """Tell why the objects of a class are left to their own methods: here, they all are."""
    return "the engine is pure Python"
