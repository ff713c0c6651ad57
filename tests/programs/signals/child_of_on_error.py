"""Forks in ``on_error`` a child that says whether it blocks what its main thread did, no more."""

import os
import signal
import threading

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, UnserializableEvent
from tests.support.forks import reap


def on_error(*_error: object) -> None:
    child = os.fork()
    if child == 0:
        os._exit(signal.pthread_sigmask(signal.SIG_BLOCK, ()) != {signal.SIGUSR2})
    reap(child)
    told.set()


told = threading.Event()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
sdk = PaltabrainSdk(
    "localhost", "key", TextContext(), transport=InMemoryTransport(), on_error=on_error
)
sdk.track(UnserializableEvent())
assert told.wait(30)
