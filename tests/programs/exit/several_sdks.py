"""Ends with an event in each of several SDKs, one of which gets another from an exit handler.

``several_sdks HOSTNAME EXIT_TIMEOUT NUMBER``
"""

import atexit
import sys

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent

hostname, exit_timeout, count = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
sdks = [
    PaltabrainSdk(hostname, "key", TextContext(), exit_timeout=exit_timeout, buffer_bytes=65_536)
    for _ in range(count)
]
for number, sdk in enumerate(sdks):
    sdk.track(TextEvent(str(number)))
atexit.register(sdks[0].track, TextEvent("at exit"))
PaltabrainSdk(hostname, "key", TextContext())  # which never has an event
