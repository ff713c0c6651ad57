"""UUIDv7 strings from a per-process generator, with fresh randomness in every forked child."""

from os import urandom

cimport cython
from cpython.unicode cimport PyUnicode_DATA, PyUnicode_New
from libc.stdint cimport uint64_t

from . cimport pbf
from .python cimport pbf_unix_ms

cdef extern from *:
    """
    #include <pthread.h>
    #include <stdatomic.h>
    #include <stdint.h>

    /* Counts the forks that lie between this process and the one that loaded the module. The
     * handler also runs for forks that bypass Python's hooks. */
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


@cython.final
cdef class _Generator:
    cdef pbf.pbf_uuid7 state
    cdef uint64_t forks

    def __cinit__(self):
        pbf.pbf_uuid7_init(&self.state)
        self.forks = pbf_fork_count()

    cdef str next(self):
        cdef str text = PyUnicode_New(pbf.PBF_UUID7_TEXT_LEN, 127)
        cdef char *data = <char *>PyUnicode_DATA(text)
        cdef bint made = False
        cdef bytes random

        with cython.critical_section(self):
            if self.forks == pbf_fork_count():
                made = pbf.pbf_uuid7_next(&self.state, pbf_unix_ms(), data)
        while not made:
            random = urandom(pbf.PBF_UUID7_ENTROPY_LEN)
            with cython.critical_section(self):
                if self.forks != pbf_fork_count():
                    pbf.pbf_uuid7_reset(&self.state)
                    self.forks = pbf_fork_count()
                pbf.pbf_uuid7_refill(&self.state, <const unsigned char *>random)
                made = pbf.pbf_uuid7_next(&self.state, pbf_unix_ms(), data)
        return text


if pbf_watch_forks() != 0:
    raise MemoryError("pthread_atfork failed")

cdef _Generator _generator = _Generator()


def uuid_v7():
    return _generator.next()
