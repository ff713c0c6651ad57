"""The middleware that delivers when an ASGI server stops the application."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast.contrib.asgi import LifespanMiddleware

from ..support.answers import Answer
from ..support.api_server import ApiServer
from ..support.events import TextEvent
from ..support.sdk import MakeSdk, Sdk, texts

Message = MutableMapping[str, Any]
STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
STARTED, ENDED = "lifespan.startup.complete", "lifespan.shutdown.complete"


async def serve(application: Any, on_answer: Callable[[str], object]) -> None:
    """Start an application and stop it, as a server does."""
    told: asyncio.Queue[Message] = asyncio.Queue()
    started = asyncio.Event()

    async def send(message: Message) -> None:
        if not message["type"].startswith("lifespan."):
            raise AssertionError("no message of a lifespan")
        on_answer(message["type"])
        started.set()

    running = asyncio.create_task(application({"type": "lifespan"}, told.get, send))
    await told.put(STARTUP)
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    await told.put(SHUTDOWN)
    await asyncio.wait_for(running, 60)


@pytest.fixture
def transport() -> InMemoryTransport:
    return InMemoryTransport()


@pytest.fixture
def sdk(make_sdk: MakeSdk, transport: InMemoryTransport) -> Sdk:
    return make_sdk(transport=transport)


def test_delivers_what_the_application_tracks_to_its_very_end(
    sdk: Sdk, transport: InMemoryTransport
) -> None:
    """And before the server hears that the application has ended: it may kill the process then."""

    async def application(_scope: object, receive: Any, send: Any) -> None:
        assert await receive() == STARTUP
        sdk.track(TextEvent("startup"))
        await send({"type": STARTED})
        assert await receive() == SHUTDOWN
        sdk.track(TextEvent("cleanup"))
        await send({"type": ENDED})

    delivered: list[tuple[str, list[list[str]]]] = []
    middleware = LifespanMiddleware(application, sdk)
    asyncio.run(serve(middleware, lambda kind: delivered.append((kind, texts(transport)))))
    assert delivered == [(STARTED, []), (ENDED, [["startup", "cleanup"]])]


async def raises(scope: Message, _receive: object, _send: object) -> None:
    raise ValueError(f"no {scope['type']} here")


async def asks_and_raises(scope: Message, receive: Any, _send: object) -> None:
    await receive()
    raise ValueError(f"no {scope['type']} here")


async def returns(_scope: object, _receive: object, _send: object) -> None:
    pass


async def takes_it_for_a_request(_scope: object, _receive: object, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200})


async def returns_when_it_has_started(_scope: object, receive: Any, send: Any) -> None:
    assert await receive() == STARTUP
    await send({"type": STARTED})


@pytest.mark.parametrize(
    "application",
    [raises, asks_and_raises, returns, takes_it_for_a_request, returns_when_it_has_started],
)
def test_application_without_a_lifespan_needs_none(
    sdk: Sdk, transport: InMemoryTransport, application: Any
) -> None:
    sdk.track(TextEvent())
    answers: list[str] = []
    asyncio.run(serve(LifespanMiddleware(application, sdk), answers.append))
    assert (answers, texts(transport)) == ([STARTED, ENDED], [["payload"]])


@pytest.mark.parametrize("application", [raises, asks_and_raises])
def test_application_that_may_have_failed_to_start_is_told_of(
    sdk: Sdk, application: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """If it has asked for the start; others, as Django's, just refuse what they do not know."""
    sdk.logger = logging.Logger("not configured")
    asyncio.run(serve(LifespanMiddleware(application, sdk), lambda _kind: None))
    assert capsys.readouterr().err == (
        "paltabrain_fast: WARNING: the application raised at its start, and is served all the same:"
        " ValueError: no lifespan here\n"
        if application is asks_and_raises
        else ""
    )


def test_application_may_start_again_in_the_same_process(
    sdk: Sdk, transport: InMemoryTransport
) -> None:
    """As tests of a service do: the SDK is not shut down."""
    for number in range(3):
        sdk.track(TextEvent(str(number)))
        asyncio.run(serve(LifespanMiddleware(returns, sdk), lambda _kind: None))
    assert texts(transport) == [["0"], ["1"], ["2"]]


def test_loss_is_told_before_the_application_has_ended(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    """A signal may end the process then, before the half second is over after which it is told."""
    refusing = InMemoryTransport(lambda _request: SendResult(401))
    told: list[str] = []

    def answer(kind: str) -> None:
        told.append(f"{kind}: {[each for each in caplog.messages if 'API key refused' in each]}")

    sdk = make_sdk(transport=refusing)
    sdk.track(TextEvent())
    asyncio.run(serve(LifespanMiddleware(returns, sdk), answer))
    assert told[0] == f"{STARTED}: []"
    assert "API key refused (401): 1 event lost" in told[1]


def test_application_may_shut_the_sdk_down_itself(
    sdk: Sdk, transport: InMemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    async def application(_scope: object, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": STARTED})
        await receive()
        sdk.shutdown()
        await send({"type": ENDED})

    sdk.track(TextEvent())
    answers: list[str] = []
    asyncio.run(serve(LifespanMiddleware(application, sdk), answers.append))
    assert (answers, texts(transport)) == ([STARTED, ENDED], [["payload"]])
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


def test_application_that_fails_to_start_fails_as_before(sdk: Sdk) -> None:
    async def application(_scope: object, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed"})
        raise RuntimeError("no database")

    answers: list[str] = []
    with pytest.raises(RuntimeError, match="no database"):
        asyncio.run(serve(LifespanMiddleware(application, sdk), answers.append))
    assert answers == ["lifespan.startup.failed"]


def test_requests_pass_as_they_are(sdk: Sdk) -> None:
    passed: list[object] = []

    async def application(*request: object) -> None:
        passed.extend(request)

    request: tuple[Any, Any, Any] = ({"type": "http"}, object(), object())
    asyncio.run(LifespanMiddleware(application, sdk)(*request))
    assert len(passed) == 3
    assert all(seen is given for seen, given in zip(passed, request, strict=True))


def test_loop_goes_on_while_the_last_events_are_sent(api: ApiServer, make_sdk: MakeSdk) -> None:
    """The answer is given by the loop itself: if it were held up, it would never come."""
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname)
    sdk.track(TextEvent())

    async def turn() -> None:
        while not api.received:
            await asyncio.sleep(0)
        release.set()

    async def both() -> None:
        turning = asyncio.create_task(turn())
        await serve(LifespanMiddleware(returns, sdk, timeout=20), lambda _kind: None)
        await asyncio.wait_for(turning, 30)

    try:
        asyncio.run(both())
    finally:
        release.set()
    assert sdk.stats().delivered == 1


def test_what_is_not_delivered_in_time_is_told(
    api: ApiServer, make_sdk: MakeSdk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where logging is not configured."""
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname)
    sdk.logger = logging.Logger("not configured")
    for _ in range(3):
        sdk.track(TextEvent())
    try:
        middleware = LifespanMiddleware(returns, sdk, timeout=0.05)
        asyncio.run(serve(middleware, lambda _kind: None))
    finally:
        release.set()
    (line,) = capsys.readouterr().err.splitlines()
    assert "WARNING: not delivered within 0.05 s of the end: 3 events, lost if a signal" in line
    assert "give LifespanMiddleware a longer timeout" in line
