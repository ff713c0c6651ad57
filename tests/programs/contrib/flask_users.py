"""A Flask application; below ``/scoped``, with the middleware."""

from collections.abc import Callable, Iterable
from threading import Barrier
from typing import Any

from flask import Flask

from paltabrain_fast.contrib.wsgi import ContextMiddleware
from tests.programs.contrib.users import TOGETHER, begin, deliver, finish, sdk

app = Flask(__name__)
all_in = Barrier(TOGETHER)


@app.get("/<way>/sync/<user>")
def answer(way: str, user: str) -> str:
    assert way
    begin(user)
    all_in.wait(30)
    return finish(user)


@app.get("/deliver")
def deliver_now() -> str:
    return deliver()


plain = app.wsgi_app
scoped = ContextMiddleware(plain, sdk)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    is_scoped = environ["PATH_INFO"].startswith("/scoped/")
    return (scoped if is_scoped else plain)(environ, start_response)
