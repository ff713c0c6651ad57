"""Tracks in the child of the child of a child."""

import os
import sys

from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

sdk = make_sdk()
sdk.track(TextEvent("0:0"))
for generation in range(1, 4):
    child = os.fork()
    if child:
        reap(child)
        sys.exit()
    sdk.track(TextEvent(f"{generation}:0"))
