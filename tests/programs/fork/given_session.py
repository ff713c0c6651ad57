"""Tracks in a child whose parent was given its session."""

import os
import sys

from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

sdk = make_sdk(session_id=7)
sdk.session_event_seq_num = 100
child = os.fork()
if child == 0:
    assert sdk.session_id == 7
    assert sdk.session_event_seq_num == 0
    sdk.track(TextEvent("child:0"))
    sys.exit()
reap(child)
