"""What other native modules read of events and contexts without running Python code."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE

from . cimport pbf
from .python cimport LAYOUT, MAX_TRACKED, PREVIOUS, VALUES


# Until Python code looks at an event's properties, they are kept in a tuple instead of a dict: its
# layout, the group that was set before, and the values, of which one that was not given is the
# layout itself.
cdef struct Key:
    PyObject *parameter  # of the constructor or setter; borrowed from the layout, as is the name
    PyObject *name
    uint16_t field  # of the message, that was found for the name last: a hint


cdef class Layout:
    """The keys of properties that are kept in a tuple."""

    cdef str group  # None: the payload
    cdef tuple parameters
    cdef tuple names
    cdef Key *keys
    cdef int count
    cdef uint16_t field  # of the group among the groups: a hint


cdef inline bint is_values(object properties) noexcept:
    """Whether properties are kept in a tuple."""
    return (
        PyTuple_CheckExact(properties)
        and PyTuple_GET_SIZE(properties) >= VALUES
        and type(<object>PyTuple_GET_ITEM(properties, LAYOUT)) is Layout
    )


cdef inline Layout layout_of(object values):
    return <Layout>PyTuple_GET_ITEM(values, LAYOUT)


cdef inline PyObject *previous_of(object values) noexcept:
    return PyTuple_GET_ITEM(values, PREVIOUS)


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
    cdef object header  # None, values, or what Python code has seen
    cdef object payload  # likewise


cdef class ContextBase:
    cdef object extras
    cdef object groups  # None until it is used

    # The bytes that the context was last serialized to, and what they were made from.
    cdef bytes serialized
    cdef object plan
    cdef uint64_t engine  # identity of the engine that gave `ref`
    cdef pbf.pbf_context_ref ref
    cdef uint32_t groups_version  # changes when other groups are assigned; without a GIL only
    cdef unsigned int class_version
    cdef int tracked_count  # 0: the bytes are not to be used
    cdef TrackedDict tracked[MAX_TRACKED]  # at the end, as few of them are used


cdef class Sentinel:
    pass


cdef object header_of(EventBase event)
cdef object groups_of(ContextBase context)
cdef int put_values(object properties, object values) except -1
