"""Counts forks, also those that bypass Python's hooks, so that a child can tell it is one."""

cdef extern from *:
    """
    #include <pthread.h>
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
    """
    int pbf_watch_forks() noexcept nogil
    uint64_t pbf_fork_count() noexcept nogil


cdef uint64_t fork_count() noexcept nogil:
    return pbf_fork_count()


if pbf_watch_forks() != 0:
    raise MemoryError("pthread_atfork failed")
