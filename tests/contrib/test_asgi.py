"""The ASGI middleware: each request and each websocket has a context, the lifespan has none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from paltabrain_fast import InMemoryTransport
from paltabrain_fast.contrib.asgi import ContextMiddleware

from ..support.events import TextContext, TextEvent
from ..support.sdk import MakeSdk, contexts_of_events


async def nothing(*_messages: object) -> Any:
    """Receive and send nothing."""


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_each_request_has_a_context(make_sdk: MakeSdk, kind: str) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)
    all_in = asyncio.Barrier(8)

    async def application(scope: Any, _receive: object, _send: object) -> None:
        assert sdk.context.text == "filled " + scope["path"]
        sdk.context.text = scope["path"]
        await all_in.wait()
        sdk.track(TextEvent(scope["path"]))

    def fill(context: TextContext, scope: Any) -> None:
        context.text = "filled " + scope["path"]

    middleware = ContextMiddleware(application, sdk, fill)

    async def main() -> None:
        scopes = [{"type": kind, "path": str(number)} for number in range(8)]
        await asyncio.gather(*(middleware(scope, nothing, nothing) for scope in scopes))
        assert sdk.context.text == "context"

    asyncio.run(main())
    assert contexts_of_events(sdk, transport) == {str(number): str(number) for number in range(8)}


def test_lifespan_is_passed_on_as_it_is(make_sdk: MakeSdk) -> None:
    """What the application sets at its start is for all requests."""
    sdk = make_sdk(transport=InMemoryTransport())
    given: list[object] = []

    async def application(*arguments: object) -> None:
        given.extend(arguments)
        sdk.context.text = "of the start"

    scope = {"type": "lifespan"}
    asyncio.run(ContextMiddleware(application, sdk)(scope, nothing, nothing))
    assert given == [scope, nothing, nothing]
    assert sdk.context.text == "of the start"


def test_exceptions_of_the_application_pass(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport())

    async def application(*_arguments: object) -> None:
        sdk.context.text = "scoped"
        raise ZeroDivisionError

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await ContextMiddleware(application, sdk)({"type": "http"}, nothing, nothing)
        assert sdk.context.text == "context"

    asyncio.run(main())


def test_interrupted_filling_leaves_no_scope_behind(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport())

    def fill(context: TextContext, _scope: object) -> None:
        context.text = "half"
        raise KeyboardInterrupt

    call = ContextMiddleware(nothing, sdk, fill)({"type": "http"}, nothing, nothing)
    with pytest.raises(KeyboardInterrupt):
        call.send(None)
    assert sdk.context.text == "context"
