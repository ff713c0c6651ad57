"""An application of Starlette's that tracks each path that it is asked for."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from paltabrain_fast.contrib.asgi import LifespanMiddleware
from tests.programs.ends_web.service import LINE, sdk, track


async def answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse(track(request.url.path))


application = Starlette(routes=[Route("/{path:path}", answer)])
if LINE == "LifespanMiddleware":
    application.add_middleware(LifespanMiddleware, sdk=sdk, timeout=30)
