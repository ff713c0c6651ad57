"""What is known of the user's classes: which are proved to be generated, and their plans."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from cpython.object cimport PyObject, PyTypeObject

from .base cimport ContextBase, EventBase
from .encode cimport Encoding, Outcome
from .plan cimport MessagePlan

cdef enum:
    MAX_SERIALIZERS = 2


cdef class ClassPlan:
    cdef uint32_t version  # of the class; 0: not to be found by it any more
    cdef int serializer_count
    cdef PyObject *serializers[MAX_SERIALIZERS]  # the class keeps them while it has this version
    cdef PyObject *codes[MAX_SERIALIZERS]
    cdef int namespace_count  # in general they have the same
    cdef PyObject *namespaces[MAX_SERIALIZERS]
    cdef uint64_t namespace_versions[MAX_SERIALIZERS]
    cdef tuple messages  # message class of each serializer
    cdef object slow_reason  # None: its instances are encoded here
    cdef ClassPlan previous  # may still be in use further up the stack
    cdef object __weakref__

    cdef int bind(self, found) except -1
    cdef int add_namespace(self, PyObject *namespace) except -1
    cdef bint is_still_bound(self, int number) noexcept


cdef class EventPlan(ClassPlan):
    cdef MessagePlan header
    cdef MessagePlan payload
    cdef uint64_t member_tag

    cdef int describe(self, cls) except -1


cdef class ContextPlan(ClassPlan):
    cdef MessagePlan groups

    cdef int describe(self, cls) except -1


cdef EventPlan event_plan(object event)
cdef Outcome encode_event(EventPlan plan, EventBase event, Encoding *encoding) noexcept
cdef int learn_event(EventPlan plan, EventBase event, bytes header, bytes payload) except -1
cdef bint is_unchanged(ContextBase context) noexcept
cdef bytes context_bytes(object context)
