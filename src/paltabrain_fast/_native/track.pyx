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

# What record() answers: a pbf_status, or this.
cdef enum:
    LEFT = 100  # to the event's own serialize_*()

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

    The subclass has ``_recorded()``, ``_refused(event, context, status)`` and
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
        cdef EventPlan plan
        cdef int status = LEFT

        if self.disabled:
            return
        if context is None:
            with cython.critical_section(self):
                context = self.context
        try:
            plan = event_plan(event)
            if plan is not None:
                status = self.record(plan, event, context)
            if status == pbf.PBF_OK:
                if pbf.pbf_ring_pending(self.engine.ring) >= self.notify_at:
                    self._recorded()
            elif status == LEFT:
                self.record_slowly(event, context)
            else:
                self._refused(event, context, STATUSES[status])
        except Exception as error:
            try:
                self._failed(event, error)
            except Exception:  # such as a RecursionError, where no call succeeds
                pass

    cdef int record(self, EventPlan plan, object event, object context) except -1:
        """Encode the event into scratch memory, then append it: the ring is touched last."""
        cdef uint8_t scratch[SCRATCH]
        cdef uint8_t *larger
        cdef pbf.pbf_context_ref ref
        cdef Encoding encoding
        cdef Outcome outcome
        cdef int status

        status = self.refer(context, &ref)
        if status != pbf.PBF_OK:
            return status
        begin(&encoding, scratch, SCRATCH)
        outcome = encode_event(plan, event, &encoding)
        if outcome == ENCODED and not encoding.unproved:
            return self.append(&encoding, context, &ref)
        if outcome != NO_ROOM:
            if outcome == INTERRUPTED:
                pbf_raise_set()
            return LEFT
        larger = <uint8_t *>malloc(pbf.PBF_BATCH_MAX)
        if larger == NULL:
            raise MemoryError
        try:
            begin(&encoding, larger, pbf.PBF_BATCH_MAX)
            outcome = encode_event(plan, event, &encoding)
            if outcome == ENCODED and not encoding.unproved:
                return self.append(&encoding, context, &ref)
            if outcome == INTERRUPTED:
                pbf_raise_set()
            return LEFT  # also what is too large: its own methods may find another fault first
        finally:
            free(larger)

    cdef int append(
        self, Encoding *encoding, object context, pbf.pbf_context_ref *ref
    ) except -1:
        cdef pbf.pbf_encoded_event encoded
        cdef pbf.pbf_status status

        encoded.has_session = self.has_session
        if pbf.pbf_encode_common(
            &encoding.out, pbf_unix_ms(), self.has_session, self.session_id, &encoded.common_length
        ) != pbf.PBF_OK:
            return LEFT
        encoded.bytes = encoding.out.at
        encoded.length = pbf.pbf_encoded_length(&encoding.out)
        while True:
            status = pbf.pbf_record_append_encoded(
                self.engine.ring, &self.engine.contexts, ref[0], &encoded
            )
            if status != pbf.PBF_STALE:
                return status
            status = self.refer(context, ref)
            if status != pbf.PBF_OK:
                return status

    cdef pbf.pbf_status refer(self, object context, pbf.pbf_context_ref *ref) except *:
        """Find what a record of this context names; serialize the context if it has changed."""
        cdef ContextBase own = None
        cdef pbf.pbf_status status
        cdef bytes serialized = None

        if isinstance(context, ContextBase):
            own = <ContextBase>context
            with cython.critical_section(own):
                if is_unchanged(own):
                    if own.engine == self.engine.identity and pbf.pbf_context_is_live(
                        &self.engine.contexts, own.ref
                    ):
                        ref[0] = own.ref
                        return pbf.PBF_OK
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
            self._refused(event, context, status)
            return
        self._recorded_slowly(event)
        plan = event_plan(event)
        if plan is not None:
            learn_event(plan, event, header, payload)
