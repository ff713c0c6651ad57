"""The real thing: gevent, asyncio, subinterpreters, and prefork servers."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from .support.answers import Answer, Received
from .support.api_server import ApiServer
from .support.events import TextEvent
from .support.programs import run_program, start_program
from .support.scarce import needs
from .support.sdk import MakeSdk
from .support.servers import get, listen, running, stop

APPLICATION = "tests.programs.servers.wsgi"


def received(api: ApiServer) -> Counter[str]:
    return Counter(event.payload.decode() for batch in api.batches for event in batch.events)


@needs("gevent")
@pytest.mark.parametrize("transport", ["", pytest.param("curl", marks=needs("pycurl"))])
def test_gevent_patched_first(api: ApiServer, transport: str) -> None:
    """It delivers, and a request that hangs holds up nothing."""
    second = threading.Event()

    def answer(count: int, _request: Received) -> Answer:
        if count:
            second.set()
        return Answer(release=second)

    api.answer = answer
    run_program("gevent_services/patched_first", api.hostname, transport)
    assert received(api) == Counter(
        [
            "hangs",
            "forgotten",
            *(f"{number}:{event}" for number in range(4) for event in range(100)),
        ]
    )


@needs("gevent")
def test_gevent_forks_greenlets_as_well() -> None:
    """Those of the parent's that wait for a retry make it in the parent alone."""
    run_program("gevent_services/forks")


@pytest.mark.parametrize("transport", [None, pytest.param("curl", marks=needs("pycurl"))])
@pytest.mark.parametrize("overflow", ["drop_new", "drop_old"])
def test_event_loop_is_never_held_up_by_delivery(
    api: ApiServer, make_sdk: MakeSdk, overflow: str, transport: str | None
) -> None:
    """No request is answered before the loop has gone on tracking, into a buffer that is full."""
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(
        api.hostname,
        transport=transport,
        overflow=overflow,
        buffer_bytes=65_536,
        flush_buffer_size=10,
        max_in_flight=2,
        request_timeout=600,
    )
    turns = 0

    async def work() -> None:
        while not (api.received and "queue_full" in sdk.stats().dropped):
            sdk.track(TextEvent("x" * 1000))
            await asyncio.sleep(0)
        full = turns
        while turns < full + 1000:
            sdk.track(TextEvent("x" * 1000))
            await asyncio.sleep(0)

    async def other_work(working: asyncio.Task[None]) -> None:
        nonlocal turns
        while not working.done():
            turns += 1
            await asyncio.sleep(0)

    async def both() -> None:
        working = asyncio.create_task(work())
        await other_work(working)
        await working

    loop = threading.Thread(target=lambda: asyncio.run(both()), daemon=True)
    try:
        loop.start()
        loop.join(60)
        assert not loop.is_alive()
        assert sdk.stats().delivered == 0
    finally:
        release.set()
    assert sdk.flush(timeout=30)
    stats = sdk.stats()
    assert sum(received(api).values()) == stats.delivered
    assert stats.delivered + stats.dropped_after_acceptance == stats.accepted


ISOLATED = pytest.mark.parametrize(
    "isolated", [False] if sys.version_info >= (3, 13) else [False, True]
)


def run_in_subinterpreter(*services: str, isolated: bool) -> list[str]:
    """Run them in the main interpreter, then in another; return the lines that were printed."""
    kind = "isolated" if isolated else "legacy"
    done = start_program("subinterpreters/run", kind, *services)
    assert done.returncode == 0, done.stderr
    assert "the native engine cannot be loaded" in done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout.splitlines()


@ISOLATED
def test_subinterpreter_works_on_the_reference_engine(isolated: bool) -> None:
    """The extension belongs to the interpreter that loads it first; the others are told so."""
    lines = run_in_subinterpreter("service", isolated=isolated)
    assert lines[:3] == ["native 1", "python 1", "destroyed"]


@ISOLATED
def test_subinterpreter_ends_after_a_shutdown_that_ran_into_its_deadline(isolated: bool) -> None:
    """With a thread that is about to end still there, the interpreter would abort the process."""
    lines = run_in_subinterpreter("given_up", "service", isolated=isolated)
    assert lines[:3] == ["native 1", "python 1", "destroyed"]


@needs("gunicorn")
def test_gunicorn_with_preload(api: ApiServer, tmp_path: Path) -> None:
    """The SDK is made in the master, the workers are its children."""
    path = tmp_path / "socket"
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "3"]
    with (
        listen(path) as listener,
        running(
            tmp_path,
            *(*command, f"{APPLICATION}:application", "--bind", f"fd://{listener.fileno()}"),
            listener=listener,
            API=api.hostname,
        ) as server,
    ):
        workers = {get(path, f"/{number}") for number in range(50)}
        output = stop(server)
        assert server.returncode == 0, output
    assert "Traceback" not in output
    assert received(api) == Counter(["loaded", *(f"/{number}" for number in range(50))])
    sessions = {event.common.session_id for batch in api.batches for event in batch.events}
    assert len(sessions) == len(workers) + 1


@needs("uwsgi")
def test_uwsgi(api: ApiServer, tmp_path: Path) -> None:
    """The SDK is made, and has its first event, in the master; requests come in the workers."""
    arrived = threading.Semaphore(0)

    def note(_count: int, request: Received) -> Answer:
        for _ in request.batch.events:
            arrived.release()
        return Answer()

    api.answer = note
    path = tmp_path / "socket"
    command = [str(Path(sys.executable).parent / "uwsgi"), "--die-on-term", "--master"]
    command += ["--processes", "2", "--enable-threads", "--need-app"]
    command += ["--module", APPLICATION, "--http-socket"]
    with (
        listen(path) as listener,
        running(
            tmp_path,
            *(*command, f"fd://{listener.fileno()}"),
            listener=listener,
            API=api.hostname,
            FLUSH_SIZE="1",
        ) as server,
    ):
        for number in range(20):
            get(path, f"/{number}")
        assert all(arrived.acquire(timeout=60) for _ in range(20)), received(api)
        output = stop(server)
    assert "Traceback" not in output
    events = received(api)
    events.pop("loaded", None)  # which the master sends when it ends, if uWSGI lets it
    assert events == Counter(f"/{number}" for number in range(20)), output


def test_uwsgi_without_threads_is_told_once_what_to_do() -> None:
    """No thread is started that would never run; ``flush`` with a timeout does all by itself."""
    (line,) = run_program("uwsgi/without_threads").splitlines()
    assert line.startswith("ERROR uWSGI runs without threads")
    assert "enable-threads" in line


@pytest.mark.parametrize(
    "source",
    [
        "",
        "workers = 4",
        "worker_id = None\nopt = {}",
        "def worker_id():\n    raise RuntimeError('not running under uWSGI')\n\nopt = {}",
        "import os\nworker_id = os.getpid\nhas_threads = False",
        "def __getattr__(name):\n    raise RuntimeError('not running under uWSGI')",
    ],
)
def test_module_that_only_has_the_name_of_uwsgis_own(tmp_path: Path, source: str) -> None:
    """A module of the user's, or a package of stubs, says nothing of threads."""
    (tmp_path / "uwsgi.py").write_text(source)
    run_program("uwsgi/namesake", str(tmp_path))
