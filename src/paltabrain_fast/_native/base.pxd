"""The native bases of events and contexts, and what is read of them without Python code."""

from libc.stdint cimport uint64_t

from . cimport pbf

cdef enum:
    MAX_TRACKED = 16


# Neither has cdef methods: a table of those would stand where `extras` must be.


cdef class EventBase:
    cdef object extras  # the instance's __dict__; NULL until there is one
    cdef object header  # None until it is used, as is the payload
    cdef object payload
    cdef bint header_is_plain  # a dict of ours, which nobody has seen yet


cdef class ContextBase:
    cdef object extras
    cdef object groups  # None until it is used

    # What encode.pyx keeps: the bytes, and the versions of the dicts that they were made from.
    cdef bytes serialized
    cdef object plan
    cdef unsigned int class_version
    cdef int tracked_count  # 0: nothing is kept
    cdef void *tracked[MAX_TRACKED]
    cdef uint64_t versions[MAX_TRACKED]
    cdef uint64_t engine  # whose reference this is
    cdef pbf.pbf_context_ref ref


cdef object groups_of(ContextBase context)
