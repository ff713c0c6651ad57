"""Encoding plans: what a message's descriptor says, as the encoder reads it."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from cpython.dict cimport PyDict_CheckExact
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_TYPE

cdef enum Kind:
    UNSUPPORTED  # the encoder writes no value of it, and leaves out None
    BOOL
    SINT64
    STRING
    GROUP  # a message of its own, from a dict of properties

cdef enum Shape:
    SCALAR
    REPEATED
    PACKED
    MAP


cdef struct Field:
    PyObject *key  # borrowed from the plan, as is the group's plan
    PyObject *group
    uint64_t tag
    uint32_t verified_types  # types of values whose encoding is trusted; see encode.pxd
    uint32_t enum_version  # of the enum class that was last found to be a plain one
    uint8_t kind
    uint8_t shape


cdef class MessagePlan:
    cdef Field *fields  # in the order of their numbers
    cdef int count
    cdef bint of_groups
    cdef uint16_t *guesses  # by place in a dict: the field that stood there before
    cdef dict places  # place of a field by its key
    cdef list references  # to keys and plans of groups
    cdef object __weakref__


cdef PyTypeObject *DEFAULT_DICT


cdef inline bint is_groups(object groups) noexcept:
    """Whether a plan of groups can encode the object."""
    return Py_TYPE(groups) == DEFAULT_DICT or PyDict_CheckExact(groups)
