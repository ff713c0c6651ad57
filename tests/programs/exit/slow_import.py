"""Ends at once, and imports what it sends with for longer than the exit may last.

Argument: hostname.
"""

import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

EXIT_SECONDS = 3.0


class Slow:
    """Finds nothing, but takes its time for ``urllib3``."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "urllib3":
            threading.Event().wait(EXIT_SECONDS + 0.5)
        return None


sys.modules["gevent"] = sys.modules["eventlet"] = None  # type: ignore[assignment]
sys.meta_path.insert(0, Slow())
sdk = PaltabrainSdk(sys.argv[1], "key", TextContext(), exit_timeout=EXIT_SECONDS)
sdk.track(TextEvent("last"))
