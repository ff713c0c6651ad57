"""A context for a part of the program: one request, one task, one block of code."""

from __future__ import annotations

import contextlib
import copy
from collections import defaultdict
from contextvars import Token
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

from ._engine.choice import Scope, Tracker
from ._engine.protocol import SerializableContext
from .encoding.contexts import NO_CONTEXT
from .process.masking import error_text

__all__ = ["ScopedContext"]

ContextT = TypeVar("ContextT", bound=SerializableContext)

_IMMUTABLE: Final = frozenset({str, int, float, bool, bytes, type(None), Decimal, datetime, date})


class ScopedContext(Generic[ContextT]):
    """What ``PaltabrainSdk.scoped_context()`` returns, for one ``with`` statement.

    Args:
        sdk: whose context it is.
        context: what the scope begins with; ``None``: a copy of the context around it.
    """

    def __init__(self, sdk: Tracker, context: ContextT | None) -> None:
        self._sdk = sdk
        self._context = context
        self._scope: Scope | None = None
        self._token: Token[Scope] | None = None

    def __enter__(self) -> ContextT:
        if self._scope is not None:
            raise RuntimeError(
                "a scope is entered once: call scoped_context() for each with statement"
            )
        context = _copied(_context_around(self._sdk)) if self._context is None else self._context
        self._scope = Scope(context, self._sdk._current_scope())
        try:
            self._token = self._sdk._scope_variable().set(self._scope)
            return context
        except BaseException:  # of a signal handler; nobody calls __exit__() then
            self._scope.context = None
            raise

    def __exit__(self, *_error: object) -> None:
        scope, token = self._scope, self._token
        if scope is None or token is None:
            return
        is_left = False
        try:
            self._token = None
            variable = self._sdk._scope_variable()
            if variable.get(None) is scope:
                with contextlib.suppress(ValueError):
                    variable.reset(token)
                    is_left = True
        finally:
            # It may not be left where it was entered, as by an async generator that another task
            # closes, or not as the innermost one, or a signal handler raises. Whoever may still be
            # in it must not track with its context.
            if not is_left:
                scope.context = None


def _context_around(sdk: Any) -> Any:
    context = sdk._context_around()
    if context is NO_CONTEXT:
        raise TypeError(
            "the SDK has no context that a scope could begin with: give it one, as in"
            " sdk.scoped_context(Context())"
        )
    return context


def _copied(context: Any) -> Any:
    """Return a copy of a context, which shares nothing that could be changed.

    Raises:
        TypeError: the context cannot be copied.
    """
    name = type(context).__name__
    try:
        # Groups first, each with one call, as other threads may change them meanwhile.
        groups: Any = getattr(context, "_context", None)
        is_plain = type(groups) in (dict, defaultdict)
        own = copy.deepcopy(context, {id(groups): _copied_groups(groups)} if is_plain else None)
    except Exception as error:
        raise TypeError(
            f"a scope begins with a copy of the context, and a {name} cannot be copied"
            f" ({error_text(error)}): give its class a __deepcopy__(), or the scope a context,"
            f" as in sdk.scoped_context({name}())"
        ) from error
    if own is context:
        raise TypeError(
            f"a scope begins with a copy of the context, and a copy of {name} is the same object:"
            f" give the scope another one, as in sdk.scoped_context({name}())"
        )
    return own


def _copied_groups(groups: dict[str, Any]) -> dict[str, Any]:
    own = groups.copy()
    for name, properties in own.items():
        own[name] = {
            key: value if type(value) in _IMMUTABLE else copy.deepcopy(value)
            for key, value in dict(properties).items()
        }
    return own
