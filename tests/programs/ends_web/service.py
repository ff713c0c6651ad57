"""The SDK of an application, which sends nothing before the process ends, unless told to.

From the environment: ``API``; ``ROW``, which its events begin with; ``LINE``, what the application
does about the end of its process.
"""

import os

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

LINE = os.environ.get("LINE", "")
sdk = PaltabrainSdk(
    os.environ["API"],
    "key",
    TextContext(),
    flush_interval_ms=500 if LINE == "flush_interval_ms" else 3_600_000,
    exit_timeout=30,
    flush_on_sigterm=LINE == "flush_on_sigterm",
)


def track(path: str) -> str:
    """Track an event; return the number of the process, which is what the application answers."""
    sdk.track(TextEvent(os.environ["ROW"] + path))
    return str(os.getpid())
