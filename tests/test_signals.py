"""The SDK's threads take no signals: who blocks one and waits for it gets it."""

from __future__ import annotations

import pytest

from .support.api_server import ApiServer
from .support.scarce import needs
from .support.sdk import run_script

SIGWAIT = """
import os, signal, sys, threading
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent, UnserializableEvent

def on_error(*_error):
    failed.set()
    assert done.wait(60)

failed, done = threading.Event(), threading.Event()
sdk = PaltabrainSdk(sys.argv[1], "key", TextContext(), transport=sys.argv[2] or None,
                    on_error=on_error, exit_timeout=30)
before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
sdk.track(TextEvent("x"))
assert sdk.flush(timeout=30)
sdk.track(UnserializableEvent())
assert failed.wait(30)
assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
assert threading.active_count() > 2

waited = {signal.SIGTERM, signal.SIGUSR1, signal.SIGRTMIN}
signal.pthread_sigmask(signal.SIG_BLOCK, waited)
for number in waited:
    os.kill(os.getpid(), number)
    assert signal.sigwait([number]) == number
done.set()
"""


@pytest.mark.parametrize("transport", ["", pytest.param("curl", marks=needs("pycurl"))])
def test_signal_that_the_main_thread_waits_for_is_not_taken(api: ApiServer, transport: str) -> None:
    """It would end the process otherwise, as a thread that does not block it takes it."""
    run_script(SIGWAIT, api.hostname, transport)


START = """
import signal, sys
from paltabrain_fast.process.threads import Thread

class Interruption:
    def __init__(self, place):
        self.left = place

    def __call__(self, frame, event, function):
        if event in ("call", "c_return"):
            self.left -= 1
            if self.left == 0:
                sys.setprofile(None)
                raise KeyboardInterrupt

before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
before.add(signal.SIGUSR2)
place = 0
while True:
    place += 1
    thread = Thread("test", lambda: None)
    interruption = Interruption(place)
    try:
        sys.setprofile(interruption)
        try:
            thread.start()
        finally:
            sys.setprofile(None)
    except KeyboardInterrupt:
        pass
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before, place
    if interruption.left > 0:
        break
assert place > 5
"""


def test_exception_anywhere_in_a_start_leaves_no_signal_blocked() -> None:
    """Such as one of a handler, for a signal that another thread has taken."""
    run_script(START)


FORK = """
import os, signal, threading
from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, UnserializableEvent

def on_error(*_error):
    child = os.fork()
    if child == 0:
        os._exit(signal.pthread_sigmask(signal.SIG_BLOCK, ()) != {signal.SIGUSR2})
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    told.set()

codes, told = [], threading.Event()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport(),
                    on_error=on_error)
sdk.track(UnserializableEvent())
assert told.wait(30)
assert codes == [0]
"""


def test_child_that_on_error_forks_takes_signals_again() -> None:
    """As the application's own threads do, not as the one that has forked it."""
    run_script(FORK)
