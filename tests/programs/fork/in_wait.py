"""Forks in a signal handler while the main thread waits in ``flush`` or ``shutdown``.

``in_wait HOSTNAME CALL``
"""

import sys

from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap
from tests.support.interruption import ForkWhileWaiting

sdk = make_sdk(request_timeout=600)  # so that the parent's comes to no second attempt
sdk.track(TextEvent("parent:0"))
with ForkWhileWaiting() as fork:
    assert getattr(sdk, sys.argv[2])(timeout=60)
if fork.child == 0:
    if sdk.is_shutdown:
        sdk = make_sdk()
    sdk.track(TextEvent("child:0"))
    sys.exit()
assert fork.child is not None
reap(fork.child)
