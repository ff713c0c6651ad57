"""Forks while another thread is in a log call of the SDK's, and tracks in one with its identity."""

import logging
import os
import platform
import threading

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent, UnserializableEvent
from tests.support.forks import end_child


class Waiting(logging.Handler):
    def emit(self, _record: logging.LogRecord) -> None:
        inside.set()
        assert release.wait(30)


def track_as(identity: int | None) -> None:
    if threading.get_ident() == identity:
        sdk.track(TextEvent())
        tracked.set()
    tried.release()
    enough.wait(30)


inside, release = threading.Event(), threading.Event()
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
sdk.track(TextEvent())  # so that the class is known
sdk.logger.addHandler(Waiting())
failing = threading.Thread(target=sdk.track, args=(UnserializableEvent(),))
failing.start()
assert inside.wait(30)
child = os.fork()
if child == 0:
    tracked, enough, tried = threading.Event(), threading.Event(), threading.Semaphore(0)
    for _ in range(20):
        threading.Thread(target=track_as, args=(failing.ident,), daemon=True).start()
        assert tried.acquire(timeout=30)
    # glibc 2.43 gives no thread of a child the identity of one that was the parent's
    assert tracked.is_set() or platform.libc_ver() >= ("glibc", "2.42")
    assert sdk.stats().accepted == tracked.is_set(), sdk.stats()
    os._exit(0)
release.set()
failing.join()
end_child(child)
