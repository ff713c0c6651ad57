"""The context of an SDK: checks a given one, and provides objects for "none" and "ask later"."""

from __future__ import annotations

import weakref
from typing import Any, Final

from .._engine.protocol import SerializableContext, class_given_error

__all__ = ["NO_CONTEXT", "OwnContext", "checked_context", "users_context"]


class _NoContext:
    """The context of an SDK that has none: to serialize it is an error.

    So ``track()`` need not test for ``None``.
    """

    def serialize_context(self) -> bytes:
        raise TypeError(
            "the SDK has no context: give track() one, or assign one, as in sdk.context = Context()"
        )


NO_CONTEXT: Final = _NoContext()


class OwnContext:
    """The context of an SDK whose class overrides ``context``: it is read again for each event.

    Args:
        sdk: the SDK. It is held by a weak reference, since it refers to this object.

    Attributes:
        assigned: to the property that the class overrides, which it can reach by ``super()``.
    """

    def __init__(self, sdk: Any) -> None:
        self._sdk = weakref.proxy(sdk)
        self.assigned: SerializableContext = NO_CONTEXT

    def read(self) -> SerializableContext:
        """Ask the SDK for its context."""
        return checked_context(self._sdk.context)

    def serialize_context(self) -> bytes:
        return self.read().serialize_context()


def users_context(context: SerializableContext) -> SerializableContext | None:
    """Return a context as users know it: what a subclass names, ``None`` if there is none."""
    if isinstance(context, OwnContext):
        context = context.read()
    return None if context is NO_CONTEXT else context


def checked_context(context: Any) -> SerializableContext:
    """Check the context that an SDK is given.

    Args:
        context: a context object; ``None`` if each ``track()`` is given one; ``...`` if the
            argument was left out.

    Returns:
        The context, or ``NO_CONTEXT`` for ``None``.

    Raises:
        TypeError: the argument was left out, is a class, or has no ``serialize_context()``.
    """
    if context is None:
        return NO_CONTEXT
    if context is ...:
        raise TypeError(
            "context must be given: a Context object, or None where each track() is given one"
        )
    if isinstance(context, type):
        raise class_given_error("context", context)
    if not callable(getattr(context, "serialize_context", None)):
        raise TypeError(f"context must be a Context object, not {context!r}")
    return context  # type: ignore[no-any-return]  # checked by the line above
