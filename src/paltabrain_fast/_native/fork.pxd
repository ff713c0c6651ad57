from libc.stdint cimport uint64_t

cdef uint64_t fork_count() noexcept nogil
