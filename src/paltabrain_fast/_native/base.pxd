"""What other native modules read of events and contexts without running Python code."""

from libc.stdint cimport uint32_t, uint64_t

from . cimport pbf
from .python cimport MAX_TRACKED


# A dict that a context consists of, as it was when the context was serialized: the first holds the
# groups, the others are the groups.
cdef struct TrackedDict:
    void *address
    uint64_t version
    const void *field  # that the group was encoded for; NULL: its bytes are not kept
    uint32_t end  # where they end, from the end of all: groups are written backwards
    uint32_t length


# EventBase and ContextBase have no cdef methods, since Cython would put a pointer to those before
# `extras`, which has to be the first member (see PBF_EXTRAS_OFFSET).


cdef class EventBase:
    cdef object extras  # the instance's __dict__; NULL until there is one
    cdef object header  # None until it is used
    cdef object payload  # None until it is used
    cdef bint header_is_plain  # a dict, which becomes a defaultdict before Python code sees it


cdef class ContextBase:
    cdef object extras
    cdef object groups  # None until it is used

    # The bytes that the context was last serialized to, and what they were made from.
    cdef bytes serialized
    cdef object plan
    cdef unsigned int class_version
    cdef int tracked_count  # 0: the bytes are not to be used
    cdef TrackedDict tracked[MAX_TRACKED]
    cdef uint64_t engine  # identity of the engine that gave `ref`
    cdef pbf.pbf_context_ref ref
    cdef uint32_t groups_version  # changes when other groups are assigned; without a GIL only


cdef class Sentinel:
    pass


cdef object groups_of(ContextBase context)
