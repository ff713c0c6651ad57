"""Forks while a request hangs, and would wait for hours where it waits.

``hanging_request HOSTNAME TRANSPORT PATH``, a pipe that can be read once the request is in.
"""

import os
import sys
from pathlib import Path

from tests.support import probe
from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

probe.have_forks_wait(10_000)
sdk = make_sdk(transport=sys.argv[2] or None, request_timeout=10_000)
sdk.track(TextEvent("hangs:0"))
sdk.flush()
Path(sys.argv[3]).read_text()
child = os.fork()
if child == 0:
    sdk.track(TextEvent("child:0"))
    assert sdk.flush(timeout=30)
    os._exit(0)
reap(child)
assert not sdk.shutdown(timeout=0)
