"""What the middlewares have in common: a scope for a request, which never makes one fail."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

from ..encoding.contexts import NO_CONTEXT
from ..scope import ScopedContext
from ..sdk import PaltabrainSdk

__all__ = ["Fill", "RequestScope"]

RequestT = TypeVar("RequestT")

Fill = Callable[[Any, RequestT], object]
"""Fills the context for a request: takes the context, and what the framework has of the request."""


class RequestScope(Generic[RequestT]):
    """The scope of a request; a context manager, to be entered once.

    What ``fill`` raises is logged, as well as that there can be no scope; the request goes on.

    Args:
        sdk: whose context it is. If it has none, the scope has none to begin with, either.
        fill: is called on entry.
        request: what ``fill`` gets.
    """

    def __init__(
        self, sdk: PaltabrainSdk[Any], fill: Fill[RequestT] | None, request: RequestT
    ) -> None:
        self._sdk = sdk
        self._fill = fill
        self._request = request
        self._scope: ScopedContext[Any] | None = None

    def __enter__(self) -> None:
        try:
            begin = NO_CONTEXT if self._sdk.context is None else None
            scope: ScopedContext[Any] = ScopedContext(self._sdk, begin)
            scope.__enter__()
        except Exception as error:
            self._warn("the request has no context of its own", error)
            return
        self._scope = scope
        try:
            if self._fill is not None:
                self._fill(self._sdk.context, self._request)
        except Exception as error:
            self._warn("the context of a request was not filled", error)
        except BaseException:  # such as KeyboardInterrupt; nobody calls __exit__() then
            scope.__exit__(None, None, None)
            raise

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._scope is not None:
            self._scope.__exit__(exc_type, exc, traceback)

    def _warn(self, what: str, error: Exception) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1]
        self._sdk._reporter.warn_sparingly(
            what, "%s: %r in %s:%d", what.capitalize(), error, place.filename, place.lineno or 0
        )
