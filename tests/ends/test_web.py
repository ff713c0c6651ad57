"""Web servers that are stopped, reloaded or replaced: how many of ten events are delivered.

The SDK's own interval is an hour, so that only the end of the process can have delivered them. Each
row is measured without any line for it, and with the line of the documentation where events are
lost without one.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from ..support.answers import Answer, Received
from ..support.api_server import ApiServer
from ..support.programs import PROGRAMS
from ..support.scarce import lacks
from ..support.servers import get, listen, running

TRACKED: Final = 10
AT_ONCE: Final = 4
"""How many servers run at the same time."""


class Arrivals:
    """How many events of each row the API has received."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._changed = threading.Condition()

    def note(self, _count: int, request: Received) -> Answer:
        with self._changed:
            for event in request.batch.events:
                self._counts[event.payload.decode().rpartition("/")[0]] += 1
            self._changed.notify_all()
        return Answer()

    def of(self, row: str) -> int:
        with self._changed:
            return self._counts[row]

    def wait_for_all_of(self, row: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._counts[row] == TRACKED, 30), row


@dataclass(frozen=True)
class Server:
    """A server that has answered all requests.

    Attributes:
        worker: the number of a process that has answered.
        directory: where its application is.
        await_arrivals: waits until all events have arrived.
    """

    process: subprocess.Popen[str]
    worker: int
    directory: Path
    await_arrivals: Callable[[], None]


End = Callable[[Server], None]


def signalled(number: signal.Signals) -> End:
    """Signal the process that was started, as ``kill``, systemd and docker do."""

    def end(server: Server) -> None:
        server.process.send_signal(number)
        server.process.communicate(timeout=90)

    return end


def ctrl_c(server: Server) -> None:
    """Interrupt the process and its children, as a terminal does."""
    os.killpg(server.process.pid, signal.SIGINT)
    server.process.communicate(timeout=90)


def sent_before(end: End) -> End:
    """End the server when all events have been sent."""

    def await_and_end(server: Server) -> None:
        server.await_arrivals()
        end(server)

    return await_and_end


