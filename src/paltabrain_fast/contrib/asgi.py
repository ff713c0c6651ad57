"""Wiring for ASGI servers, such as uvicorn and hypercorn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..sdk import PaltabrainSdk
from .requests import Fill, RequestScope

__all__ = ["ContextMiddleware"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class ContextMiddleware:
    """Gives each request, and each websocket, a context of its own: ``sdk.scoped_context()``.

    With FastAPI or Starlette: ``app.add_middleware(ContextMiddleware, sdk=sdk)``.

    Args:
        app: the application.
        sdk: whose context it is.
        fill: called with the context and the ASGI scope before the application is. What it raises
            is logged; the request goes on.
    """

    def __init__(
        self, app: Application, sdk: PaltabrainSdk[Any], fill: Fill[Scope] | None = None
    ) -> None:
        self.app = app
        self.sdk = sdk
        self.fill = fill

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, within a scope unless this is about its start and end."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        with RequestScope(self.sdk, self.fill, scope):
            await self.app(scope, receive, send)
