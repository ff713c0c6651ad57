"""UUIDv7 strings from a per-process generator, with fresh randomness in every forked child."""

from os import urandom

cimport cython
from cpython.unicode cimport PyUnicode_DATA, PyUnicode_New
from libc.stdint cimport uint64_t

from . cimport pbf
from .fork cimport fork_count
from .python cimport pbf_unix_ms


@cython.final
cdef class _Generator:
    cdef pbf.pbf_uuid7 state
    cdef uint64_t forks

    def __cinit__(self):
        pbf.pbf_uuid7_init(&self.state)
        self.forks = fork_count()

    cdef str next(self):
        cdef str text = PyUnicode_New(pbf.PBF_UUID7_TEXT_LEN, 127)
        cdef char *data = <char *>PyUnicode_DATA(text)
        cdef bint made = False
        cdef bytes random

        with cython.critical_section(self):
            if self.forks == fork_count():
                made = pbf.pbf_uuid7_next(&self.state, pbf_unix_ms(), data)
        while not made:
            random = urandom(pbf.PBF_UUID7_ENTROPY_LEN)
            with cython.critical_section(self):
                if self.forks != fork_count():
                    pbf.pbf_uuid7_reset(&self.state)
                    self.forks = fork_count()
                pbf.pbf_uuid7_refill(&self.state, <const unsigned char *>random)
                made = pbf.pbf_uuid7_next(&self.state, pbf_unix_ms(), data)
        return text


cdef _Generator _generator = _Generator()


def uuid_v7():
    return _generator.next()
