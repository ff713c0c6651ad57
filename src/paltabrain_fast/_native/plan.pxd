"""Encoding plans: what a message's descriptor says, as the encoder reads it."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from cpython.object cimport PyObject

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
    PyObject *key  # the plan keeps it, as it keeps the group's plan
    PyObject *group
    uint64_t tag
    uint32_t trusted  # types of values that were proved; see encode.pxd
    uint32_t enum_version  # of the enum class that was found plain
    uint8_t kind
    uint8_t shape


cdef class MessagePlan:
    cdef Field *fields  # in the order of their numbers
    cdef int count
    cdef uint16_t *guesses  # by place in a dict: the field that stood there before
    cdef dict index  # field by key
    cdef list kept
    cdef object __weakref__
