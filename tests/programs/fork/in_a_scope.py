"""Forks within a scope: the child stays in it, and leaves it."""

import os
import sys

from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

sdk = make_sdk()
with sdk.scoped_context() as context:
    context.text = "scoped"
    child = os.fork()
    if child == 0:
        sdk.track(TextEvent("child"))
    else:
        reap(child)
        sdk.track(TextEvent("parent"))
assert sdk.context.text == "context"
sys.exit()
