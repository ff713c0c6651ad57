"""Forgets an SDK that still has an event, and forks before the server lets it go on."""

import os
import sys

from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

sdk = make_sdk(flush_buffer_size=1)
forgotten = make_sdk(
    flush_interval_ms=3_600_000, max_in_flight=1, request_timeout=600, exit_timeout=600
)
forgotten.track(TextEvent("held up:0"))
forgotten.flush()
forgotten.track(TextEvent("forgotten:0"))  # which waits for the other one's answer
del forgotten
child = os.fork()
if child == 0:
    sys.exit()
reap(child)
sdk.track(TextEvent("child is gone:0"))
