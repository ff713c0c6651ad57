"""What the SDK itself calls does not feed it: logging handlers, transports, its threads."""

from __future__ import annotations

import logging
import threading

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast.transport import Request

from .support.api_server import ApiServer
from .support.events import TextEvent, UnserializableEvent
from .support.scarce import needs
from .support.sdk import MakeSdk, assert_balanced, await_delivery, run_script, texts

TRACKS_EACH_RECORD = """
import logging, sys, threading
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent, UnserializableEvent

class Tracking(logging.Handler):
    def emit(self, record):
        seen.append(record)
        sdk.track(TextEvent(record.name))

seen = []
sdk = PaltabrainSdk(sys.argv[1], "key", TextContext(), transport=sys.argv[2] or None,
                    flush_buffer_size=1)
logging.getLogger().addHandler(Tracking())
logging.getLogger().setLevel(logging.DEBUG)

logging.getLogger("app").info("a line of the application's")
for _ in range(3):
    assert sdk.flush(timeout=30)
assert sdk.stats().accepted == sdk.stats().delivered == 1, sdk.stats()

sdk.track(UnserializableEvent())  # our line comes in this thread
sdk.track(TextEvent("own"))
for _ in range(3):
    assert sdk.flush(timeout=30)
stats = sdk.stats()
assert stats.accepted == stats.delivered == 2, stats
warnings = [record for record in seen if "log line of the SDK" in record.getMessage()]
assert len(warnings) == 1
assert stats.dropped == {"serialization_error": 1, "reentrant": len(seen) - 1}, (stats, len(seen))
assert sdk.shutdown(timeout=30)
"""


@pytest.mark.parametrize("engine", ["native", "python"])
@pytest.mark.parametrize("transport", ["", pytest.param("curl", marks=needs("pycurl"))])
def test_root_handler_that_tracks_each_record_comes_to_rest(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, transport: str, engine: str
) -> None:
    monkeypatch.setenv("PALTABRAIN_SDK_ENGINE", engine)
    run_script(TRACKS_EACH_RECORD, api.hostname, transport)
    assert [text for batch in texts(api) for text in batch] == ["app", "own"]


def test_transport_that_tracks_each_request_comes_to_rest(make_sdk: MakeSdk) -> None:
    class Tracking(InMemoryTransport):
        def send(self, request: Request) -> SendResult:
            sdk.track(TextEvent("request"))
            return super().send(request)

    sdk = make_sdk(transport=Tracking(), flush_buffer_size=1)
    for number in range(3):
        sdk.track(TextEvent(str(number)))
    await_delivery(sdk, 3)
    assert sdk.flush(timeout=30)
    stats = sdk.stats()
    assert (stats.accepted, set(stats.dropped)) == (3, {"reentrant"})
    assert_balanced(sdk)


def test_on_error_may_track(make_sdk: MakeSdk) -> None:
    told = threading.Event()

    def on_error(*_error: object) -> None:
        sdk.track(TextEvent("told"))
        told.set()

    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, on_error=on_error)
    sdk.track(UnserializableEvent())
    assert told.wait(30)
    assert sdk.flush(timeout=30)
    assert texts(transport) == [["told"]]


def test_threads_that_log_at_the_same_time_track_nevertheless(
    make_sdk: MakeSdk,
) -> None:
    """A line of ours in one thread is no business of another's."""
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)
    inside, tracked = threading.Event(), threading.Event()

    class Waiting(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            inside.set()
            assert tracked.wait(30)

    handler = Waiting()
    sdk.logger.addHandler(handler)
    try:
        failing = threading.Thread(target=sdk.track, args=(UnserializableEvent(),))
        failing.start()
        assert inside.wait(30)
        sdk.track(TextEvent("meanwhile"))
    finally:
        tracked.set()
        failing.join(30)
        sdk.logger.removeHandler(handler)
    assert sdk.flush(timeout=30)
    assert texts(transport) == [["meanwhile"]]


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent, logging
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent, UnserializableEvent

class Switching(logging.Handler):
    def emit(self, record):
        sdk.track(TextEvent("fed"))
        gevent.sleep(0.01)
        sdk.track(TextEvent("fed"))

def work():
    while not failing.ready():
        sdk.track(TextEvent("not ours"))
        tracked.append(1)
        gevent.sleep(0)

tracked = []
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
for _ in range(2):
    sdk.track(TextEvent("not ours"))  # so that it is known
    tracked.append(1)
sdk.logger.addHandler(Switching())
failing = gevent.spawn(sdk.track, UnserializableEvent())
gevent.joinall([failing, *(gevent.spawn(work) for _ in range(2))], raise_error=True)
assert len(tracked) > 4
stats = sdk.stats()
assert stats.accepted == len(tracked), (stats, len(tracked))
assert stats.dropped["reentrant"] >= 2, stats
"""


@needs("gevent")
def test_greenlets_that_run_while_another_logs_track_nevertheless() -> None:
    run_script(GREENLETS)


FORK_IN_A_HANDLER = """
import logging, os, sys, threading
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.process import reentrancy
from tests.support.events import TextContext, TextEvent, UnserializableEvent

class Waiting(logging.Handler):
    def emit(self, record):
        inside.set()
        assert release.wait(30)

inside, release = threading.Event(), threading.Event()
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
sdk.logger.addHandler(Waiting())
failing = threading.Thread(target=sdk.track, args=(UnserializableEvent(),))
failing.start()
assert inside.wait(30)
child = os.fork()
if child == 0:
    os._exit(len(reentrancy._logging))
assert len(reentrancy._logging) == 1
release.set()
failing.join()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_child_forgets_which_threads_of_the_parent_were_logging() -> None:
    """Its own threads may get their identities, and would be taken for them."""
    run_script(FORK_IN_A_HANDLER)


INTERRUPTED = """
import logging, sys
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from paltabrain_fast.process import reentrancy
from paltabrain_fast.process.log import log_line
from tests.support.events import TextContext, TextEvent

class Interruption:
    def __init__(self, place):
        self.left = place

    def __call__(self, frame, event, function):
        if event in ("call", "c_return"):
            self.left -= 1
            if self.left == 0:
                sys.setprofile(None)
                raise KeyboardInterrupt

class Logger:
    def info(self, *arguments, exc_info):
        pass

sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
place, caught = 0, []
while True:
    place += 1
    interruption = Interruption(place)
    try:
        sys.setprofile(interruption)
        try:
            log_line(logging.INFO, "x", to=Logger())
        finally:
            sys.setprofile(None)
    except KeyboardInterrupt as error:
        caught.append(error)  # with its traceback, as who prints it may
    assert not reentrancy.is_inside(), place
    sdk.track(TextEvent("x"))
    if interruption.left > 0:
        break
assert place > 10
assert sdk.shutdown(timeout=30)
assert sdk.stats().delivered == place, sdk.stats()
"""


def test_exception_anywhere_in_a_log_line_ends_it() -> None:
    """All that is tracked later would be taken for the SDK's own doing."""
    run_script(INTERRUPTED)
