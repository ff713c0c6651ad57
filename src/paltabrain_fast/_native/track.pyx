"""``track()``: encode the event, put it into the ring, tell the control thread when it is time."""

from contextvars import ContextVar
from functools import partial
from sys import intern
from types import FunctionType

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc

from . cimport pbf
from .base cimport ContextBase
from .classes cimport EventPlan, event_plan, plans_are_wanted, recall_plan
from .contexts cimport context_bytes, is_unchanged
from .encode cimport Encoding, begin
from .engine cimport NativeEngine
from .events cimport encode_event, verify_event
from .fork cimport fork_count, fork_count_outside, may_be_inside
from .known cimport find_known, forget, learn
from .python cimport (
    PBF_FREE_THREADED,
    PyMethod_New,
    PyObject_Vectorcall,
    PyVectorcall_NARGS,
    pbf_hint64,
    pbf_keep,
    pbf_may_be_false,
    pbf_publish,
    pbf_raise_set,
    pbf_see,
    pbf_set_hint64,
    pbf_set_vectorcall,
    pbf_share,
    pbf_thread,
    pbf_thread_number,
    pbf_unix_ms,
    vectorcallfunc,
)
from .scope cimport Scope, scoped_or

from .._engine.protocol import RecordStatus

cdef extern from *:
    """
    PBF_HOT(PyObject *, 5track_call_track);
    PBF_HOT(pbf_status, 5track_7Tracker_record_fast);
    PBF_HOT(int, 5track_7Tracker_find_interned);
    PBF_HOT(pbf_status, 5track_7Tracker_encode_and_append);
    PBF_HOT(pbf_status, 5track_7Tracker_append);
    PBF_COLD(int, 5track_7Tracker_track_slow);
    PBF_COLD(int, 5track_7Tracker_track_diverted);
    """


cdef enum:
    SCRATCH = 8192  # on the stack: enough for all but rare events

# What no thread's number is: several threads track with the SDK.
cdef uint64_t ANY = <uint64_t>-1

# So many SDKs are kept for ever, once several threads track with them: see note_thread().
cdef enum:
    KEPT = 16

cdef uint64_t kept = 0


