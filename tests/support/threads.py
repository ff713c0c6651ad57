"""Threads that start together, and whose failures fail the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

DEADLINE = 60


@contextmanager
def running(*works: Callable[[], object]) -> Iterator[list[Future[object]]]:
    """Run each in a thread of its own, all from the same moment on, beside the body.

    At the end all are waited for; what one of them raised is raised.
    """
    start = threading.Barrier(len(works) + 1)

    def run(work: Callable[[], object]) -> object:
        start.wait(DEADLINE)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        futures = [pool.submit(run, work) for work in works]
        start.wait(DEADLINE)
        yield futures
        for future in futures:
            future.result(DEADLINE)
