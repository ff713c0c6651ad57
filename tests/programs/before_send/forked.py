"""Forks while another thread is in ``before_send``; parent and child track, through the hook."""

import os
import sys
import threading
from typing import Any

from tests.support.events import TextEvent
from tests.support.forks import FORKS, make_sdk, reap


def change(event: TextEvent, _context: Any) -> TextEvent | None:
    if event.text == "waits":
        inside.set()
        assert release.wait(30)
    if event.text in ("waits", "dropped"):
        return None
    return TextEvent(f"{event.text}: changed")


inside, release = threading.Event(), threading.Event()
sdk = make_sdk(before_send=change)
waiting = threading.Thread(target=sdk.track, args=(TextEvent("waits"),))
waiting.start()
assert inside.wait(30)
child = FORKS[sys.argv[2]]()
sdk.track(TextEvent("dropped"))  # the first to notice the fork
sdk.track(TextEvent("parent" if child else "child"))
assert sdk.flush(timeout=30)
assert sdk.stats().dropped == {"before_send": 1}
if child == 0:
    os._exit(0)
reap(child)
release.set()
waiting.join()
assert sdk.shutdown()
assert sdk.stats().dropped == {"before_send": 2}
