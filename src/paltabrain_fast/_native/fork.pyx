"""Tells ``track()`` that all is as usual: the process is the same, and the thread is a user's.

Counts forks, also those that bypass Python's hooks, so that a child can tell it is one.
"""

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

    /* glibc keeps room for such variables in what is loaded later; elsewhere it takes a call */
    #ifdef __GLIBC__
    #define PBF_FOUND_AT_ONCE __attribute__((tls_model("initial-exec")))
    #else
    #define PBF_FOUND_AT_ONCE
    #endif

    /* How often this thread is inside the SDK's own code, in steps that no count of forks has. */
    static _Thread_local uint64_t pbf_inside PBF_FOUND_AT_ONCE;

    static void pbf_note_inside(int change)
    {
        pbf_inside += (uint64_t)(int64_t)change << 32;
    }

    static uint64_t pbf_get_inside(void)
    {
        return pbf_inside;
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
    void pbf_note_inside(int change) noexcept nogil
    uint64_t pbf_get_inside() noexcept nogil


cdef extern from "Python.h":
    void PyOS_AfterFork_Child()


cdef uint64_t fork_count() noexcept nogil:
    return pbf_fork_count()


cdef uint64_t fork_count_outside() noexcept nogil:
    return pbf_fork_count() + pbf_get_inside()


cdef bint may_be_inside() noexcept nogil:
    return pbf_get_inside() != 0


def note_inside(int change):
    pbf_note_inside(change)


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
