"""Base classes of events and contexts in pure Python; ``base.py`` derives the public ones."""

from __future__ import annotations

from collections import defaultdict
from typing import Any


class EventBase:
    """Holds header and payload of an event; ``BaseEvent`` adds the methods."""

    def __init__(self) -> None:
        self._header: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self._payload: dict[str, Any] = {}


class ContextBase:
    """Holds the groups of a context; ``BaseContext`` adds the methods."""

    def __init__(self) -> None:
        self._context: defaultdict[str, dict[str, Any]] = defaultdict(dict)


class Sentinel:
    """Base of ``BaseSentinel``, the class of ``UNDEFINED``."""

    @staticmethod
    def filter(properties: dict[str, Any]) -> dict[str, Any]:
        """Return the properties whose value is no sentinel; ``None`` is kept."""
        return {
            name: value for name, value in properties.items() if not isinstance(value, Sentinel)
        }


def install_native_methods(_cls: type) -> None:
    """Do nothing: the native engine replaces generated methods here, this one calls them."""


def plan_classes() -> None:
    """Do nothing: the native engine makes its encoding plans here, this one needs none."""


def slow_reason(_cls: type) -> str | None:
    """Return why a class is not accelerated: on this engine, no class is."""
    return "the engine is pure Python"
