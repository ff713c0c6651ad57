"""Forks while another thread is in the hook, and tracks in a thread with its identity."""

import os
import platform
import threading
from typing import Any

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.forks import end_child


def wait(event: TextEvent, _context: Any) -> TextEvent:
    if event.text == "waits":
        inside.set()
        assert release.wait(30)
    return event


def track_as(identity: int | None) -> None:
    if threading.get_ident() == identity:
        sdk.track(TextEvent())
        tracked.set()
    tried.release()
    enough.wait(30)


inside, release = threading.Event(), threading.Event()
sdk = PaltabrainSdk(
    "localhost", "key", TextContext(), transport=InMemoryTransport(), before_send=wait
)
waiting = threading.Thread(target=sdk.track, args=(TextEvent("waits"),))
waiting.start()
assert inside.wait(30)
child = os.fork()
if child == 0:
    tracked, enough, tried = threading.Event(), threading.Event(), threading.Semaphore(0)
    for _ in range(20):
        threading.Thread(target=track_as, args=(waiting.ident,), daemon=True).start()
        assert tried.acquire(timeout=30)
    # glibc 2.43 gives no thread of a child the identity of one that was the parent's
    assert tracked.is_set() or platform.libc_ver() >= ("glibc", "2.42")
    assert sdk.stats().dropped == {}, sdk.stats()
    os._exit(0)
release.set()
waiting.join()
end_child(child)
