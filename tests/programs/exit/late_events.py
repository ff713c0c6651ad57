"""Tracks when the exit handler of the SDK has run, and once more when the modules are cleared."""

import atexit
import sys
import threading


def late() -> None:
    threads = set(threading.enumerate())
    for sdk in used, unused:
        sdk.track(TextEvent("late"))
        sdk.track(TextEvent("late"))
    assert set(threading.enumerate()) <= threads
    assert used.stats().dropped == {"already_shutdown": 2}


atexit.register(late)

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent
from tests.support.sdk import Sdk


class AtTheVeryEnd:
    def __init__(self, event: TextEvent, *sdks: Sdk) -> None:
        self.event, self.sdks = event, sdks

    def __del__(self) -> None:
        for sdk in self.sdks:
            sdk.track(self.event)


used: Sdk = PaltabrainSdk(sys.argv[1], "key", TextContext())
unused: Sdk = PaltabrainSdk(sys.argv[1], "key", TextContext())
used.track(TextEvent("in time"))
keep = AtTheVeryEnd(TextEvent("later"), used, unused)
