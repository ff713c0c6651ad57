"""The Django middleware, sync and async: a context for each request."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ...scope import ScopedContext
from ..requests import RequestScopes
from . import fill_from_settings, sdk_from_settings

__all__ = ["ContextMiddleware"]

Handler = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class ContextMiddleware:
    """Gives each request a context of its own: ``sdk.scoped_context()``; for sync and async.

    Add ``"paltabrain_fast.contrib.django.middleware.ContextMiddleware"`` to
    ``settings.MIDDLEWARE``, after ``AuthenticationMiddleware`` if the context depends on
    ``request.user``. ``settings.PALTABRAIN_SDK`` is the SDK, or the dotted path of it.
    ``settings.PALTABRAIN_FILL_CONTEXT``, if it is there, is a function, or the dotted path of one,
    that is called with the context and the request. What it raises is a warning; the request goes
    on. The scope lasts while a streaming response is made.

    Raises:
        ImproperlyConfigured: a setting is missing, or not as it must be.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Handler) -> None:
        self._get_response: Any = get_response
        self._sdk = sdk_from_settings()
        self._scopes = RequestScopes[HttpRequest](self._sdk, fill_from_settings())
        self._is_async: bool = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Have the request answered within a scope."""
        if self._is_async:
            return self._answer(request)
        with self._scopes.of(request):
            response = self._get_response(request)
            self._stay(response)
        return response

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        with self._scopes.of(request):
            response = await self._get_response(request)
            self._stay(response)
        return response

    def _stay(self, response: Any) -> None:
        """Have the parts of a streaming response made with the context of the request."""
        is_file = getattr(response, "file_to_stream", None) is not None  # left to the server
        if response.streaming and not is_file:
            stream = self._stream_async if response.is_async else self._stream
            scope: ScopedContext[Any] = ScopedContext(self._sdk, self._sdk._context_around())
            response.streaming_content = stream(response.streaming_content, scope)

    @staticmethod
    def _stream(parts: Iterable[bytes], scope: ScopedContext[Any]) -> Iterator[bytes]:
        with scope:
            yield from parts

    @staticmethod
    async def _stream_async(
        parts: AsyncIterable[bytes], scope: ScopedContext[Any]
    ) -> AsyncIterator[bytes]:
        with scope:
            async for part in parts:
                yield part
