"""Tracks ten events, and ends in one of many ways.

``script HOSTNAME WAY [line]``; ``line``: with the line that the docs tell to add.
"""

import os
import signal
import sys
import threading

from tests.support.ends import make_sdk
from tests.support.events import TextEvent

way, has_line = sys.argv[2], "line" in sys.argv


def leave(_signal: int, _frame: object) -> None:
    sys.exit()


def receive(number: int) -> None:
    """Have a signal come while the main thread waits."""
    os.kill(os.getpid(), number)
    threading.Event().wait(30)


sdk = make_sdk(flush_on_sigterm=has_line)
for event in range(10):
    sdk.track(TextEvent(str(event)))
match way:
    case "sys.exit":
        sys.exit()
    case "exception":
        raise LookupError("the user's own")
    case "os._exit":
        if has_line:
            sdk.flush(timeout=5)
        os._exit(0)
    case "SIGTERM":
        receive(signal.SIGTERM)
    case "SIGTERM, handled":
        signal.signal(signal.SIGTERM, leave)
        receive(signal.SIGTERM)
    case "SIGINT":
        receive(signal.SIGINT)
    case _:
        assert way == "end of the program"
