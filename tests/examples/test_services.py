"""Examples with a web server: many users at the same time, and the end of the server."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import pytest

from ..support.api_server import ApiServer
from ..support.examples import Event, arrived, commands, page_open, purchase
from ..support.scarce import needs
from ..support.servers import get, listen, running

USERS: Final = [f"user-{number}" for number in range(8)]
ORDERS: Final = {"tea": "3.50", "coffee": "4.20"}


def use(ask: Callable[..., str]) -> list[Event]:
    """Have all users open a page and order at the same time; return the events to expect."""
    with ThreadPoolExecutor(len(USERS)) as pool:
        for events in list(pool.map(partial(visit, ask), USERS)):
            assert len(events) == 1 + len(ORDERS)
    expected = [page_open(user, f"home-of-{user}") for user in USERS]
    expected += [purchase(user, *order) for user in USERS for order in ORDERS.items()]
    return sorted(expected, key=repr)


def visit(ask: Callable[..., str], user: str) -> list[str]:
    headers = {"X-User": user}
    answers = [ask(f"/pages/home-of-{user}", headers=headers)]
    for item, price in ORDERS.items():
        query = urlencode({"item": item, "price": price})
        answers.append(ask(f"/orders?{query}", method="POST", headers=headers))
    assert [json.loads(answer) for answer in answers] == [
        {"page": f"home-of-{user}"},
        *({"result": "PAID"} for _ in ORDERS),
    ]
    return answers


@pytest.mark.parametrize(
    ("example", "options", "listens", "end"),
    [
        pytest.param(
            "fastapi_service.py",
            [],
            ["--fd", "{fd}"],
            -signal.SIGTERM,
            marks=needs("fastapi", "uvicorn"),
        ),
        pytest.param(
            "fastapi_service.py",
            ["--workers", "2"],
            ["--fd", "{fd}"],
            0,
            marks=needs("fastapi", "uvicorn"),
        ),
        pytest.param(
            "flask_service.py", [], ["--bind", "fd://{fd}"], 0, marks=needs("flask", "gunicorn")
        ),
        pytest.param(
            "django_shop/__init__.py",
            [],
            ["--bind", "fd://{fd}"],
            0,
            marks=needs("django", "gunicorn"),
        ),
    ],
    ids=["FastAPI", "FastAPI, two workers", "Flask", "Django"],
)
def test_service(
    api: ApiServer, folder: Path, example: str, options: list[str], listens: list[str], end: int
) -> None:
    command, *_ = commands(folder / example)
    listener = listen(folder / "socket")
    listens = [text.format(fd=listener.fileno()) for text in listens]
    with running(folder, *command, *options, *listens, listener=listener) as process:
        expected = use(partial(get, folder / "socket"))
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == end, output
    assert arrived(api) == expected, output
    assert not [line for line in output.splitlines() if "Traceback" in line or "WARNING" in line]


@needs("django")
def test_django_while_it_is_developed(api: ApiServer, folder: Path) -> None:
    """Each event is sent at once, since the reloader may kill the process."""
    _, _, command = commands(folder / "django_shop" / "__init__.py")
    with socket.socket() as any_free:
        any_free.bind(("127.0.0.1", 0))
        port: int = any_free.getsockname()[1]
    with running(folder, *command, str(port)) as process:
        assert process.stdout is not None
        assert any("Quit the server" in line for line in process.stdout)
        expected = use(partial(get, port))
        received = 0
        while len(arrived(api)) < len(expected):
            received += 1
            api.wait_for(received)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert arrived(api) == expected
