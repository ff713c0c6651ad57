"""Runs a cell that makes an SDK again and again, in one namespace, as a notebook does.

``notebook HOSTNAME``. Prints how many threads of SDKs there are when the others have had time to
end, and goes on to its end when its input ends.
"""

import os
import sys
import time

from tests.support.ends import make_sdk
from tests.support.events import TextEvent
from tests.support.threads import threads_of_sdks

RUNS = 50
CELL = "sdk = make_sdk()\nsdk.track(TextEvent(str(run)))"

shown: dict[int, object] = {}
namespace = {"make_sdk": make_sdk, "TextEvent": TextEvent, "Out": shown, "_": None}
for run in range(RUNS):
    namespace["run"] = run
    exec(CELL, namespace)
    namespace["_"] = shown[run] = eval("sdk.stats()", namespace)  # what a cell shows is kept
deadline = time.monotonic() + 30
while len(threads_of_sdks()) > 1 and time.monotonic() < deadline:
    os.sched_yield()
print(len(threads_of_sdks()), flush=True)
sys.stdin.read()
