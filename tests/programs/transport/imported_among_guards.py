"""The first attempt, which imports its libraries, finds sockets forbidden (argument: hostname).

``pytest-socket`` does that. Neither does an event leave meanwhile, nor are they forbidden for good.
"""

import socket
import ssl  # noqa: F401  # which a guard would break for good
import sys
from unittest.mock import patch

sys.modules["gevent"] = sys.modules["eventlet"] = None  # type: ignore[assignment]

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent


class Guarded(socket.socket):
    """What takes the place of ``socket.socket``."""

    def __new__(cls, *_arguments: object, **_options: object) -> "Guarded":
        raise RuntimeError("forbidden by the guard")


Guarded.__module__ = "pytest_socket"
sdk = PaltabrainSdk(sys.argv[1], "key", TextContext())
assert "urllib3" not in sys.modules
with patch("socket.socket", Guarded):
    sdk.warm_up()
    sdk.track(TextEvent())
    while (error := sdk.flush(timeout=0.1).error) is None:
        pass
    assert "forbidden" in str(error), error
assert sdk.shutdown(timeout=30)
assert sdk.stats().delivered == 1
