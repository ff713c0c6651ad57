from libc.stdint cimport uint64_t

cdef uint64_t fork_count() noexcept nogil

# The count of forks for a thread of the user's; for one that may be inside the SDK's own code, a
# number that no count of forks has. So one comparison tells track() that all is as usual.
cdef uint64_t fork_count_outside() noexcept nogil
cdef bint may_be_inside() noexcept nogil
