"""``track()``: encode the event, put it into the ring, tell the control thread when it is time."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from . cimport pbf
from .base cimport ContextBase
from .classes cimport (
    EventPlan,
    begin,
    context_bytes,
    encode_event,
    event_plan,
    is_unchanged,
    learn_event,
)
from .encode cimport ENCODED, INTERRUPTED, NO_ROOM, Encoding, Outcome
from .engine cimport NativeEngine
from .python cimport pbf_raise_set, pbf_unix_ms

from .._protocol import RecordStatus

# What becomes of an event: a pbf_status, or one of these.
cdef enum:
    LEFT = 100  # to the next that tries, in the end to the event's own serialize_*()
    INTERRUPTION = 101  # by what is no Exception, and is set

cdef enum:
    SCRATCH = 8192  # on the stack: enough for all but rare events

cdef dict STATUSES = {
    pbf.PBF_OK: RecordStatus.ACCEPTED,
    pbf.PBF_FULL: RecordStatus.BUFFER_FULL,
    pbf.PBF_TOO_LARGE: RecordStatus.TOO_LARGE,
    pbf.PBF_CLOSED: RecordStatus.CLOSED,
}


cdef class Tracker:
    """Base of ``PaltabrainSdk``, which tells it what to track with, and hears of what is not usual.

    The subclass has ``_recorded()``, ``_recorded_slowly(event)``, ``_refused(status)`` and
    ``_failed(event, error)``.
    """

    def _set_up(self, NativeEngine engine not None, bint disabled):
        self.engine = engine
        self.disabled = disabled
        self.notify_at = 1

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

    @property
    def _notify_at(self):
        return self.notify_at

    @_notify_at.setter
    def _notify_at(self, uint64_t events):
        self.notify_at = events

    @cython.binding(False)
    def track(self, event, context=None):
        """track($self, /, event, context=None)
        --

        Buffer an event, as it is now, to be delivered in the background.

        Never raises an ``Exception``, never blocks, never does I/O. An event that cannot be
        serialized is logged and skipped; one that does not fit into the buffer is dropped and
        counted in ``stats()``.

        Args:
            event: an event of the config module.
            context: context to send with this event in place of ``sdk.context``.
        """
        cdef int status

        if self.disabled:
            return
        if context is None:
            with cython.critical_section(self):
                context = self.context
        status = self.record_unchanged(event, context)
        if status != pbf.PBF_OK or pbf.pbf_ring_pending(self.engine.ring) >= self.notify_at:
            self.go_on(event, context, status)

    cdef int record_unchanged(self, object event, object context) noexcept:
        """Record what needs no Python code: an event of a proved class in a context that is known."""
        cdef pbf.pbf_context_ref ref

        return self.record_in(ref, event) if self.find_reference(context, &ref) else LEFT

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
            if status == INTERRUPTION:
                pbf_raise_set()
            if status == LEFT or status == pbf.PBF_STALE:
                status = self.record(event, context)
            if status == INTERRUPTION:
                pbf_raise_set()
            if status == LEFT:
                self.record_slowly(event, context)
            elif status != pbf.PBF_OK:
                self._refused(STATUSES[status])
            elif pbf.pbf_ring_pending(self.engine.ring) >= self.notify_at:
                self._recorded()
        except Exception as error:
            try:
                self._failed(event, error)
            except Exception:  # such as a RecursionError, where no call succeeds
                pass
        return 0

    cdef int record(self, object event, object context) except -1:
        """Record an event of a proved class in whatever context."""
        cdef pbf.pbf_context_ref ref
        cdef int status

        while True:
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
        header, payload = event.serialize_header(), event.serialize_payload()
        status = self.engine.record(
            context_bytes(context), header, payload, self._session_wire_id
        )
        if status is not RecordStatus.ACCEPTED:
            self._refused(status)
            return
        self._recorded_slowly(event)
        plan = event_plan(event)
        if plan is not None:
            learn_event(plan, event, header, payload)
