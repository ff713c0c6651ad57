"""Tracks ten events and ends, without a flush or a shutdown.

``forgetful HOSTNAME EXIT_TIMEOUT``
"""

import atexit
import sys
import threading

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

sdk = PaltabrainSdk(sys.argv[1], "key", TextContext(), exit_timeout=float(sys.argv[2]))
for number in range(10):
    sdk.track(TextEvent(str(number)))


def refuse(_thread: threading.Thread) -> None:
    raise RuntimeError("can't create new thread at interpreter shutdown")


# as Python 3.12 and later do; exit handlers run last in, first out
atexit.register(setattr, threading.Thread, "start", refuse)
