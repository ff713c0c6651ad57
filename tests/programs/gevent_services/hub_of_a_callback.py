"""Has an ``on_error`` that makes a hub of gevent in the thread that it is called in.

That thread waits for work many times after that, and never by gevent's ``sleep``.
"""

import warnings

warnings.simplefilter("ignore")
from gevent import monkey

monkey.patch_all()

import gevent
import gevent.threading
from gevent._hub_local import get_hub_if_exists

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support.events import TextContext, TextEvent, UnserializableEvent

get_ident = monkey.get_original("_thread", "get_ident")
main = get_ident()


def on_error(*_error: object) -> None:
    gevent.get_hub()  # makes one, as all that waits does once gevent has patched it
    hubs.append(get_hub_if_exists())
    del slept[:]
    sdk.track(TextEvent())
    sdk.flush(timeout=0.01)
    told.release()


def watched(seconds: float = 0) -> None:
    if get_ident() != main:
        slept.append(seconds)
    sleep(seconds)


slept: list[float] = []
hubs: list[object] = []
told = monkey.get_original("_thread", "allocate_lock")()
told.acquire()
sleep = gevent.sleep
gevent.sleep = watched
sdk = PaltabrainSdk(
    "localhost", "key", TextContext(), transport=InMemoryTransport(), on_error=on_error
)
for _ in range(20):
    sdk.track(UnserializableEvent())
    assert told.acquire(timeout=30)
    assert not slept, slept
assert sdk.shutdown(timeout=30)
assert len(hubs) == 20
assert None not in hubs
assert not slept, slept
