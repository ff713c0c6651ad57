"""Forks a helper in a hook of another fork."""

import os

helper: int | None = None


def fork_a_helper() -> None:
    global helper
    if helper is not None:
        return
    helper = 0
    helper = os.fork()
    if helper == 0:
        sdk.track(TextEvent("helper:0"))
        assert sdk.flush(timeout=30)
        os._exit(0)


# the last to be registered is the first to be called: this one when the SDK is at rest already
os.register_at_fork(before=fork_a_helper)

from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

sdk = make_sdk()
sdk.track(TextEvent("before:0"))
child = os.fork()
if child == 0:
    sdk.track(TextEvent("child:0"))
    assert sdk.flush(timeout=30)
    os._exit(0)
assert helper is not None
reap(helper, child)
sdk.track(TextEvent("after:0"))
assert sdk.flush(timeout=30)