cdef class Tracker:
    """Base of ``PaltabrainSdk``; see ``TrackerHooks`` for what that has."""

    def _set_up(self, NativeEngine engine not None, bint disabled, bint has_hooks=False):
        self.engine = engine
        self.thread = 0
        self.disabled = disabled
        self.is_diverted = disabled or has_hooks

    @property
    def _engine(self):
        return self.engine

    @property
    def _context(self):
        with cython.critical_section(self):
            return self.context

    @_context.setter
    def _context(self, context):
        with cython.critical_section(self):
            self.context = context
            if PBF_FREE_THREADED:
                pbf_publish(self.context_version, self.context_version + 1)
        if PBF_FREE_THREADED and self.engine is not None:
            forget(self.engine.identity)

    def __dealloc__(self):
        if PBF_FREE_THREADED and self.engine is not None:
            forget(self.engine.identity)

    def _scope_variable(self):
        """The variable that holds the scope of each thread and task."""
        with cython.critical_section(self):
            if self.scopes is None:
                self.scopes = ContextVar("paltabrain_sdk.scope")
                pbf_publish(self.has_scopes, 1)
            return self.scopes

    def _current_scope(self):
        """The scope that this thread or task is in, if any."""
        cdef Scope scope
        with cython.critical_section(self):
            variable = self.scopes
        scope = None if variable is None else variable.get(None)
        while scope is not None and scope.context is None:
            scope = scope.outer
        return scope

    def _current_context(self):
        """The context of an event that is given none."""
        context = self.current_context()
        if context is None:
            raise MemoryError
        return context

    @cython.final
    cdef inline object current_context(self):
        """The context of an event that is given none; None if there is no memory to find it."""
        cdef PyObject *scopes

        with cython.critical_section(self):
            context = self.context
            scopes = <PyObject *>self.scopes  # which stays as long as self
        return context if scopes == <PyObject *>None else scoped_or(scopes, context)

    @property
    def _session_wire_id(self):
        return self.session_id if self.has_session else None

    @_session_wire_id.setter
    def _session_wire_id(self, session_id):
        with cython.critical_section(self):
            self.has_session = session_id is not None
            self.session_id = 0 if session_id is None else session_id

    def _track(self, event, context):
        """Do what ``track()`` is to do, when ``DirectMethod`` has called its function."""
        self.track(event, context)

    # Two ways: record_fast() runs no Python code and raises nothing; all else is track_slow()'s.

    @cython.final
    cdef inline int track(self, object event, object context) except -1:
        cdef pbf.pbf_status status

        if self.is_diverted:
            return self.track_diverted(event, context)
        if PBF_FREE_THREADED:
            return self.track_among_threads(event, context)
        if context is None:
            context = self.current_context()
            if context is None:
                return self.track_slow(event, None, pbf.PBF_FALL_BACK, True)
        elif pbf_may_be_false(context):
            return self.track_slow(event, context, pbf.PBF_FALL_BACK, True)
        status = self.record_fast(event, context)
        if status != pbf.PBF_OK or pbf.pbf_wake_due(&self.engine.wake, self.engine.ring):
            self.track_slow(event, context, status, False)
        return 0

    cdef int track_among_threads(self, object event, object context) except -1:
        """The same without a GIL, where no thread writes what the others read to track as well."""
        cdef pbf.pbf_context_ref ref
        cdef pbf.pbf_status status
        cdef uint64_t thread = pbf_hint64(self.thread)
        cdef bint is_own = False

        if thread != ANY and thread != pbf_thread():
            self.note_thread(thread)
        if context is None:
            if pbf_see(self.has_scopes):
                context = scoped_or(<PyObject *>self.scopes, self)
                if context is None:
                    return self.track_slow(event, None, pbf.PBF_FALL_BACK, True)
                is_own = context is self
            else:
                is_own = True
            if is_own:
                if self.engine.forks == fork_count_outside() and find_known(
                    self.engine.identity, pbf_see(self.context_version), &ref
                ):
                    status = self.encode_and_append(event, ref)
                    if status != pbf.PBF_OK or pbf.pbf_wake_due(
                        &self.engine.wake, self.engine.ring
                    ):
                        self.track_slow(event, None, status, True)
                    return 0
                with cython.critical_section(self):
                    context = self.context
        elif pbf_may_be_false(context):
            return self.track_slow(event, context, pbf.PBF_FALL_BACK, True)
        status = self.record_fast(event, context)
        if status != pbf.PBF_OK or pbf.pbf_wake_due(&self.engine.wake, self.engine.ring):
            self.track_slow(event, context, status, False)
        elif is_own:
            self.learn_context()
        return 0

    cdef void note_thread(self, uint64_t thread) noexcept:
        """Note that this thread tracks, beside the one that was noted.

        When it is the second one, make the SDK immortal: each call of ``track()`` takes a reference
        to the SDK and to its ``__dict__``, and two threads would pass the counts between them. An
        immortal SDK that nobody refers to is not shut down for that, but at the exit. So that a
        program which makes many of them does not keep them all, this is done for a few.
        """
        cdef PyObject *objects[3]
        global kept

        with cython.critical_section(self):
            if self.thread != thread:
                return  # another thread was noted meanwhile
            pbf_set_hint64(self.thread, ANY if thread else pbf_thread())
        if thread == 0 or pbf_hint64(kept) >= KEPT or self.engine.forks != fork_count():
            return
        pbf_set_hint64(kept, pbf_hint64(kept) + 1)
        try:
            attributes = self.__dict__
        except Exception:
            return
        objects[0] = <PyObject *>self
        objects[1] = <PyObject *>attributes
        objects[2] = NULL
        pbf_keep(objects)

    cdef void learn_context(self) noexcept:
        cdef uint64_t version

        with cython.critical_section(self):
            context = self.context
            version = self.context_version
        learn(self.engine.identity, version, context)

    cdef int track_diverted(self, object event, object context) except -1:
        """Call the hooks first, which may change the event or drop it; nothing if disabled."""
        if self.disabled:
            return 0
        try:
            if not (may_be_inside() and self._is_inside()):  # or else it is about to be refused
                diverted = self._divert(event, context)
                if diverted is None:
                    return 0
                event, context = diverted
        except Exception as error:
            self.skip(event, error)
            return 0
        return self.track_slow(event, context, pbf.PBF_FALL_BACK, False)

    cdef pbf.pbf_status record_fast(self, object event, object context) noexcept:
        """Record an event of a recognised class in a context that is as it was."""
        cdef pbf.pbf_context_ref ref

        if self.engine.forks != fork_count_outside() or not self.find_interned(context, &ref):
            return pbf.PBF_FALL_BACK
        return self.encode_and_append(event, ref)

    cdef pbf.pbf_status encode_and_append(
        self, object event, pbf.pbf_context_ref ref
    ) noexcept:
        """Encode the event into scratch memory, then append it: the ring is touched last."""
        cdef uint8_t scratch[SCRATCH]
        cdef uint8_t *larger
        cdef EventPlan plan = event_plan(event)
        cdef Encoding encoding
        cdef pbf.pbf_status encoded
        cdef pbf.pbf_status status = pbf.PBF_FALL_BACK

        if plan is None:
            return pbf.PBF_FALL_BACK
        begin(&encoding, scratch, SCRATCH)
        encoded = encode_event(plan, event, &encoding)
        if encoded == pbf.PBF_OK and not encoding.unverified:
            return self.append(&encoding, ref)
        if encoded == pbf.PBF_FULL:
            larger = <uint8_t *>malloc(pbf.PBF_BATCH_MAX)
            if larger != NULL:
                begin(&encoding, larger, pbf.PBF_BATCH_MAX)
                encoded = encode_event(plan, event, &encoding)
                if encoded == pbf.PBF_OK and not encoding.unverified:
                    status = self.append(&encoding, ref)
                free(larger)
        # An event that is too large falls back, too: its own methods may find another fault first.
        return pbf.PBF_INTERRUPTED if encoded == pbf.PBF_INTERRUPTED else status

    cdef pbf.pbf_status append(self, Encoding *encoding, pbf.pbf_context_ref ref) noexcept:
        cdef pbf.pbf_event event

        if pbf.pbf_encode_common(
            &encoding.out, pbf_unix_ms(), self.has_session, self.session_id, &event
        ) != pbf.PBF_OK:
            return pbf.PBF_FALL_BACK
        if self.engine.lanes.count:
            return pbf.pbf_lane_append(
                &self.engine.lanes, pbf_thread_number(), self.engine.ring, &self.engine.wake,
                &self.engine.contexts, ref, &event,
            )
        return pbf.pbf_record_append(self.engine.ring, &self.engine.contexts, ref, &event)

    cdef int track_slow(
        self, object event, object context, pbf.pbf_status status, bint may_be_false
    ) except -1:
        """Do what is left to do. Only from here on can Python code run, and raise.

        Args:
            status: what came of ``record_fast()``.
            may_be_false: the context is one given by the caller, which stands for that of the SDK
                if it is false.
        """
        try:
            if may_be_false and not context:
                context = self._current_context()
            if status == pbf.PBF_OK:
                self._event_recorded()
            else:
                self.record_slow(event, context, status)
        except Exception as error:
            self.skip(event, error)
        return 0

    cdef int skip(self, object event, object error) except -1:
        """Report an event that cannot be recorded."""
        try:
            self._serialization_failed(event, error)
        except Exception:  # such as a RecursionError, where no call succeeds
            pass
        return 0

    cdef object record_slow(self, object event, object context, pbf.pbf_status status):
        """Record the event after all, or drop it."""
        if status == pbf.PBF_INTERRUPTED:
            pbf_raise_set()
        if may_be_inside() and self._is_inside():
            self._drop(RecordStatus.REENTRANT)
            return
        if status != pbf.PBF_FULL:
            recall_plan(event)
            status = self.record(event, context)
        if status == pbf.PBF_FULL and pbf.pbf_shed_event(&self.engine.shedding, pbf_unix_ms()):
            return
        if status == pbf.PBF_FULL or status == pbf.PBF_FORKED:
            status = self._record_with_retry(
                RecordStatus(status), partial(self._record, event, context)
            )
        if status == pbf.PBF_FALL_BACK or status == pbf.PBF_TOO_LARGE:
            self.fall_back(event, context)  # serialized, it is also known how large it is
        elif status != pbf.PBF_OK:
            self._drop(RecordStatus(status))
        elif pbf.pbf_wake_due(&self.engine.wake, self.engine.ring) or plans_are_wanted():
            self._event_recorded()  # the control thread makes the plans

    def _record(self, event, context):
        """Try once to record an event; return what became of it."""
        return RecordStatus(self.record(event, context))

    cdef pbf.pbf_status record(self, object event, object context) except *:
        """Record an event of a recognised class in whatever context."""
        cdef pbf.pbf_context_ref ref
        cdef pbf.pbf_status status = pbf.PBF_STALE

        while status == pbf.PBF_STALE:
            if self.engine.forks != fork_count():
                return pbf.PBF_FORKED
            status = self.intern_context(context, &ref)
            if status == pbf.PBF_OK:
                status = self.encode_and_append(event, ref)
        if status == pbf.PBF_INTERRUPTED:
            pbf_raise_set()
        return status

    cdef bint find_interned(self, object context, pbf.pbf_context_ref *ref) noexcept:
        """Find the reference for records of this context, if the context is as it was."""
        cdef bint found = False

        if isinstance(context, ContextBase):
            with cython.critical_section(context):
                found = (
                    (<ContextBase>context).engine == self.engine.identity
                    and is_unchanged(<ContextBase>context)
                )
                ref[0] = (<ContextBase>context).ref
        return found

    cdef pbf.pbf_status intern_context(self, object context, pbf.pbf_context_ref *ref) except *:
        """Get the reference for records of this context; serialize it if it has changed."""
        cdef ContextBase own = None
        cdef pbf.pbf_status status
        cdef bytes serialized = None

        if isinstance(context, ContextBase):
            own = <ContextBase>context
            with cython.critical_section(own):
                if is_unchanged(own):
                    serialized = own.serialized
        if serialized is None:
            serialized = context_bytes(context)
        status = self.engine.intern(serialized, ref)
        if status == pbf.PBF_OK and own is not None:
            with cython.critical_section(own):
                if own.serialized is serialized:
                    own.engine = self.engine.identity
                    own.ref = ref[0]
        return status

    cdef object fall_back(self, object event, object context):
        """Have the event serialize itself, and compare that with what is encoded here."""
        serialized = context_bytes(context)
        header, payload = event.serialize_header(), event.serialize_payload()
        status = self._record_serialized(event, serialized, header, payload)
        plan = event_plan(event) if status is RecordStatus.OK else None
        if plan is not None:
            verify_event(plan, event, header, payload)
        elif plans_are_wanted():
            self._event_recorded()  # the control thread makes the plans


