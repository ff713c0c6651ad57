"""Has imported a module from DIRECTORY that only has the name of uWSGI's own.

``namesake DIRECTORY``
"""

import sys
from importlib import import_module

sys.path.insert(0, sys.argv[1])
import_module("uwsgi")

from paltabrain_fast import InMemoryTransport, PaltabrainSdk
from tests.support import probe
from tests.support.events import TextContext, TextEvent

transport = InMemoryTransport()
sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=transport, flush_buffer_size=1)
sdk.track(TextEvent())
probe.await_delivery(sdk, 1)  # by threads
assert sdk.shutdown(timeout=30)
assert len(transport.batches) == 1
