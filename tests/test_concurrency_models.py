"""The real thing: gevent, asyncio, subinterpreters, and prefork servers."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support.answers import Answer, Received
from .support.api_server import ApiServer
from .support.events import TextEvent
from .support.scarce import needs
from .support.sdk import ROOT, MakeSdk, run_script, start_script


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
    run_script(
        """
from gevent import monkey
monkey.patch_all()
import gevent, sys
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

sdk = PaltabrainSdk(sys.argv[1], "key", TextContext(), flush_buffer_size=10, exit_timeout=30,
                    transport=sys.argv[2] or None)

def work(number):
    for event in range(100):
        sdk.track(TextEvent(f"{number}:{event}"))
        gevent.sleep(0)

sdk.track(TextEvent("hangs"))
sdk.flush()
gevent.joinall([gevent.spawn(work, number) for number in range(4)])
assert sdk.flush(timeout=30)
assert (sdk.stats().delivered, sdk.stats().retries) == (401, 0)
sdk.track(TextEvent("forgotten"))
""",
        api.hostname,
        transport,
    )
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
    run_script(
        """
from gevent import monkey
monkey.patch_all()
import gevent, os
from paltabrain_fast import InMemoryTransport, PaltabrainSdk, SendResult
from tests.support.events import TextContext, TextEvent

class Transport(InMemoryTransport):
    def send(self, request):
        super().send(request)
        return SendResult(200 if len(self.batches) > 1 else 503, retry_after=0.2)

transport = Transport()
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
sdk.track(TextEvent(""))
sdk.flush()
while not transport.batches:
    gevent.sleep()
child = os.fork()
if child == 0:
    gevent.sleep(0.5)  # longer than until the next attempt
    os._exit(len(transport.batches) != 1)
assert sdk.flush(timeout=30)
assert len(transport.batches) == 2
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert sdk.shutdown(timeout=30)
"""
    )


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


SUBINTERPRETERS = """
import sys
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    create = lambda: interpreters.create("legacy")  # in others, protobuf cannot be imported
else:
    import _xxsubinterpreters as interpreters
    create = lambda: interpreters.create(isolated=ISOLATED)

source = '''
import sys
sys.path.insert(0, ROOT)
from paltabrain_fast import InMemoryTransport, PaltabrainSdk, engine
from tests.support.events import TextContext, TextEvent
transport = InMemoryTransport()
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
sdk.track(TextEvent("x"))
assert sdk.flush(timeout=30)
assert sdk.shutdown(timeout=30)
print(engine, len(transport.batches), flush=True)
'''
exec(source)
interpreter = create()
failure = interpreters.run_string(interpreter, source)
assert failure is None, failure
interpreters.destroy(interpreter)
print("destroyed")
"""


ISOLATED = pytest.mark.parametrize(
    "isolated", [False] if sys.version_info >= (3, 13) else [False, True]
)


def run_in_subinterpreter(source: str, *, isolated: bool) -> list[str]:
    """Run it in the main interpreter, then in another; return the lines that were printed."""
    for name, value in ("ROOT", str(ROOT)), ("ISOLATED", isolated):
        source = source.replace(name, repr(value))
    done = start_script(source)
    assert done.returncode == 0, done.stderr
    assert "the native engine cannot be loaded" in done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout.splitlines()


@ISOLATED
def test_subinterpreter_works_on_the_reference_engine(isolated: bool) -> None:
    """The extension belongs to the interpreter that loads it first; the others are told so."""
    lines = run_in_subinterpreter(SUBINTERPRETERS, isolated=isolated)
    assert lines[:3] == ["native 1", "python 1", "destroyed"]


ENDED_BY_THE_DEADLINE = """
import threading, time

class Transport(InMemoryTransport):
    def send(self, request):
        threading.Event().wait(request.timeout + 0.03)  # as the system takes a little longer
        return SendResult(error=TimeoutError())

sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=Transport())
sdk.track(TextEvent("x"))
assert not sdk.shutdown(timeout=0.2)
"""


@ISOLATED
def test_subinterpreter_ends_after_a_shutdown_that_ran_into_its_deadline(isolated: bool) -> None:
    """With a thread that is about to end still there, the interpreter would abort the process."""
    source = SUBINTERPRETERS.replace("PaltabrainSdk, engine", "PaltabrainSdk, SendResult, engine")
    lines = run_in_subinterpreter(
        source.replace("print(engine", f"{ENDED_BY_THE_DEADLINE}print(engine"), isolated=isolated
    )
    assert lines[:3] == ["native 1", "python 1", "destroyed"]


@contextlib.contextmanager
def running(
    directory: Path, *command: str, listener: socket.socket | None = None, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """A server in a process group of its own, ended in the end; it inherits the listener."""
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=os.environ | environment | {"PYTHONPATH": f"{ROOT}:{directory}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        pass_fds=() if listener is None else (listener.fileno(),),
    )
    try:
        if listener is not None:
            listener.close()
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)


def stop(process: subprocess.Popen[str]) -> str:
    """Have it end in its own way, and return what it has said."""
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    return output


def listen(path: Path) -> socket.socket:
    """Make the socket of a server, so that one can ask it before it is there to answer."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


