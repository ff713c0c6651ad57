"""Tracks an event in each task that other processes are given.

``processes HOSTNAME WAY METHOD [line]``; ``line``: with the line that the docs tell to add.
"""

import multiprocessing
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from tests.support.ends import make_sdk
from tests.support.events import TextEvent

TASKS = 20

sdk = make_sdk(flush_on_sigterm="line" in sys.argv)


def work(number: int) -> int:
    sdk.track(TextEvent(str(number)))
    return number


def serve(numbers: Iterable[int], tracked: Connection) -> None:
    """Do the work, and wait for more of it, until the end of the parent ends this process."""
    for number in numbers:
        work(number)
    tracked.send(None)
    threading.Event().wait(60)


def main(way: str, method: str) -> None:
    processes: Any = multiprocessing.get_context(method)
    match way:
        case "Process, daemon":
            reader, writer = processes.Pipe(duplex=False)
            for first in 0, TASKS // 2:
                numbers = range(first, first + TASKS // 2)
                processes.Process(target=serve, args=(numbers, writer), daemon=True).start()
            assert [reader.recv(), reader.recv()] == [None, None]
        case "Pool, closed":
            pool = processes.Pool(2)
            pool.map(work, range(TASKS))
            pool.close()
            pool.join()
        case "Pool, with":
            with processes.Pool(2) as pool:
                pool.map(work, range(TASKS))
        case "ProcessPoolExecutor":
            with ProcessPoolExecutor(2, processes) as executor:
                list(executor.map(work, range(TASKS)))
        case _:
            raise ValueError(way)


if __name__ == "__main__":
    main(*sys.argv[2:4])
