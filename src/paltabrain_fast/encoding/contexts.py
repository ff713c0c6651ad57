"""The context of an SDK: checks a given one, and provides an object for "none"."""

from __future__ import annotations

from typing import Any, Final

from .._engine.protocol import SerializableContext, class_given_error

__all__ = ["NO_CONTEXT", "checked_context"]


class _NoContext:
    """The context of an SDK that has none: to serialize it is an error.

    So ``track()`` need not test for ``None``.
    """

    def serialize_context(self) -> bytes:
        raise TypeError(
            "the SDK has no context: give track() one, or assign one, as in sdk.context = Context()"
        )


NO_CONTEXT: Final = _NoContext()


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
