"""Wiring for ASGI servers, such as uvicorn and hypercorn.

uvicorn ends its processes by the signal that has stopped it, which skips what Python does at exit.
So what is buffered has to go out before, when the server tells the application to end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..sdk import PaltabrainSdk
from .requests import Fill, RequestScope

__all__ = ["ContextMiddleware", "LifespanMiddleware"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class LifespanMiddleware:
    """Delivers what is buffered when the server stops the application, at ``lifespan.shutdown``.

    In Starlette and FastAPI, ``app.add_middleware(LifespanMiddleware, sdk=sdk)``; around any other
    application, ``application = LifespanMiddleware(application, sdk)``. The application's own
    lifespan runs as before, and may track events until it has ended; an application that has none,
    such as Django's, needs none. The SDK is flushed, not shut down: an application may start again
    in the same process, as tests of it do.

    Args:
        app: the ASGI application.
        sdk: what it tracks with.
        timeout: seconds that the end of the application waits for delivery. What is left then is
            told in a warning, and is lost if the server ends by a signal.
    """

    def __init__(self, app: Application, sdk: PaltabrainSdk[Any], *, timeout: float = 5.0) -> None:
        self._app = app
        self._sdk = sdk
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application's lifespan, or one in its place; deliver before its last message."""
        unread = [await receive()]  # lifespan.startup, which the application may never ask for
        has_lifespan = False

        async def receive_all() -> Message:
            return unread.pop() if unread else await receive()

        async def deliver_and_send(message: Message) -> None:
            nonlocal has_lifespan
            has_lifespan = True
            if message["type"].startswith("lifespan.shutdown."):
                await self._deliver()
            await send(message)

        try:
            await self._app(scope, receive_all, deliver_and_send)
        except Exception as error:
            if has_lifespan:
                raise
            self._sdk.logger.info("the application has no lifespan of its own: %r", error)
        if not has_lifespan:
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await deliver_and_send({"type": "lifespan.shutdown.complete"})

    async def _deliver(self) -> None:
        if not await self._sdk.aflush(self._timeout):
            self._sdk.logger.warning(
                "%d events were not delivered within %g s of the end of the application, and are"
                " lost if a signal ends the process: give LifespanMiddleware a longer timeout",
                self._sdk.stats().pending_events,
                self._timeout,
            )


class ContextMiddleware:
    """Gives each request, and each websocket, a context of its own: ``sdk.scoped_context()``.

    With FastAPI or Starlette, ``app.add_middleware(ContextMiddleware, sdk=sdk)``, after all others:
    what is added later runs outside of the scope.

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
