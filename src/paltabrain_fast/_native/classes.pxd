"""What is known of the user's classes: which are proved to be generated, and their plans."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from cpython.object cimport PyObject, PyTypeObject

from .base cimport ContextBase, EventBase
from .encode cimport Encoding, Outcome
from .plan cimport MessagePlan

cdef enum:
    MAX_FUNCTIONS = 8
    MAX_NAMESPACES = 4


cdef class ClassPlan:
    cdef uint32_t version  # of the class; 0: not to be found by it any more
    cdef int namespace_count
    cdef PyObject *namespaces[MAX_NAMESPACES]  # functions and bindings keep them
    cdef uint64_t namespace_versions[MAX_NAMESPACES]
    cdef int function_count
    # the methods, and what they call; kept by the class while it has this version, or by a module
    cdef PyObject *functions[MAX_FUNCTIONS]
    cdef PyObject *codes[MAX_FUNCTIONS]
    cdef bint has_defaults  # any of them
    cdef PyObject *defaults[MAX_FUNCTIONS]
    cdef PyObject *keyword_defaults[MAX_FUNCTIONS]
    cdef list kept
    cdef tuple messages  # message class of each method
    cdef tuple bindings  # number of a namespace, name, and what that must stand for
    cdef tuple names  # attributes that an instance must not have of its own
    cdef object slow_reason  # None: its instances are encoded here
    cdef ClassPlan previous  # may still be in use further up the stack
    cdef object __weakref__

    cdef int bind(self, tuple methods, tuple names) except -1
    cdef int add_function(self, PyObject *function) except -1
    cdef int add_namespace(self, object namespace) except -1
    cdef bint has_same_defaults(self) noexcept
    cdef bint is_still_bound(self, int number) noexcept


cdef class EventPlan(ClassPlan):
    cdef MessagePlan header
    cdef MessagePlan payload
    cdef bint sorts_header  # its maps by key
    cdef bint sorts_payload
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
