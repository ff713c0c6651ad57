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
from .support.scarce import needs
from .support.sdk import run_script
from .test_concurrency_models import get, listen, received, running, stop

TRANSPORTS = pytest.mark.parametrize("transport", ["", pytest.param("curl", marks=needs("pycurl"))])

PATCHED_LATE = """
import sys, warnings
hostname, transport, moment = sys.argv[1:]

def reached(name):
    if name == moment:
        with warnings.catch_warnings(action="ignore"):
            from gevent import monkey
            monkey.patch_all()

reached("first")
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent
reached("import")
sdk = PaltabrainSdk(hostname, "key", TextContext(), flush_buffer_size=10, exit_timeout=30,
                    transport=transport or None)
reached("construction")
sdk.track(TextEvent("hangs"))
reached("first event")
sdk.flush()
reached("first request")

import gevent
from gevent.hub import Hub

def work(number):
    for event in range(50):
        sdk.track(TextEvent(f"{number}:{event}"))
        gevent.sleep(0)

gevent.joinall([gevent.spawn(work, number) for number in range(4)], raise_error=True)
flushing = [gevent.spawn(sdk.flush, timeout=30) for _ in range(2)]
gevent.joinall(flushing)
assert all(greenlet.value for greenlet in flushing), sdk.last_request_error
assert (sdk.stats().delivered, sdk.stats().retries) == (201, 0)
import gc
assert sum(isinstance(found, Hub) for found in gc.get_objects()) == 1  # none in our threads
sdk.track(TextEvent("forgotten"))
"""


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
    run_script(PATCHED_LATE, api.hostname, transport, moment)
    events = [f"{number}:{event}" for number in range(4) for event in range(50)]
    assert received(api) == Counter(["hangs", "forgotten", *events])


FORGOTTEN = """
import sys, warnings
warnings.simplefilter("ignore")
hostname, transport, moment = sys.argv[1:]
from gevent import monkey
if moment == "early":
    monkey.patch_all()
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent
sdk = PaltabrainSdk(hostname, "key", TextContext(), exit_timeout=30, transport=transport or None)
sdk.track(TextEvent("forgotten"))
monkey.patch_all()
"""


@TRANSPORTS
@pytest.mark.parametrize("moment", ["early", "late"])
def test_first_request_is_made_at_exit(api: ApiServer, moment: str, transport: str) -> None:
    """When the interpreter starts no threads any more: gevent's resolver would want one."""
    run_script(FORGOTTEN, api.hostname, transport, moment)
    assert received(api) == Counter(["forgotten"])


WAITING = """
import sys, warnings
warnings.simplefilter("ignore")
moment, wait = sys.argv[1:]
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent

if moment == "early":
    from gevent import monkey
    monkey.patch_all()
import _thread, gevent
from gevent import monkey

answered = monkey.get_original("_thread", "allocate_lock")()
answered.acquire()

class Transport(InMemoryTransport):
    def send(self, request):
        with answered:
            return super().send(request)

sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=Transport(), overflow="block",
                    block_timeout_ms=30_000, buffer_bytes=65_536, flush_buffer_size=1,
                    max_in_flight=1)
sdk.track(TextEvent("x"))
monkey.patch_all()
sdk.flush()

def fill():
    for _ in range(100):
        sdk.track(TextEvent("x" * 1000))
    return not sdk.stats().dropped

calls = {"flush": lambda: sdk.flush(timeout=30), "shutdown": lambda: sdk.shutdown(timeout=30),
         "track": fill}
waiting = [gevent.spawn(calls[wait]) for _ in range(2)]
gevent.sleep(0.05)
assert not any(greenlet.ready() for greenlet in waiting)
answered.release()
gevent.joinall(waiting)
assert [greenlet.value for greenlet in waiting] == [True, True]
"""


@pytest.mark.parametrize("moment", ["early", "late"])
@pytest.mark.parametrize("wait", ["flush", "shutdown", "track"])
def test_other_greenlets_run_while_one_waits(wait: str, moment: str) -> None:
    """One of them lets the transport go on."""
    run_script(WAITING, moment, wait)


HUB_OF_OURS = """
import warnings
warnings.simplefilter("ignore")
from gevent import monkey
monkey.patch_all()
import gevent, time
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.process import locks, threads
from tests.support.events import TextContext, UnserializableEvent

def on_error(*_error):
    time.sleep(0)  # which is gevent's
    hubs.append(gevent._hub_local.get_hub_if_exists())
    held = locks.Lock()
    held.acquire()
    assert not locks.acquire(held, 0.01)

slept, hubs = [], []
sleep = gevent.sleep

def watched(seconds=0):
    slept.append(threads.current_thread() is not None)
    sleep(seconds)

gevent.sleep = watched
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport(),
                    on_error=on_error)
sdk.track(UnserializableEvent())
assert sdk.shutdown(timeout=30)
assert hubs and hubs[0] is not None
assert True not in slept, slept
"""


def test_our_threads_do_not_poll_once_a_callback_has_made_a_hub() -> None:
    """A thread that waits for work would wake a hundred times a second."""
    run_script(HUB_OF_OURS)


JOINED = """
import warnings
warnings.simplefilter("ignore")
from paltabrain_fast.process import locks, threads
from paltabrain_fast.process.clock import monotonic

held = locks.Lock()
held.acquire()
thread = threads.Thread("held", held.acquire)
thread.start()
while thread.ident is None:
    pass
from gevent import monkey
monkey.patch_all()
assert "join" in vars(thread)  # one of gevent's
import gevent, gevent.hub
from gevent._hub_local import get_hub_if_exists

def wait():
    try:
        for seconds in (0.01, 0.0):
            thread.wait(monotonic() + seconds)
        hubs.append(get_hub_if_exists())
    finally:
        waited.release()

hubs, waited = [], locks.Lock()
waited.acquire()
threads.Thread("waiting", wait).start()
assert waited.acquire(timeout=30)
assert hubs == [None]
thread.wait(monotonic() + 0.01)  # in this thread as well
thread.wait(monotonic())
assert thread.is_alive()
held.release()
thread.wait(None)
assert not thread.is_alive()
"""


def test_threads_that_gevent_has_found_are_waited_for_as_others() -> None:
    """It replaces what joins them, by what needs an event loop and knows no timeout of 0 s."""
    run_script(JOINED)


APPLICATION = """
import os
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

sdk = PaltabrainSdk(os.environ["API"], "key", TextContext(), flush_buffer_size=5, exit_timeout=30,
                    transport=os.environ["TRANSPORT"] or None)
sdk.track(TextEvent("loaded"))
sdk.flush(timeout=30)

def application(environ, start_response):
    sdk.track(TextEvent(environ["PATH_INFO"]))
    if environ["PATH_INFO"].endswith("0"):
        assert sdk.flush(timeout=30)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


@TRANSPORTS
@pytest.mark.parametrize("preload", [False, True])
def test_gunicorn_worker(
    api: ApiServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    preload: bool,
    transport: str,
) -> None:
    """Its workers patch when they are forked: after the SDK was made, if it is preloaded."""
    monkeypatch.setenv("API", api.hostname)
    monkeypatch.setenv("TRANSPORT", transport)
    (tmp_path / "app.py").write_text(APPLICATION)
    path = tmp_path / "socket"
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "--workers", "2"]
    command += ["--preload"] if preload else []
    urls = [f"/{number}" for number in range(50)]
    with (
        listen(path) as listener,
        running(
            tmp_path,
            *(*command, "app:application", "--bind", f"fd://{listener.fileno()}"),
            listener=listener,
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
