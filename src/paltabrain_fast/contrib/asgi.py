"""Wiring for ASGI servers, such as uvicorn and hypercorn.

uvicorn ends its processes by the signal that has stopped it, which skips what Python does at exit.
So what is buffered has to go out before, when the server tells the application to end.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..process.log import log_line, warn
from ..process.masking import error_text
from ..sdk import PaltabrainSdk
from .ends import tell_of_the_end
from .requests import Fill, RequestScopes

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
        """Run the application's lifespan, or what it lacks; deliver before its last message."""
        unread = [await receive()]  # lifespan.startup, which the application may never ask for
        last_sent = ""

        async def receive_all() -> Message:
            return unread.pop() if unread else await receive()

        async def deliver_and_send(message: Message) -> None:
            nonlocal last_sent
            kind = message["type"]
            if kind.startswith("lifespan."):  # or else it takes this for a request
                last_sent = kind
            if kind.startswith("lifespan.shutdown."):
                await self._deliver()
            await send(message)

        try:
            await self._app(scope, receive_all, deliver_and_send)
        except Exception as error:
            if last_sent:
                raise
            self._tell_of_no_lifespan(error, has_asked=not unread)
        if not last_sent:
            await deliver_and_send({"type": "lifespan.startup.complete"})
        if last_sent == "lifespan.startup.complete":
            await receive()
            await deliver_and_send({"type": "lifespan.shutdown.complete"})

    async def _deliver(self) -> None:
        await self._sdk.aflush(self._timeout)
        tell_of_the_end(self._sdk, self._timeout, "LifespanMiddleware")

    def _tell_of_no_lifespan(self, error: Exception, *, has_asked: bool) -> None:
        """Say why the application has no lifespan of its own; a warning if it seems to have one."""
        text = error_text(error, self._sdk.api_key)
        if has_asked:
            warn(
                f"the application raised at its start, and is served all the same: {text}",
                to=self._sdk.logger,
            )
        else:
            log_line(
                logging.INFO,
                "the application has no lifespan of its own: %s",
                text,
                to=self._sdk.logger,
            )


class ContextMiddleware:
    """Gives each request, and each websocket, a context of its own: ``sdk.scoped_context()``.

    With FastAPI or Starlette, ``app.add_middleware(ContextMiddleware, sdk=sdk)``, after all others:
    what is added later runs outside of the scope.

    Args:
        app: the application.
        sdk: whose context it is.
        fill: called with the context and the ASGI scope before the application is. What it raises
            is a warning; the request goes on.
    """

    def __init__(
        self, app: Application, sdk: PaltabrainSdk[Any], fill: Fill[Scope] | None = None
    ) -> None:
        self._app = app
        self._scopes = RequestScopes(sdk, fill)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, within a scope unless this is about its start and end."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        with self._scopes.of(scope):
            await self._app(scope, receive, send)
