"""Blocks signals while the threads of its SDK are at work, and waits for each of them.

``waits_for_signals HOSTNAME TRANSPORT``
"""

import os
import signal
import sys
import threading

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent, UnserializableEvent


def on_error(*_error: object) -> None:
    failed.set()
    assert done.wait(60)


failed, done = threading.Event(), threading.Event()
sdk = PaltabrainSdk(
    sys.argv[1],
    "key",
    TextContext(),
    transport="curl" if sys.argv[2] == "curl" else None,
    on_error=on_error,
    exit_timeout=30,
)
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
