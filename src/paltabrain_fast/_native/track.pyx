"""``track()``: encode the event, put it into the ring, tell the control thread when it is time."""

from sys import intern
from types import FunctionType

cimport cython
from cpython.object cimport PyObject, PyTypeObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc

from . cimport pbf
from .base cimport ContextBase
from .classes cimport (
    EventPlan,
    context_bytes,
    encode_event,
    event_plan,
    is_unchanged,
    learn_event,
)
from .encode cimport ENCODED, INTERRUPTED, NO_ROOM, Encoding, Outcome, begin
from .engine cimport NativeEngine
from .fork cimport fork_count, fork_count_outside, may_be_inside
from .python cimport (
    PyMethod_New,
    PyObject_Vectorcall,
    PyVectorcall_NARGS,
    pbf_may_be_false,
    pbf_raise_set,
    pbf_set_vectorcall,
    pbf_share,
    pbf_unix_ms,
    vectorcallfunc,
)

from .._engine.protocol import RecordStatus

# What becomes of an event: a pbf_status, or one of these.
cdef enum:
    LEFT = 100  # to the next that tries, in the end to the event's own serialize_*()
    INTERRUPTION = 101  # by what is no Exception, and is set
    FORK = 102  # since the engine began
    UNDECIDED = 103  # whether the context is a false one, which means the SDK's own

cdef enum:
    SCRATCH = 8192  # on the stack: enough for all but rare events

cdef dict STATUSES = {
    pbf.PBF_OK: RecordStatus.ACCEPTED,
    pbf.PBF_FULL: RecordStatus.BUFFER_FULL,
    pbf.PBF_CLOSED: RecordStatus.CLOSED,
}


