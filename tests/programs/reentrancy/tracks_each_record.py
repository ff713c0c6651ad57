"""Tracks an event for each log record there is, those of the SDK included.

``tracks_each_record HOSTNAME TRANSPORT``
"""

import logging
import sys

from paltabrain_fast import PaltabrainSdk
from tests.support.events import TextContext, TextEvent, UnserializableEvent


class Tracking(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        seen.append(record)
        sdk.track(TextEvent(record.name))


seen: list[logging.LogRecord] = []
sdk = PaltabrainSdk(
    sys.argv[1],
    "key",
    TextContext(),
    transport="curl" if sys.argv[2] == "curl" else None,
    flush_buffer_size=1,
)
logging.getLogger().addHandler(Tracking())
logging.getLogger().setLevel(logging.DEBUG)

logging.getLogger("app").info("a line of the application's")
for _ in range(3):
    assert sdk.flush(timeout=30)
assert sdk.stats().accepted == sdk.stats().delivered == 1, sdk.stats()

sdk.track(UnserializableEvent())  # our line comes in this thread
sdk.track(TextEvent("own"))
for _ in range(3):
    assert sdk.flush(timeout=30)
stats = sdk.stats()
assert stats.accepted == stats.delivered == 2, stats
assert sdk.shutdown(timeout=30)
stats = sdk.stats()
warnings = [record for record in seen if "log line of the SDK" in record.getMessage()]
assert len(warnings) == 1
assert stats.dropped == {"serialization_error": 1, "reentrant": len(seen) - 1}, (stats, len(seen))