@cython.final
cdef class DirectMethod:
    """Stands in for the function ``track`` of ``PaltabrainSdk``, and runs no Python code.

    Its signature, its code and its class are those of the function: ``unittest.mock``, for one,
    passes ``self`` on to plain functions only. Calls with unexpected arguments go to the function.
    """

    cdef object function
    cdef vectorcallfunc vectorcall
    cdef object __weakref__

    def __cinit__(self, function):
        self.function = function
        self.vectorcall = call_track
        pbf_share(self)  # every thread that calls track() takes a reference

    def __get__(self, instance, owner):
        return self if instance is None else PyMethod_New(self, instance)

    def __getattr__(self, name):
        return getattr(self.function, name)

    def __repr__(self):
        return repr(self.function)

    def __reduce__(self):
        return self.function.__qualname__

    @property
    def __class__(self):
        return FunctionType

    @property
    def __doc__(self):
        return self.function.__doc__

    @property
    def __module__(self):
        return self.function.__module__


cdef str EVENT = intern("event")
cdef str CONTEXT = intern("context")


cdef object call_track(
    PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames
):
    cdef Py_ssize_t count = PyVectorcall_NARGS(nargsf)
    cdef PyObject *event
    cdef PyObject *context = <PyObject *>None

    if 0 < count < 4 and isinstance(<object>args[0], Tracker):
        event = args[1] if count > 1 else NULL
        if count > 2:
            context = args[2]
        if kwnames == NULL or take_keywords(args + count, kwnames, count, &event, &context):
            if event != NULL:
                (<Tracker>args[0]).track(<object>event, <object>context)
                return None
    return PyObject_Vectorcall(
        <PyObject *>(<DirectMethod>callable).function, args, nargsf, kwnames
    )


cdef bint take_keywords(
    PyObject *const *values,
    PyObject *names,
    Py_ssize_t positional,
    PyObject **event,
    PyObject **context,
) noexcept:
    """Take what is given by name; false for an unknown name, or one given by position as well."""
    cdef Py_ssize_t i

    for i in range(PyTuple_GET_SIZE(<object>names)):
        if PyTuple_GET_ITEM(<object>names, i) == <PyObject *>CONTEXT and positional < 3:
            context[0] = values[i]
        elif PyTuple_GET_ITEM(<object>names, i) == <PyObject *>EVENT and positional < 2:
            event[0] = values[i]
        else:
            return False
    return True


cdef DirectMethod any_method = DirectMethod(None)
pbf_set_vectorcall(
    <PyTypeObject *>DirectMethod, <char *>&any_method.vectorcall - <char *><void *>any_method
)
