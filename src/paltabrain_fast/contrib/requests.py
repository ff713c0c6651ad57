"""What the middlewares have in common: a scope for a request, which never makes one fail."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from ..delivery.callbacks import check_callback
from ..encoding.contexts import NO_CONTEXT
from ..process.log import Sparing, warn
from ..process.masking import error_text
from ..scope import ScopedContext
from ..sdk import PaltabrainSdk

__all__ = ["Fill", "RequestScope", "RequestScopes"]

_QUIET_SECONDS: Final = 20.0

RequestT = TypeVar("RequestT")

Fill = Callable[[Any, RequestT], object]
"""Fills the context for a request: takes the context, and what the framework has of the request."""


class RequestScopes(Generic[RequestT]):
    """Makes the scopes of the requests that a middleware gets.

    That there can be no scope, and what ``fill`` raises, is a warning, on ``sys.stderr`` where
    logging is not configured; the request goes on.

    Args:
        sdk: whose contexts they are. If it has none, a scope has none to begin with, either.
        fill: is called at the begin of each.

    Raises:
        TypeError: ``fill`` is no function of two arguments, or one that has to be awaited.
    """

    def __init__(self, sdk: PaltabrainSdk[Any], fill: Fill[RequestT] | None) -> None:
        if fill is not None:
            check_callback("fill", fill, "a context and a request")
        self._sdk = sdk
        self._fill = fill
        self._sparing = Sparing(_QUIET_SECONDS)

    def begin(self, request: RequestT) -> ScopedContext[Any] | None:
        """Enter the scope of a request, if it can have one, and fill its context."""
        try:
            begin = NO_CONTEXT if self._sdk.context is None else None
            scope: ScopedContext[Any] = ScopedContext(self._sdk, begin)
            scope.__enter__()
        except Exception as error:
            self._warn("the request has no context of its own", error)
            return None
        try:
            if self._fill is not None:
                self._fill(self._sdk.context, request)
        except Exception as error:
            self._warn("the context of a request was not filled", error)
        except BaseException:  # such as KeyboardInterrupt; nobody leaves the scope then
            scope.__exit__()
            raise
        return scope

    def of(self, request: RequestT) -> RequestScope[RequestT]:
        """Return the scope of a request, for a ``with`` statement."""
        return RequestScope(self, request)

    def _warn(self, what: str, error: Exception) -> None:
        if self._sparing.may_tell(what):
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = error_text(error, self._sdk.api_key)
            warn(f"{what}: {text} in {place.filename}:{place.lineno}", to=self._sdk.logger)


class RequestScope(Generic[RequestT]):
    """The scope of a request; a context manager, to be entered once."""

    def __init__(self, scopes: RequestScopes[RequestT], request: RequestT) -> None:
        self._scopes = scopes
        self._request = request
        self._scope: ScopedContext[Any] | None = None

    def __enter__(self) -> None:
        self._scope = self._scopes.begin(self._request)

    def __exit__(self, *error: object) -> None:
        if self._scope is not None:
            self._scope.__exit__(*error)
