"""Tracks in four greenlets, with gevent patched before all else, while the first request hangs.

``patched_first HOSTNAME TRANSPORT``
"""

from gevent import monkey

monkey.patch_all()

import sys

import gevent

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

sdk = PaltabrainSdk(
    sys.argv[1],
    "key",
    TextContext(),
    flush_buffer_size=10,
    exit_timeout=30,
    transport="curl" if sys.argv[2] == "curl" else None,
)


def work(number: int) -> None:
    for event in range(100):
        sdk.track(TextEvent(f"{number}:{event}"))
        gevent.sleep(0)


sdk.track(TextEvent("hangs"))
sdk.flush()
gevent.joinall([gevent.spawn(work, number) for number in range(4)])
assert sdk.flush(timeout=30)
assert (sdk.stats().delivered, sdk.stats().retries) == (401, 0)
sdk.track(TextEvent("forgotten"))
