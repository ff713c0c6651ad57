"""Scopes: where a thread or task has a context of its own."""

from __future__ import annotations

from typing import Any

__all__ = ["Scope"]


class Scope:
    """The context of what is tracked in a scope.

    A task that was started in a scope refers to the same object as the one that started it. So what
    either assigns, both see.

    Args:
        context: is a context, or ``None`` once the scope is over: then the outer one counts.
        outer: the scope around it, if any.
    """

    __slots__ = ("context", "outer")

    def __init__(self, context: Any, outer: Scope | None) -> None:
        self.context = context
        self.outer = outer
