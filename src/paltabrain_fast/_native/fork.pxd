from libc.stdint cimport uint64_t

cdef uint64_t fork_count() noexcept nogil

# The count of forks, but for a thread that may be inside the SDK's own code.
cdef uint64_t place() noexcept nogil
cdef bint may_be_inside() noexcept nogil
