"""Plans of the user's classes: how instances are encoded, and what that rests on."""

from libc.stdint cimport uint32_t, uint64_t

from cpython.object cimport PyObject

from .encode cimport Observation
from .plan cimport MessagePlan
from .python cimport pbf_code, pbf_dict_version

cdef enum:
    MAX_FUNCTIONS = 8
    MAX_NAMESPACES = 4


cdef class ClassPlan:
    cdef uint32_t version  # of the class; 0: not to be found by it any more
    cdef int namespace_count
    cdef PyObject *namespaces[MAX_NAMESPACES]  # borrowed: functions and bindings refer to them
    cdef uint64_t namespace_versions[MAX_NAMESPACES]
    cdef int function_count
    # The methods, and what they call. Borrowed: the class refers to them while it has this version,
    # or a module does.
    cdef PyObject *functions[MAX_FUNCTIONS]
    cdef PyObject *codes[MAX_FUNCTIONS]
    cdef bint has_defaults  # any of them
    cdef PyObject *defaults[MAX_FUNCTIONS]
    cdef PyObject *keyword_defaults[MAX_FUNCTIONS]
    cdef list references  # to codes and defaults
    cdef tuple messages  # message class of each method
    cdef tuple bindings  # place of a namespace, name, and what that must stand for
    cdef tuple names  # attributes that an instance must not have of its own
    cdef object slow_reason  # None: its instances are encoded here
    cdef ClassPlan previous  # may still be in use further up the stack
    cdef object __weakref__

    cdef int bind(self, tuple methods, tuple names) except -1
    cdef int add_function(self, PyObject *function) except -1
    cdef int add_namespace(self, object namespace) except -1
    cdef bint has_same_defaults(self) noexcept
    cdef bint is_still_bound(self, int place) noexcept


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


cdef inline bint is_current(ClassPlan plan) noexcept:
    """Whether the class, in this version, still does what it did when it was recognised."""
    cdef int i

    # In this order: functions of a module are alive while its names are as they were.
    for i in range(plan.namespace_count):
        if (
            pbf_dict_version(plan.namespaces[i]) != plan.namespace_versions[i]
            and not plan.is_still_bound(i)
        ):
            return False
    for i in range(plan.function_count):
        if pbf_code(plan.functions[i]) != plan.codes[i]:
            return False
    return not plan.has_defaults or plan.has_same_defaults()


cdef bint plans_are_wanted() noexcept
cdef int recall_plan(object instance) except -1
cdef EventPlan event_plan(object event)
cdef ContextPlan context_plan(object context)
cdef bint is_same(message, bytes encoded, bytes serialized) except -1
cdef int mark_verified(Observation *observations, int count) except -1
cdef int reject_class(object cls) except -1
