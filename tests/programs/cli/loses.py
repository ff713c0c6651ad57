"""An application that a signal ends while an event is buffered: one has arrived, and one will not.

``loses MODULE_DIR``
"""

import os
import signal
import sys

import paltabrain_fast

sys.path.insert(0, sys.argv[1])
config = __import__("config")

sdk = paltabrain_fast.PaltabrainSdk(context=config.Context(), flush_interval_ms=3_600_000)
sdk.track(config.EventPageOpen())
sdk.flush(timeout=30)
sdk.track(config.EventPageOpen())
os.kill(os.getpid(), signal.SIGTERM)
