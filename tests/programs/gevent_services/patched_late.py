"""Patches at a moment of the life of its SDK, then tracks in four greenlets.

``patched_late HOSTNAME TRANSPORT MOMENT``; the first request hangs until there is a second one.
"""

import gc
import sys
import warnings

hostname, transport, moment = sys.argv[1:]


def reached(name: str) -> None:
    if name == moment:
        with warnings.catch_warnings(action="ignore"):
            from gevent import monkey

            monkey.patch_all()


reached("first")
from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

reached("import")
sdk = PaltabrainSdk(
    hostname,
    "key",
    TextContext(),
    flush_buffer_size=10,
    exit_timeout=30,
    transport="curl" if transport == "curl" else None,
)
reached("construction")
sdk.track(TextEvent("hangs"))
reached("first event")
sdk.flush()
reached("first request")

import gevent
from gevent.hub import Hub


def work(number: int) -> None:
    for event in range(50):
        sdk.track(TextEvent(f"{number}:{event}"))
        gevent.sleep(0)


gevent.joinall([gevent.spawn(work, number) for number in range(4)], raise_error=True)
flushing = [gevent.spawn(sdk.flush, timeout=30) for _ in range(2)]
gevent.joinall(flushing)
assert all(greenlet.value for greenlet in flushing), sdk.last_request_error
assert (sdk.stats().delivered, sdk.stats().retries) == (201, 0)
assert sum(isinstance(found, Hub) for found in gc.get_objects()) == 1  # none in our threads
sdk.track(TextEvent("forgotten"))
