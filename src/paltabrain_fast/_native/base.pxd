"""The native bases of events and contexts, and what is read of them without Python code."""

from libc.stdint cimport uint32_t, uint64_t

from . cimport pbf
from .python cimport MAX_TRACKED


# A dict that a context consists of. The first has the others, which are groups; where the bytes of
# a group are follows from `end`, counted from the end of all, as they are written backwards.
cdef struct TrackedDict:
    void *address
    uint64_t version
    const void *field  # that the group was encoded for; NULL: its bytes are not kept
    uint32_t end
    uint32_t length


# Neither has cdef methods: a table of those would stand where `extras` must be.


cdef class EventBase:
    cdef object extras  # the instance's __dict__; NULL until there is one
    cdef object header  # None until it is used, as is the payload
    cdef object payload
    cdef bint header_is_plain  # a dict of ours, which nobody has seen yet


cdef class ContextBase:
    cdef object extras
    cdef object groups  # None until it is used

    # What classes.pyx keeps: the bytes, and the dicts that they were made from.
    cdef bytes serialized
    cdef object plan
    cdef unsigned int class_version
    cdef int tracked_count  # 0: nothing is kept
    cdef TrackedDict tracked[MAX_TRACKED]
    cdef uint64_t engine  # whose reference this is
    cdef pbf.pbf_context_ref ref


cdef object groups_of(ContextBase context)
