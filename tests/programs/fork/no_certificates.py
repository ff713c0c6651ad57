"""Has a child from which the file of certificates is hidden for a while."""

import logging
import os
import sys
from pathlib import Path

from paltabrain_fast import ErrorInfo
from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

told: list[ErrorInfo] = []
path = Path(os.environ["REQUESTS_CA_BUNDLE"])
sdks = [
    make_sdk(flush_max_retries=1, outage_seconds=0, on_error=lambda _error, info: told.append(info))
    for _ in range(2)
]
for sdk in sdks:
    sdk.track(TextEvent("parent:0"))
    assert sdk.flush(timeout=30)
logging.disable()  # or the child writes that it has no transport
hidden = path.rename(f"{path}-hidden")
child = os.fork()
if child == 0:
    for sdk in sdks:
        sdk.track(TextEvent("lost:0"))
        assert sdk.flush(timeout=30)
        stats = sdk.stats()
        assert (stats.accepted, dict(stats.dropped)) == (1, {"retries_exhausted": 1}), stats
    hidden.rename(path)
    for number, sdk in enumerate(sdks):
        sdk.track(TextEvent(f"child:{number}"))
        assert sdk.shutdown(timeout=30)
        assert sdk.stats().delivered == 1
    assert [info.reason for info in told] == ["retries_exhausted"] * 2, told
    sys.exit()
reap(child)
