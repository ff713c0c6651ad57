"""Tracks in processes of multiprocessing, with the SDK of the module and with one of their own.

``multiprocessing_children HOSTNAME METHOD``; nobody calls ``shutdown``.
"""

import multiprocessing
import sys

from tests.support.events import TextEvent
from tests.support.forks import make_sdk

sdk = make_sdk(flush_interval_ms=3_600_000)


def work(number: int) -> None:
    own = make_sdk(flush_interval_ms=3_600_000)
    sdk.track(TextEvent(f"global:{number}"))
    own.track(TextEvent(f"own:{number}"))


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    sdk.track(TextEvent("parent:0"))
    processes = [multiprocessing.Process(target=work, args=(number,)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
