"""Forks twenty times while four threads track; prints how many events each thread had.

``under_load HOSTNAME OVERFLOW``
"""

import os
import sys
import threading

from tests.support.events import TextEvent
from tests.support.forks import make_sdk, reap

sdk = make_sdk(
    start_session=True,
    overflow=sys.argv[2],
    block_timeout_ms=60_000,
    request_timeout=60,  # no retry only because the machine is busy
    exit_timeout=60,
    on_error=print,
)
stop, counts = threading.Event(), [0] * 4


def work(thread: int) -> None:
    while not stop.is_set() or counts[thread] < 100:
        sdk.track(TextEvent(f"parent {thread}:{counts[thread]}"))
        sdk.stats()
        counts[thread] += 1
        if counts[thread] % 100 == 0:
            assert sdk.flush(timeout=60)  # no more than the server can take


threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
for thread in threads:
    thread.start()
children = []
for fork in range(20):
    child = os.fork()
    if child == 0:
        for number in range(50):
            sdk.track(TextEvent(f"child {fork}:{number}"))
        if fork % 2:
            sys.exit()
        assert sdk.flush(timeout=60)
        os._exit(0)
    children.append(child)
reap(*children)
stop.set()
for thread in threads:
    thread.join()
assert sdk.flush(timeout=60)
stats = sdk.stats()
assert stats.delivered == stats.accepted == sum(counts), (stats, counts)
assert stats.retries == 0
print(*counts)
