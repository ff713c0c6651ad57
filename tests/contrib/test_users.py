"""No event carries another request's user: real servers, and requests that overlap."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from ..support.api_server import ApiServer
from ..support.scarce import needs
from ..support.servers import get, listen, running, stop
from ..support.threads import running as running_threads

USERS, REQUESTS = 8, 100

SERVERS: Final = {
    "gunicorn": ["--threads", str(USERS), "--keep-alive", "60", "--bind", "fd://{fd}"],
    "uvicorn": ["--fd", "{fd}", "--log-level", "warning"],
}


def ask(path: Path, kind: str, user: int) -> None:
    """Make the requests of one client, each under a name of its own, on one connection."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(60)
    with contextlib.closing(connection):
        connection.sock.connect(str(path))
        for number in range(REQUESTS):
            name = f"user-{user}-{number}"
            connection.request("GET", f"/{kind}/{name}")
            answer = connection.getresponse()
            assert (answer.status, answer.read().decode()) == (200, name)


def users_of_events(api: ApiServer) -> list[tuple[str, str]]:
    """Return, for each event, whose it is and whose context it came with."""
    user = re.compile(rb"user-\d+-\d+")
    return [
        (user.findall(event.payload)[0].decode(), user.findall(batch.context)[0].decode())
        for batch in api.batches
        for event in batch.events
    ]


@pytest.mark.parametrize(
    ("server", "application", "kinds"),
    [
        pytest.param(
            "gunicorn", "flask_users", ["sync"], id="Flask", marks=needs("gunicorn", "flask")
        ),
        pytest.param(
            "uvicorn",
            "starlette_users",
            ["async", "sync"],
            id="Starlette",
            marks=needs("uvicorn", "starlette"),
        ),
    ],
)
def test_users_are_mixed_up_without_the_middleware_alone(
    api: ApiServer, tmp_path: Path, server: str, application: str, kinds: list[str]
) -> None:
    path = tmp_path / "socket"
    with listen(path) as listener:
        arguments = [text.format(fd=listener.fileno()) for text in SERVERS[server]]
        module = f"tests.programs.contrib.{application}:application"
        command = [sys.executable, "-m", server, *arguments, module]
        with running(tmp_path, *command, listener=listener, API=api.hostname) as process:
            mixed_up = {}
            for kind in [f"{way}/{kind}" for way in ("plain", "scoped") for kind in kinds]:
                api.requests.clear()
                with running_threads(*(partial(ask, path, kind, user) for user in range(USERS))):
                    pass
                assert get(path, "/deliver") == "True"
                events = users_of_events(api)
                assert len(events) == USERS * REQUESTS
                mixed_up[kind] = sum(event != context for event, context in events)
            output = stop(process)
    assert "Traceback" not in output
    assert all((count > 0) == kind.startswith("plain") for kind, count in mixed_up.items()), (
        mixed_up
    )
