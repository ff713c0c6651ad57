"""Tracks in tight loops, in threads as well, until ``SIGTERM`` comes; in one child after another.

``tight_loops HOSTNAME CHILDREN THREADS``. Prints, for each child, how many events each thread has
tracked at least: the main thread when it ended, the others when the signal was sent.
"""

import itertools
import json
import mmap
import os
import signal
import struct
import sys
import threading

from tests.support.ends import make_sdk
from tests.support.events import TextEvent

COUNT = struct.Struct("=Q")

children, threads = int(sys.argv[2]), int(sys.argv[3])
sdk = make_sdk(flush_on_sigterm=True, flush_buffer_size=500, exit_timeout=30)


def track(child: int, thread: int, tracked: mmap.mmap) -> None:
    for number in itertools.count(1):
        sdk.track(TextEvent(f"{child}:{thread}:{number}"))
        COUNT.pack_into(tracked, thread * COUNT.size, number)


def counts(tracked: mmap.mmap) -> list[int]:
    return [COUNT.unpack_from(tracked, thread * COUNT.size)[0] for thread in range(threads + 1)]


for number in range(children):
    memory = mmap.mmap(-1, (threads + 1) * COUNT.size)
    child = os.fork()
    if child == 0:
        for other in range(1, threads + 1):
            threading.Thread(target=track, args=(number, other, memory), daemon=True).start()
        track(number, 0, memory)
    while min(counts(memory)) < 1 + 97 * number:
        os.sched_yield()
    before = counts(memory)
    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM, status
    print(json.dumps([counts(memory)[0], *before[1:]]))
