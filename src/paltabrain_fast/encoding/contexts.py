"""What stands for the context of an SDK: the given one, none, or what a subclass says."""

from __future__ import annotations

import weakref
from typing import Any, Final

from .._engine.protocol import SerializableContext, class_given_error

__all__ = ["NO_CONTEXT", "OwnContext", "checked_context"]


class _NoContext:
    """Stands for the context of an SDK that has none."""

    def serialize_context(self) -> bytes:
        raise TypeError(
            "the SDK has no context: give track() one, or assign one, as in sdk.context = Context()"
        )


NO_CONTEXT: Final = _NoContext()


class OwnContext:
    """Stands for what an SDK has as its context just now, by a ``context`` of a subclass's own.

    Args:
        sdk: is held weakly, as it holds this.
    """

    def __init__(self, sdk: Any) -> None:
        self._sdk = weakref.proxy(sdk)

    def serialize_context(self) -> bytes:
        return checked_context(self._sdk.context).serialize_context()


def checked_context(context: Any) -> SerializableContext:
    """Return what an SDK keeps of a context that it is given: ``NO_CONTEXT`` of ``None``.

    Raises:
        TypeError: it is no object that serializes itself, or was left out (``...``).
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