def get(path: Path, url: str) -> str:
    """Ask a server on a Unix socket."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(60)
    with contextlib.closing(connection):
        connection.sock.connect(str(path))
        connection.request("GET", url)
        return connection.getresponse().read().decode()


APPLICATION = """
import os
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

sdk = PaltabrainSdk(os.environ["API"], "key", TextContext(), flush_interval_ms=3_600_000,
                    start_session=True, exit_timeout=30,
                    flush_buffer_size=int(os.environ.get("FLUSH_SIZE", "100")))
sdk.track(TextEvent("loaded"))

def application(environ, start_response):
    sdk.track(TextEvent(environ["PATH_INFO"]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


@pytest.fixture
def application(tmp_path: Path, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("API", api.hostname)
    (tmp_path / "app.py").write_text(APPLICATION)
    return tmp_path


@needs("gunicorn")
def test_gunicorn_with_preload(api: ApiServer, application: Path) -> None:
    """The SDK is made in the master, the workers are its children."""
    path = application / "socket"
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "3", "app:application"]
    with (
        listen(path) as listener,
        running(
            application, *command, "--bind", f"fd://{listener.fileno()}", listener=listener
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
def test_uwsgi(api: ApiServer, application: Path) -> None:
    """The SDK is made, and has its first event, in the master; requests come in the workers."""
    arrived = threading.Semaphore(0)

    def note(_count: int, request: Received) -> Answer:
        for _ in request.batch.events:
            arrived.release()
        return Answer()

    api.answer = note
    path = application / "socket"
    command = [str(Path(sys.executable).parent / "uwsgi"), "--die-on-term", "--master"]
    command += ["--processes", "2", "--enable-threads", "--need-app"]
    command += ["--wsgi-file", "app.py", "--http-socket"]
    with (
        listen(path) as listener,
        running(
            application,
            *(*command, f"fd://{listener.fileno()}"),
            listener=listener,
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


WITHOUT_THREADS = """
import sys, threading, types
uwsgi = sys.modules["uwsgi"] = types.ModuleType("uwsgi")  # as older versions have it
uwsgi.opt = {"http-socket": b":8080"}
uwsgi.worker_id = (1).conjugate  # a function of C, as the real one is
import logging
logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout, level="ERROR")
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent

transport = InMemoryTransport()
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport, flush_buffer_size=1)
for _ in range(10):
    sdk.track(TextEvent())
assert threading.active_count() == 1
assert sdk.flush(timeout=30)
assert [len(batch.events) for batch in transport.batches] == [10]
assert sdk.shutdown(timeout=30)
"""


def test_uwsgi_without_threads_is_told_once_what_to_do() -> None:
    """No thread is started that would never run; ``flush`` with a timeout does all by itself."""
    (line,) = run_script(WITHOUT_THREADS).splitlines()
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
    run_script(
        """
import sys
sys.path.insert(0, sys.argv[1])
import uwsgi
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent

transport = InMemoryTransport()
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport)
sdk.track(TextEvent())
assert sdk._control._thread is not None
assert sdk.shutdown(timeout=30)
assert len(transport.batches) == 1
""",
        str(tmp_path),
    )


TASKS = """
import os
from celery import Celery
from celery.signals import worker_process_shutdown
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

app = Celery("tasks")
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={
        "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"
    },
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)
sdk = PaltabrainSdk(os.environ["API"], "key", TextContext(), flush_interval_ms=3_600_000)
sdk.track(TextEvent("loaded"))

@worker_process_shutdown.connect
def flush(**_):
    sdk.flush(timeout=30)

@app.task
def work(number):
    sdk.track(TextEvent(f"task {number}"))
"""


@needs("celery")
def test_celery_worker_with_one_task_per_child(
    api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its children end by ``os._exit``, after a signal in which one can flush."""
    monkeypatch.setenv("API", api.hostname)
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "queue").mkdir()
    (tmp_path / "control").mkdir()
    send = (
        "import tasks\nfor number in range(4):\n    tasks.work.delay(number)\ntasks.sdk.shutdown()"
    )
    subprocess.run(
        [sys.executable, "-c", send],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        check=True,
        timeout=60,
    )
    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--pool", "prefork"]
    command += ["--concurrency", "2", "--max-tasks-per-child", "1"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with running(tmp_path, *command) as worker:
        api.wait_for(1 + 4, deadline=90)  # that of the sender, and one of each task
        output = stop(worker)
    assert "Traceback" not in output
    assert received(api) == Counter(
        ["loaded", "loaded", *(f"task {number}" for number in range(4))]
    ), output
