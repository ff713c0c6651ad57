"""gevent, patched early or late: no greenlet waits for a thread, and nothing is lost."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .support.answers import Answer, Received
from .support.api_server import ApiServer
from .support.programs import run_program
from .support.scarce import needs
from .support.servers import get, listen, running, stop
from .test_concurrency_models import received

APPLICATION = "tests.programs.servers.wsgi_flushed_at_load"
TRANSPORTS = pytest.mark.parametrize("transport", ["", pytest.param("curl", marks=needs("pycurl"))])


@TRANSPORTS
@pytest.mark.parametrize(
    "moment", ["first", "import", "construction", "first event", "first request"]
)
def test_patched_at_any_moment(api: ApiServer, moment: str, transport: str) -> None:
    """All arrives, the last at exit; the first is answered only when others have come."""
    second = threading.Event()

    def answer(count: int, _request: Received) -> Answer:
        if count:
            second.set()
        return Answer(release=second)

    api.answer = answer
    run_program("gevent_services/patched_late", api.hostname, transport, moment)
    events = [f"{number}:{event}" for number in range(4) for event in range(50)]
    assert received(api) == Counter(["hangs", "forgotten", *events])


@TRANSPORTS
@pytest.mark.parametrize("moment", ["early", "late"])
def test_first_request_is_made_at_exit(api: ApiServer, moment: str, transport: str) -> None:
    """When the interpreter starts no threads any more: gevent's resolver would want one."""
    run_program("gevent_services/first_request_at_exit", api.hostname, transport, moment)
    assert received(api) == Counter(["forgotten"])


@pytest.mark.parametrize("moment", ["early", "late"])
@pytest.mark.parametrize("wait", ["flush", "shutdown", "track"])
def test_other_greenlets_run_while_one_waits(wait: str, moment: str) -> None:
    """One of them lets the transport go on."""
    run_program("gevent_services/waiting_greenlets", moment, wait)


def test_our_threads_do_not_poll_once_a_callback_has_made_a_hub() -> None:
    """A thread that waits for work would wake a hundred times a second."""
    run_program("gevent_services/hub_of_a_callback", loses=True)


@needs("gevent")
def test_threads_that_gevent_has_found_are_waited_for_as_others() -> None:
    """It replaces what joins them, by what needs an event loop and knows no timeout of 0 s."""
    run_program("gevent_services/shutdown_of_patched_threads", loses=True)


@TRANSPORTS
@pytest.mark.parametrize("preload", [False, True])
def test_gunicorn_worker(
    api: ApiServer,
    tmp_path: Path,
    preload: bool,
    transport: str,
) -> None:
    """Its workers patch when they are forked: after the SDK was made, if it is preloaded."""
    path = tmp_path / "socket"
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "--workers", "2"]
    command += ["--preload"] if preload else []
    urls = [f"/{number}" for number in range(50)]
    with (
        listen(path) as listener,
        running(
            tmp_path,
            *(*command, f"{APPLICATION}:application", "--bind", f"fd://{listener.fileno()}"),
            listener=listener,
            API=api.hostname,
            TRANSPORT=transport,
            FLUSH_AT="0",
        ) as server,
    ):
        with ThreadPoolExecutor(10) as clients:
            workers = set(clients.map(lambda url: get(path, url), urls))
        while len(workers) < 2:  # one that is told to stop before it is there would not hear it
            workers.add(get(path, "/again"))
        output = stop(server)
        assert server.returncode == 0, output
    assert all(worker.isdigit() for worker in workers), (workers, output)
    events = received(api)
    assert events.pop("loaded") >= 1
    del events["/again"]
    assert events == Counter(urls), output
