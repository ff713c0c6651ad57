"""A Starlette application with async and sync endpoints; below ``/scoped``, with the middleware."""

import asyncio
from threading import Barrier

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from paltabrain_fast.contrib.asgi import ContextMiddleware
from tests.programs.contrib.users import TOGETHER, begin, deliver, finish, sdk

all_tasks_in = asyncio.Barrier(TOGETHER)
all_threads_in = Barrier(TOGETHER)


async def in_task(request: Request) -> Response:
    begin(request.path_params["user"])
    await all_tasks_in.wait()
    return PlainTextResponse(finish(request.path_params["user"]))


def in_thread(request: Request) -> Response:
    all_threads_in.wait(30)
    return PlainTextResponse(finish(request.path_params["user"]))


async def deliver_now(_request: Request) -> Response:
    return PlainTextResponse(await asyncio.to_thread(deliver))


class SetsUser(BaseHTTPMiddleware):
    """Sets the user for sync endpoints, as a middleware that identifies users does: in a task."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        if "/sync/" in request.url.path:
            begin(request.url.path.rpartition("/")[2])
        return await call_next(request)


routes = [Route("/async/{user}", in_task), Route("/sync/{user}", in_thread)]
application = Starlette(
    routes=[
        Mount("/plain", routes=routes, middleware=[Middleware(SetsUser)]),
        Mount(
            "/scoped",
            routes=routes,
            middleware=[Middleware(ContextMiddleware, sdk=sdk), Middleware(SetsUser)],
        ),
        Route("/deliver", deliver_now),
    ]
)
