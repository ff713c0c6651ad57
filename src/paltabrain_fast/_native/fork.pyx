"""Counts forks, also those that bypass Python's hooks, so that a child can tell it is one."""

from _imp import acquire_lock
from sys import version_info

cdef extern from *:
    """
    #include <dirent.h>
    #include <pthread.h>
    #include <stdbool.h>
    #include <stdatomic.h>
    #include <stdint.h>

    /* How many forks lie between this process and the one that loaded the module. */
    static _Atomic uint64_t pbf_forks;

    static void pbf_count_fork(void)
    {
        /* relaxed: the child has one thread, and the value orders nothing else */
        atomic_fetch_add_explicit(&pbf_forks, 1, memory_order_relaxed);
    }

    static int pbf_watch_forks(void)
    {
        return pthread_atfork(NULL, NULL, pbf_count_fork);
    }

    static uint64_t pbf_fork_count(void)
    {
        return atomic_load_explicit(&pbf_forks, memory_order_relaxed);
    }

    /* Without letting go of the GIL. Where there is no such directory, nobody knows. */
    static bool pbf_is_single_threaded(void)
    {
        DIR *threads = opendir("/proc/self/task");
        int entries = 0;

        if (threads == NULL)
            return false;
        while (readdir(threads) != NULL)
            entries++;
        closedir(threads);
        return entries == 3; /* with . and .. */
    }

    #ifdef Py_GIL_DISABLED
    enum { PBF_FREE_THREADED = 1 };
    #else
    enum { PBF_FREE_THREADED = 0 };
    #endif
    """
    enum:
        PBF_FREE_THREADED
    bint pbf_is_single_threaded() noexcept nogil
    int pbf_watch_forks() noexcept nogil
    uint64_t pbf_fork_count() noexcept nogil


cdef extern from "Python.h":
    void PyOS_AfterFork_Child()


cdef uint64_t fork_count() noexcept nogil:
    return pbf_fork_count()


def count_forks():
    return pbf_fork_count()


def finish_fork():
    if PBF_FREE_THREADED or not pbf_is_single_threaded():
        return False
    if version_info >= (3, 13):
        acquire_lock()  # as before a fork; it is released, then, with the rest
    PyOS_AfterFork_Child()
    return True


if pbf_watch_forks() != 0:
    raise MemoryError("pthread_atfork failed")
