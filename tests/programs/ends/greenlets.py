"""Tracks in greenlets, prints a line, and waits in the hub for what ends the process.

``greenlets HOSTNAME``
"""

from gevent import monkey

monkey.patch_all()

import gevent

from tests.support.ends import make_sdk
from tests.support.events import TextEvent

sdk = make_sdk(flush_on_sigterm=True)
gevent.joinall([gevent.spawn(sdk.track, TextEvent(str(number))) for number in range(10)])
print("ready", flush=True)
gevent.sleep(60)