cdef class Tracker:
    """Base of ``PaltabrainSdk``; see ``TrackerHooks`` for what that has."""

    def _set_up(self, NativeEngine engine not None, bint disabled):
        self.engine = engine
        self.disabled = disabled

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

    @property
    def _session_wire_id(self):
        return self.session_id if self.has_session else None

    @_session_wire_id.setter
    def _session_wire_id(self, session_id):
        with cython.critical_section(self):
            self.has_session = session_id is not None
            self.session_id = 0 if session_id is None else session_id

    def _track(self, event, context):
        """Do as ``track()``, which is a ``DirectMethod``, for arguments that are not as usual."""
        self.track(event, context)

    @cython.final
    cdef inline int track(self, object event, object context) except -1:
        cdef int status

        if self.disabled:
            return 0
        if context is None:
            with cython.critical_section(self):
                context = self.context
        elif pbf_may_be_false(context):
            return self.go_on(event, context, UNDECIDED)
        status = self.record_unchanged(event, context)
        if status != pbf.PBF_OK or pbf.pbf_wake_due(&self.engine.wake, self.engine.ring):
            self.go_on(event, context, status)
        return 0

    cdef int record_unchanged(self, object event, object context) noexcept:
        """Record what needs no Python code: an event of a proved class in a known context."""
        cdef pbf.pbf_context_ref ref

        if self.engine.forks != fork_count_outside() or not self.find_reference(context, &ref):
            return LEFT
        return self.record_in(ref, event)

    cdef int record_in(self, pbf.pbf_context_ref ref, object event) noexcept:
        """Encode the event into scratch memory, then append it: the ring is touched last."""
        cdef uint8_t scratch[SCRATCH]
        cdef uint8_t *larger
        cdef EventPlan plan = event_plan(event)
        cdef Encoding encoding
        cdef Outcome outcome
        cdef int status = LEFT

        if plan is None:
            return LEFT
        begin(&encoding, scratch, SCRATCH)
        outcome = encode_event(plan, event, &encoding)
        if outcome == ENCODED and not encoding.unproved:
            return self.append(&encoding, ref)
        if outcome == NO_ROOM:
            larger = <uint8_t *>malloc(pbf.PBF_BATCH_MAX)
            if larger != NULL:
                begin(&encoding, larger, pbf.PBF_BATCH_MAX)
                outcome = encode_event(plan, event, &encoding)
                if outcome == ENCODED and not encoding.unproved:
                    status = self.append(&encoding, ref)
                free(larger)
        # what is too large is left, too: its own methods may find another fault first
        return INTERRUPTION if outcome == INTERRUPTED else status

    cdef int go_on(self, object event, object context, int status) except -1:
        """Whatever is not usual. Only here can Python code run, and raise."""
        try:
            if status == UNDECIDED:
                if not context:
                    context = self._context
                status = LEFT
            if status == pbf.PBF_OK:
                self._recorded()
            elif not self.insist(event, context, status):
                self.record_slowly(event, context)
        except Exception as error:
            try:
                self._failed(event, error)
            except Exception:  # such as a RecursionError, where no call succeeds
                pass
        return 0

    cdef bint insist(self, object event, object context, int status) except -1:
        """Record the event after all, or say why not; false if it has to serialize itself."""
        if may_be_inside() and self._is_inside():
            self._refused(RecordStatus.REENTRANT)
            return True
        if status == INTERRUPTION:
            pbf_raise_set()
        if status != pbf.PBF_FULL:
            status = self.record(event, context)
        if status == FORK:
            self._renew_if_forked()
            status = self.record(event, context)
        if status == pbf.PBF_FULL:
            if pbf.pbf_shed_event(&self.engine.shedding, pbf_unix_ms()):
                return True
            for _ in self._make_room():
                status = self.record(event, context)
                if status != pbf.PBF_FULL:
                    break
        if status == INTERRUPTION:
            pbf_raise_set()
        if status == LEFT or status == pbf.PBF_TOO_LARGE:
            return False  # it is serialized to say how large it is
        if status != pbf.PBF_OK:
            self._refused(STATUSES[status])
        elif pbf.pbf_wake_due(&self.engine.wake, self.engine.ring):
            self._recorded()
        return True

    cdef int record(self, object event, object context) except -1:
        """Record an event of a proved class in whatever context."""
        cdef pbf.pbf_context_ref ref
        cdef int status

        while True:
            if self.engine.forks != fork_count():
                return FORK
            status = self.refer(context, &ref)
            if status != pbf.PBF_OK:
                return status
            status = self.record_in(ref, event)
            if status != pbf.PBF_STALE:
                return status

    cdef int append(self, Encoding *encoding, pbf.pbf_context_ref ref) noexcept:
        cdef pbf.pbf_encoded_event encoded

        encoded.has_session = self.has_session
        if pbf.pbf_encode_common(
            &encoding.out, pbf_unix_ms(), self.has_session, self.session_id, &encoded.common_length
        ) != pbf.PBF_OK:
            return LEFT
        encoded.bytes = encoding.out.at
        encoded.length = pbf.pbf_encoded_length(&encoding.out)
        return pbf.pbf_record_append_encoded(
            self.engine.ring, &self.engine.contexts, ref, &encoded
        )

    cdef bint find_reference(self, object context, pbf.pbf_context_ref *ref) noexcept:
        """Find what a record of this context names, if the context is as it was."""
        cdef bint found = False

        if isinstance(context, ContextBase):
            with cython.critical_section(context):
                found = (
                    (<ContextBase>context).engine == self.engine.identity
                    and is_unchanged(<ContextBase>context)
                )
                ref[0] = (<ContextBase>context).ref
        return found

    cdef pbf.pbf_status refer(self, object context, pbf.pbf_context_ref *ref) except *:
        """Find what a record of this context names; serialize the context if it has changed."""
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

    cdef object record_slowly(self, object event, object context):
        """Have the event serialize itself, and see whether it comes to what is encoded here."""
        serialized = context_bytes(context)
        header, payload = event.serialize_header(), event.serialize_payload()
        status = self._record_serialized(event, serialized, header, payload)
        plan = event_plan(event) if status is RecordStatus.ACCEPTED else None
        if plan is not None:
            learn_event(plan, event, header, payload)


@cython.final
cdef class DirectMethod:
    """Stands in for the function ``track`` of ``PaltabrainSdk``: as that, but no Python code runs.

    Whoever looks at it sees the function: its signature, its code, its class. ``unittest.mock``,
    for one, hands ``self`` on to nothing else. Arguments that are not as usual go to the function.
    """

    cdef object function
    cdef vectorcallfunc vectorcall
    cdef object __weakref__

    def __cinit__(self, function):
        self.function = function
        self.vectorcall = call_track
        pbf_share(self)  # every thread that tracks refers to it

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
    """Take what is given by name; false if it is strange, or given already."""
    cdef Py_ssize_t number

    for number in range(PyTuple_GET_SIZE(<object>names)):
        if PyTuple_GET_ITEM(<object>names, number) == <PyObject *>CONTEXT and positional < 3:
            context[0] = values[number]
        elif PyTuple_GET_ITEM(<object>names, number) == <PyObject *>EVENT and positional < 2:
            event[0] = values[number]
        else:
            return False
    return True


cdef DirectMethod a_method = DirectMethod(None)
pbf_set_vectorcall(
    <PyTypeObject *>DirectMethod, <char *>&a_method.vectorcall - <char *><void *>a_method
)
