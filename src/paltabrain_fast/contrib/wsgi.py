"""Wiring for WSGI applications, such as those of Flask."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..sdk import PaltabrainSdk
from .requests import Fill, RequestScopes

__all__ = ["ContextMiddleware"]

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class ContextMiddleware:
    """Gives each request a context of its own: ``sdk.scoped_context()``.

    With Flask: ``app.wsgi_app = ContextMiddleware(app.wsgi_app, sdk)``. The scope lasts until the
    server has closed the response. The application runs in a copy of the ``contextvars.Context`` of
    its thread, with which the scope goes.

    Args:
        app: the application.
        sdk: whose context it is.
        fill: called with the context and the WSGI environment before the application is. What it
            raises is a warning; the request goes on.
    """

    def __init__(
        self, app: Application, sdk: PaltabrainSdk[Any], fill: Fill[Environ] | None = None
    ) -> None:
        self._app = app
        self._scopes = RequestScopes(sdk, fill)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Call the application, and have its response made, within a scope."""
        variables = contextvars.copy_context()
        variables.run(self._scopes.begin, environ)
        response = variables.run(self._app, environ, start_response)
        if isinstance(response, (list, tuple)) or _is_file(response, environ):
            return response  # which the server treats in ways of its own
        return _Response(response, variables)


class _Response:
    """Makes the parts of a response within the scope of its request, and closes it there.

    Args:
        response: what the application has returned.
        variables: what the application ran in.
    """

    def __init__(self, response: Iterable[bytes], variables: contextvars.Context) -> None:
        self._response = response
        self._variables = variables
        self._parts: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._parts is None:
            self._parts = self._variables.run(iter, self._response)
        return self._variables.run(next, self._parts)

    def close(self) -> None:
        """Close the response of the application, if that can be closed."""
        close = getattr(self._response, "close", None)
        if close is not None:
            self._variables.run(close)


def _is_file(response: object, environ: Environ) -> bool:
    """Tell whether the server may send the response as the file that it is."""
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(response, wrapper)
