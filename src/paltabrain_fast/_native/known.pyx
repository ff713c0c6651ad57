"""What each thread knows of the contexts of SDKs, so that it finds them without a lock.

Without the GIL, a lock or a reference count that all threads write is passed from processor to
processor for each event. So a thread notes which context an SDK has, and what ``is_unchanged()``
needs to know of it, in memory of its own, and looks whether that still holds: at one word of the
SDK, which changes with the context that it has, and at those words that change with the context.

What a thread knows of a context includes a reference to it. So a context may live on until each
thread that has tracked with it tracks with its successor or ends. A thread knows those of a few
SDKs, not more.
"""

cimport cython
from cpython.dict cimport PyDict_SetItem
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from . cimport pbf
from .base cimport ContextBase
from .classes cimport ContextPlan, is_current
from .contexts cimport is_unchanged
from .python cimport (
    MAX_TRACKED,
    PyThreadState_GetDict,
    pbf_dict_version,
    pbf_extras_of,
    pbf_hint,
    pbf_known,
    pbf_set_known,
    pbf_type_version,
    type_of,
)

cdef enum:
    SDKS = 4  # those that a thread knows something of


# A dict of a context, as it was. The dict itself is not touched to look whether it still is: it may
# be gone, which changes the version that its address has.
cdef struct KnownDict:
    PyObject *address
    uint64_t version


cdef struct Known:
    uint64_t engine  # 0: nothing is known
    uint64_t version
    PyObject *context  # owned
    PyObject *plan  # which is never freed
    uint32_t class_version
    uint32_t groups_version
    int count
    pbf.pbf_context_ref ref
    KnownDict dicts[MAX_TRACKED]


cdef class ThreadsKnown:
    """Owns what a thread knows; the thread's state owns it."""

    cdef Known known[SDKS]

    def __dealloc__(self):
        cdef int i

        if pbf_known() == <void *>self.known:  # or else the thread is gone, by a fork for one
            pbf_set_known(NULL)
        for i in range(SDKS):
            Py_XDECREF(self.known[i].context)


cdef inline Known *place_of(uint64_t engine) noexcept:
    """Where this thread keeps what it knows of an SDK; NULL if it has no memory for that yet."""
    cdef Known *known = <Known *>pbf_known()

    return NULL if known == NULL else &known[engine % SDKS]


cdef bint find_known(
    uint64_t engine, uint64_t version, pbf.pbf_context_ref *ref
) noexcept:
    """Find the reference for records of the SDK's context, if all is as this thread knows it."""
    cdef const Known *known = place_of(engine)
    cdef ContextPlan plan
    cdef int i

    if (
        known == NULL
        or known.engine != engine
        or known.version != version
        or known.class_version != pbf_type_version(type_of(known.context))
        or known.groups_version != pbf_hint((<ContextBase>known.context).groups_version)
        or pbf_extras_of(known.context) != NULL
    ):
        return False
    for i in range(known.count):
        if pbf_dict_version(known.dicts[i].address) != known.dicts[i].version:
            return False
    ref[0] = known.ref
    plan = <ContextPlan>known.plan
    return is_current(plan)  # the last step: if it runs Python code, `known` may change


cdef void learn(uint64_t engine, uint64_t version, object context) noexcept:
    """Note the SDK's context, if it is serialized and unchanged. May run Python code at the end."""
    cdef ContextBase own
    cdef PyObject *previous = NULL
    cdef Known *known

    if not isinstance(context, ContextBase) or not make_room():
        return
    own = <ContextBase>context
    known = place_of(engine)
    with cython.critical_section(own):
        if own.engine == engine and is_unchanged(own):
            previous = known.context
            note(known, own)
            known.engine = engine
            known.version = version
    Py_XDECREF(previous)


cdef inline void note(Known *known, ContextBase context) noexcept:
    cdef int i

    Py_INCREF(context)
    known.context = <PyObject *>context
    known.plan = <PyObject *>context.plan
    known.class_version = context.class_version
    known.groups_version = context.groups_version
    known.ref = context.ref
    known.count = context.tracked_count
    for i in range(known.count):
        known.dicts[i].address = <PyObject *>context.tracked[i].address
        known.dicts[i].version = context.tracked[i].version


cdef bint make_room() noexcept:
    """Have memory for what this thread knows; false if there is none."""
    cdef ThreadsKnown made
    cdef PyObject *state

    if pbf_known() != NULL:
        return True
    state = PyThreadState_GetDict()
    if state == NULL:
        return False
    try:
        made = ThreadsKnown()
        memset(made.known, 0, sizeof(made.known))
        PyDict_SetItem(<object>state, ThreadsKnown, made)
    except Exception:
        return False
    pbf_set_known(made.known)
    return True


cdef void forget(uint64_t engine) noexcept:
    cdef Known *known = place_of(engine)
    cdef PyObject *context

    if known != NULL and known.engine == engine:
        context = known.context
        known.context = NULL
        known.engine = 0
        Py_XDECREF(context)
