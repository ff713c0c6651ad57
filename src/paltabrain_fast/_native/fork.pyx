"""Counts forks, also those that bypass Python's hooks, so that a child can tell it is one.

And notes which threads are inside the SDK's own code. ``track()`` looks at both at once.
"""

from _imp import acquire_lock
from sys import version_info

from .python cimport PBF_FREE_THREADED, PyOS_AfterFork_Child


def note_inside(int change):
    enter_or_leave(change)


def count_forks():
    return fork_count()


def finish_fork():
    if PBF_FREE_THREADED or not is_single_threaded():
        return False
    if version_info >= (3, 13):
        acquire_lock()  # PyOS_AfterFork_Child releases it, since os.fork() would have acquired it
    PyOS_AfterFork_Child()
    return True


def free_object_locks():
    if PBF_FREE_THREADED and is_single_threaded():
        pbf_free_object_locks()


if watch_forks() != 0:
    raise MemoryError("pthread_atfork failed")
