"""Threads that start together, and whose failures fail the test."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
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


def threads_of_sdks() -> set[threading.Thread]:
    """Return the threads that belong to SDKs."""
    return {thread for thread in threading.enumerate() if "paltabrain" in thread.name}


def control_threads() -> list[threading.Thread]:
    """Return those of them that frame, in the order of their start."""
    return [thread for thread in threading.enumerate() if thread.name == "paltabrain-control"]


def await_end(threads: Iterable[threading.Thread], deadline: float = DEADLINE) -> None:
    """Wait until all of them have ended."""
    for thread in threads:
        thread.join(deadline)
        assert not thread.is_alive(), f"{thread.name} does not end"


def keeps_classes() -> bool:
    """Tell whether the interpreter never frees a class, nor what its functions refer to.

    CPython 3.13 does so without the GIL, once there has been a second thread.
    """

    def make() -> weakref.ref[type]:
        class Unused:
            pass

        return weakref.ref(Unused)

    unused = make()
    gc.collect()
    return unused() is not None
