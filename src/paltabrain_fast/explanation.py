"""``explain()``: tells whether a class of events or contexts is accelerated, and if not, why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ._engine.choice import ContextBase, EventBase, slow_reason
from .records import record

__all__ = ["Explanation", "explain", "recognise_loaded_classes"]

_ABSTRACT: Final = 1 << 20
"""Flag of a class that has abstract methods, and so no instances."""


@record()
class Explanation:
    """How the objects of a class are serialized.

    Attributes:
        name: name of the class, with its module.
        accelerated: whether the native engine encodes the objects. Otherwise their own
            ``serialize_*()`` methods do, which gives the same bytes, but is slower.
        reason: why they are not accelerated; ``None`` if they are.
    """

    name: str
    accelerated: bool
    reason: str | None

    def __str__(self) -> str:
        if self.accelerated:
            return f"{self.name} is accelerated"
        return f"{self.name} is serialized by its own methods, which is slower: {self.reason}"


def explain(cls: type) -> Explanation:
    """Tell how the events or contexts of a class are serialized.

    The answer holds for the class as it is now: to patch a method later may change it.

    Args:
        cls: an event class or a context class.

    Raises:
        TypeError: ``cls`` is no class, or its objects are neither events nor contexts.
    """
    if not isinstance(cls, type):
        raise TypeError(f"an event or context class is wanted, not {cls!r}")
    methods = ("serialize_context",), ("serialize_header", "serialize_payload")
    if not any(all(hasattr(cls, name) for name in names) for names in methods):
        raise TypeError(f"an event or context class is wanted, not {cls.__qualname__}")
    reason = slow_reason(cls)
    return Explanation(f"{cls.__module__}.{cls.__qualname__}", reason is None, reason)


def recognise_loaded_classes() -> None:
    """Find out for all classes of events and contexts how they are serialized."""
    for base in EventBase, ContextBase:
        for cls in set(_subclasses(base)):
            if not cls.__flags__ & _ABSTRACT:
                slow_reason(cls)


def _subclasses(parent: type) -> Iterator[type]:
    children: list[type] = type.__subclasses__(parent)
    for cls in children:
        yield cls
        yield from _subclasses(cls)