def _await_end_of(process: int, cause: Callable[[], object], times: int = 1) -> None:
    """Wait for the end of a process; do again what is to cause it, if it may not be noticed."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:  # it has ended already
        return
    try:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        for _ in range(times):
            cause()
            if ended.poll(90_000 // times):
                return
        raise AssertionError(f"process {process} has not ended")
    finally:
        os.close(descriptor)


def hung_up(server: Server) -> None:
    """Have gunicorn replace its workers."""
    _await_end_of(server.worker, lambda: server.process.send_signal(signal.SIGHUP))


def exhausted(server: Server) -> None:
    """Wait until a worker has ended that has answered as many requests as it may."""
    _await_end_of(server.worker, lambda: None)


def touched(server: Server) -> None:
    """Change the files of the application, as far as a reloader can tell."""

    def touch() -> None:
        for path in server.directory.glob("*.py"):
            later = path.stat().st_mtime + 10
            os.utime(path, (later, later))

    # a reloader that has not looked at the files yet notices no change
    _await_end_of(server.worker, touch, times=18)


@dataclass(frozen=True)
class Row:
    """A server and the way in which it ends.

    Attributes:
        command: what comes after ``python -m``; ``{fd}`` is its listener.
        packages: what it takes.
        end: ends the process whose events are counted.
        without_line: how many events are delivered without any line for it; ``None``: no number
            that could be relied on.
        line: what the application or its settings do about it.
        end_with_line: ends it in that case.
    """

    command: str
    packages: tuple[str, ...]
    end: End
    without_line: int | None = TRACKED
    line: str = ""
    end_with_line: End | None = None


LIFESPAN: Final = "LifespanMiddleware"
INTERVAL: Final = "flush_interval_ms"
APP: Final = "INSTALLED_APPS"
SIGTERM: Final = "flush_on_sigterm"


def uvicorn(options: str, end: End, without_line: int = 0) -> Row:
    line = "" if without_line else LIFESPAN
    command = f"uvicorn --fd {{fd}} {options} asgi:application"
    return Row(command, ("uvicorn", "starlette"), end, without_line, line)


def gunicorn(worker: str, options: str, end: End) -> Row:
    packages = ("gunicorn", "flask", *(["gevent"] if worker == "gevent" else []))
    return Row(
        f"gunicorn --bind fd://{{fd}} --worker-class {worker} {options} wsgi:application",
        packages,
        end,
    )


def uvicorn_worker(options: str, end: End, without_line: int = 0, line: str = LIFESPAN) -> Row:
    worker = "uvicorn_worker.UvicornWorker"
    return Row(
        f"gunicorn --bind fd://{{fd}} --worker-class {worker} {options} asgi:application",
        ("gunicorn", "uvicorn", "uvicorn-worker", "starlette"),
        end,
        without_line,
        "" if without_line else line,
    )


def flask(options: str, end: End, without_line: int | None = TRACKED) -> Row:
    line = "" if without_line else INTERVAL
    command = f"flask --app wsgi:application run --port 0 {options}"
    return Row(command, ("flask",), end, without_line, line, sent_before(end))


def django(options: str, end: End, without_line: int | None = TRACKED) -> Row:
    line = "" if without_line else APP
    command = f"django runserver {options} 127.0.0.1:0"
    return Row(command, ("django",), end, without_line, line, sent_before(end))


TERM: Final = signalled(signal.SIGTERM)
ROWS: Final = {
    "uvicorn, SIGTERM": uvicorn("", TERM),
    "uvicorn, SIGINT": uvicorn("", signalled(signal.SIGINT), TRACKED),
    "uvicorn --workers 2, SIGTERM": uvicorn("--workers 2", TERM),
    "uvicorn --workers 2, SIGINT": uvicorn("--workers 2", signalled(signal.SIGINT)),
    "uvicorn --limit-max-requests": uvicorn(f"--limit-max-requests {TRACKED}", exhausted, TRACKED),
    "uvicorn --reload, a file changes": uvicorn("--reload", touched),
    "uvicorn --reload, Ctrl-C": uvicorn("--reload", ctrl_c),
    "uvicorn, Django, SIGTERM": Row(
        "uvicorn --fd {fd} django_asgi:application",
        ("uvicorn", "django"),
        TERM,
        without_line=0,
        line=LIFESPAN,
    ),
    **{
        f"gunicorn {worker}, {name}": gunicorn(worker, options, end)
        for worker in ("sync", "gthread", "gevent")
        for name, options, end in [
            ("SIGTERM", "", TERM),
            ("SIGQUIT", "", signalled(signal.SIGQUIT)),
            ("Ctrl-C", "", ctrl_c),
            ("SIGHUP", "", hung_up),
            ("--max-requests", f"--max-requests {TRACKED}", exhausted),
            ("--preload, SIGTERM", "--preload", TERM),
        ]
    },
    # Its worker may hang for ever, where SIGINT of the terminal and SIGQUIT of the master meet in
    # its signal handler, and is killed in the end.
    "gunicorn gthread, Ctrl-C": replace(
        gunicorn("gthread", "--graceful-timeout 3", ctrl_c), without_line=None, line=INTERVAL
    ),
    "gunicorn asgi, SIGTERM": Row(
        "gunicorn --bind fd://{fd} --worker-class asgi asgi:application",
        ("gunicorn", "starlette"),
        TERM,
    ),
    "gunicorn uvicorn, SIGTERM": uvicorn_worker("", TERM),
    "gunicorn uvicorn, Ctrl-C": uvicorn_worker("", ctrl_c),
    "gunicorn uvicorn, SIGHUP": uvicorn_worker("", hung_up),
    "gunicorn uvicorn, --preload, SIGTERM": uvicorn_worker("--preload", TERM),
    "gunicorn uvicorn, --max-requests": uvicorn_worker(
        f"--max-requests {TRACKED}", exhausted, TRACKED
    ),
    # the worker goes on until it is killed
    "gunicorn uvicorn, SIGQUIT": uvicorn_worker(
        "--graceful-timeout 3", signalled(signal.SIGQUIT), line=INTERVAL
    ),
    "flask run, Ctrl-C": flask("", ctrl_c),
    "flask run, SIGTERM": replace(flask("", TERM, 0), line=SIGTERM, end_with_line=None),
    "flask run --reload, a file changes": flask("--reload", touched),
    # the reloader kills its child after a quarter of a second
    "flask run --reload, Ctrl-C": flask("--reload", ctrl_c, None),
    "flask run --reload, SIGTERM": flask("--reload", TERM, 0),
    "runserver, a file changes": django("", touched),
    "runserver, Ctrl-C": django("", ctrl_c, None),
    "runserver, SIGTERM": django("", TERM, 0),
    "runserver --noreload, Ctrl-C": django("--noreload", ctrl_c),
    "runserver --noreload, SIGTERM": replace(
        django("--noreload", TERM, 0), line=SIGTERM, end_with_line=None
    ),
}


@dataclass(frozen=True)
class Run:
    """One measurement of a row, without its line or with it."""

    name: str
    line: str

    def __str__(self) -> str:
        return f"{self.name}{' with ' if self.line else ''}{self.line}"

    @property
    def row(self) -> Row:
        return ROWS[self.name]

    def delivered(self, api: ApiServer, arrivals: Arrivals, directory: Path) -> int:
        """Start the server, have it track, end it; return how many events have arrived."""
        for program in (PROGRAMS / "ends_web").glob("*.py"):
            shutil.copy(program, directory)
        path = directory / "socket"
        end = (self.row.end_with_line if self.line else None) or self.row.end
        with listen(path) as listener:
            command = self.row.command.format(fd=listener.fileno()).split()
            has_listener = "{fd}" in self.row.command
            with running(
                directory,
                *(sys.executable, "-m", *command),
                listener=listener if has_listener else None,
                API=f"http://{api.hostname}",
                ROW=str(self),
                LINE=self.line,
                HOME=str(directory),  # where gunicorn has its control socket
                PYTHONUNBUFFERED="1",
                DJANGO_SETTINGS_MODULE="django_site",
            ) as process:
                address = path if has_listener else port_told_by(process)
                workers = [get(address, f"/{number}") for number in range(TRACKED)]
                assert workers[-1].isdigit(), workers
                await_arrivals = partial(arrivals.wait_for_all_of, str(self))
                end(Server(process, int(workers[-1]), directory, await_arrivals))
        return arrivals.of(str(self))


def port_told_by(process: subprocess.Popen[str]) -> int:
    """Read what a server says until it says at which port it is."""
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if told := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            return int(told[1])
    pytest.fail(f"the server has ended: {said}")


RUNS: Final = [
    pytest.param(
        Run(name, line),
        id=str(Run(name, line)),
        marks=pytest.mark.skipif(
            bool(missing := lacks(*row.packages)), reason=f"there is no {' and no '.join(missing)}"
        ),
    )
    for name, row in ROWS.items()
    for line in (
        *([""] if row.without_line is not None else []),
        *([row.line] if row.line else []),
    )
]


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Run, Future[int]]]:
    """The rows of all tests of this module that are to run, several servers at a time."""
    items = [item for item in request.session.items if item.path == request.path]
    parameters = [item.callspec.params for item in items if isinstance(item, pytest.Function)]
    runs = [run for values in parameters if isinstance(run := values.get("run"), Run)]
    arrivals = Arrivals()
    api = ApiServer(None)
    api.answer = arrivals.note
    with api.serving(), ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            run: pool.submit(run.delivered, api, arrivals, tmp_path_factory.mktemp("server"))
            for run in runs
            if not lacks(*run.row.packages)
        }


@pytest.mark.parametrize("run", RUNS)
def test_events_delivered_of_ten(run: Run, outcomes: dict[Run, Future[int]]) -> None:
    expected = TRACKED if run.line else run.row.without_line
    assert outcomes[run].result() == expected
