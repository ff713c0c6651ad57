"""A Django site, asked by Django's test clients; prints which context each event came with.

Its only argument is the dotted path of a function that fills contexts, or ``-``. With ``plain`` as
the second one, the site has no middleware.
"""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Barrier
from typing import Any, Final
from wsgiref.util import FileWrapper, setup_testing_defaults

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.sdk import contexts_of_events

TOGETHER: Final = 8

transport = InMemoryTransport()
sdk = PaltabrainSdk[Any](
    "localhost", "key", TextContext(), transport=transport, flush_interval_ms=3_600_000
)
threads_in = Barrier(TOGETHER)
tasks_in: asyncio.Barrier


def fill(context: TextContext, request: HttpRequest) -> None:
    context.text = f"filled for {request.path}"


def fail(_context: TextContext, _request: HttpRequest) -> None:
    raise ZeroDivisionError


def set_user(user: str) -> None:
    if sdk.context.text == "context":
        sdk.context.text = user


def sync_view(_request: HttpRequest, user: str) -> HttpResponse:
    set_user(user)
    threads_in.wait(30)
    sdk.track(TextEvent(f"sync {user}"))
    return HttpResponse(user)


async def async_view(_request: HttpRequest, user: str) -> HttpResponse:
    set_user(user)
    await tasks_in.wait()
    sdk.track(TextEvent(f"async {user}"))
    return HttpResponse(user)


def stream(_request: HttpRequest, user: str) -> StreamingHttpResponse:
    def parts() -> Iterator[str]:
        sdk.track(TextEvent(f"stream {user}"))
        yield user

    set_user(user)
    return StreamingHttpResponse(parts())


async def async_stream(_request: HttpRequest, user: str) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[str]:
        sdk.track(TextEvent(f"async stream {user}"))
        yield user

    set_user(user)
    return StreamingHttpResponse(parts())


def file(_request: HttpRequest) -> FileResponse:
    response = FileResponse(BytesIO(b"file"))
    set_user("file")
    return response


def error(_request: HttpRequest) -> HttpResponse:
    set_user("error")
    raise ZeroDivisionError


urlpatterns = [
    path("sync/<user>", sync_view),
    path("async/<user>", async_view),
    path("stream/<user>", stream),
    path("async_stream/<user>", async_stream),
    path("file", file),
    path("error", error),
]


def ask(user: str) -> None:
    """Ask a site of synchronous middleware, as under WSGI."""
    client = Client()
    assert client.get(f"/sync/{user}").content.decode() == user
    assert b"".join(client.get(f"/stream/{user}")).decode() == user
    assert sdk.context.text == "context" or is_plain


async def ask_async(user: str) -> None:
    """Ask a site of asynchronous middleware, as under ASGI."""
    client = AsyncClient()
    answer: Any = await client.get(f"/async/{user}")
    assert answer.content.decode() == user
    answer = await client.get(f"/async_stream/{user}")
    assert [part async for part in answer.streaming_content] == [user.encode()]
    assert sdk.context.text == "context" or is_plain


def answer_of_a_server(url: str) -> Any:
    environ: dict[str, Any] = {"PATH_INFO": url, "wsgi.file_wrapper": FileWrapper}
    setup_testing_defaults(environ)
    return get_wsgi_application()(environ, lambda _status, _headers: None)


async def ask_all() -> None:
    global tasks_in
    tasks_in = asyncio.Barrier(TOGETHER)
    await asyncio.gather(*(ask_async(user) for user in users))


if __name__ == "__main__":
    name, is_plain = sys.argv[1], sys.argv[2:] == ["plain"]
    if name == "fail":
        sdk.logger.addHandler(logging.StreamHandler())
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"]
        + ["paltabrain_fast.contrib.django.middleware.ContextMiddleware"] * (not is_plain),
        PALTABRAIN_SDK=sdk,
        PALTABRAIN_FILL_CONTEXT=None if name == "-" else f"{__name__}.{name}",
    )
    django.setup()
    users = [f"user {number}" for number in range(TOGETHER)]
    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(ask, users))
    asyncio.run(ask_all())
    client = Client(raise_request_exception=False)
    assert client.get("/error").status_code == 500
    assert isinstance(answer_of_a_server("/file"), FileWrapper)  # which it may send by itself
    assert is_plain or sdk.context.text == "context"
    print(json.dumps(contexts_of_events(sdk, transport)))
    sdk.shutdown()
