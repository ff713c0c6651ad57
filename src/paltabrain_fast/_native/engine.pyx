"""The native engine: the C ring, its contexts and framing behind the ``Engine`` protocol."""

from itertools import count

cimport cython
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
    _PyBytes_Resize,
)
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from posix.mman cimport (
    MAP_ANONYMOUS,
    MAP_FAILED,
    MAP_FIXED,
    MAP_PRIVATE,
    PROT_READ,
    PROT_WRITE,
    mmap,
    munmap,
)

from . cimport pbf
from .fork cimport fork_count
from .python cimport PBF_FREE_THREADED, pbf_prefault, pbf_thread_number, pbf_unix_ms

from .._engine.protocol import Counts, FramedBatch, RecordStatus
from .uuid7 import uuid_v7

cdef extern from "Python.h":
    # as a bare pointer, which is what _PyBytes_Resize wants
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) except NULL

cdef extern from "<sched.h>" nogil:
    int sched_yield()

# An empty ring goes on from the start of its memory once it is this far into it, so that a large
# ring that never holds much stays small in resident memory.
cdef enum:
    EARLY_LAP_BYTES = 65536

# If more than this part of the ring is in use when a batch is cut, the rest is likely to be used as
# well, and is made resident.
cdef enum:
    BACKLOG_PART = 64

# Not more than this is made resident: a larger buffer may never be full.
cdef enum:
    MAX_PREFAULT_BYTES = 67108864

# Events that wait until the batch of their context is cut take up not more than this part of the
# ring's size, nor than so many bytes.
cdef enum:
    GROUPS_PART = 4
    MAX_GROUPS_BYTES = 4194304

# So many threads put events into the buffer without touching what another one writes; if there are
# more of them, some share. Their blocks take up not more than this part of the buffer.
cdef enum:
    LANES = 16
    BLOCKS_PART = 32

# Restarts of the session numbers for which memory is taken at first; they are rarely many.
cdef enum:
    RESTARTS = 16

# What no count of forks comes to: the engine belongs to no process.
cdef uint64_t NO_COUNT = <uint64_t>-1

cdef object identities = count(1)

# An eviction frees at least this part of the ring: it costs more than a record, and a ring that was
# full once soon is full again.
cdef enum:
    EVICTED_PART = 256

cdef tuple STATUSES = tuple(RecordStatus)  # by the value of a pbf_status


@cython.final
cdef class NativeEngine:
    def __cinit__(self, uint64_t buffer_bytes, *, bint always_blocks=False):
        self.capacity = pbf.pbf_ring_capacity(buffer_bytes)
        if self.capacity == 0:
            raise ValueError(f"buffer_bytes is too large: {buffer_bytes}")
        self.mapped = sizeof(pbf.pbf_ring) + self.capacity
        self.lanes.always = always_blocks
        if self.capacity >= LANES * BLOCKS_PART * pbf.PBF_BLOCK_BYTES and (
            PBF_FREE_THREADED or always_blocks
        ):
            self.lanes.count = LANES
            self.mapped += LANES * sizeof(pbf.pbf_lane)
        self.start()

    cdef void start(self) except *:
        """Begin with an empty ring in fresh memory, at the same address if there was one before."""
        cdef uint32_t slot_count, chunk_count, bucket_count = 1
        cdef int in_place = MAP_FIXED if self.ring != NULL else 0
        cdef void *memory

        self.identity = next(identities)
        self.owned = {}
        self.owned_bytes = self.taken_count = self.watermark = self.marked = self.charged = 0
        self.numbering.last = 0
        self.numbering.restart_count = self.numbering.restart_next = 0
        self.is_numbering = False
        self.forks = fork_count()
        self.prefaulted = False
        memory = mmap(
            self.ring,
            self.mapped,
            PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | in_place,
            -1,
            0,
        )
        if memory == MAP_FAILED:
            raise MemoryError(f"no memory for a buffer of {self.capacity} bytes")
        self.ring = <pbf.pbf_ring *>memory
        pbf.pbf_ring_init(self.ring, self.capacity, 0)
        # Behind the ring, whose size is a multiple of a lane's alignment.
        self.lanes.lanes = <pbf.pbf_lane *>(
            <char *>memory + self.mapped - self.lanes.count * sizeof(pbf.pbf_lane)
        )
        if self.closed:
            pbf.pbf_ring_close(self.ring)
        pbf.pbf_wake_init(&self.wake)
        pbf.pbf_shed_close(&self.shedding)
        pbf.pbf_shed_take(&self.shedding)

        slot_count = <uint32_t>min(
            1 + self.capacity // pbf.PBF_CONTEXT_COST, <uint64_t>pbf.PBF_CONTEXT_MAX_SLOTS
        )
        while bucket_count < slot_count // 4:
            bucket_count *= 2
        free(self.slots)
        free(self.buckets)
        self.slots = <pbf.pbf_context_slot *>calloc(slot_count, sizeof(pbf.pbf_context_slot))
        self.buckets = <uint32_t *>calloc(bucket_count, sizeof(uint32_t))
        if self.slots == NULL or self.buckets == NULL:
            raise MemoryError("no memory for the table of contexts")
        pbf.pbf_context_init(&self.contexts, self.slots, slot_count, self.buckets, bucket_count)

        chunk_count = <uint32_t>(
            1 + min(self.capacity // GROUPS_PART, <uint64_t>MAX_GROUPS_BYTES) // pbf.PBF_CHUNK_SIZE
        )
        free(self.chunks)
        self.chunks = <pbf.pbf_chunk *>calloc(chunk_count, sizeof(pbf.pbf_chunk))
        if self.chunks == NULL:
            raise MemoryError("no memory for groups of events")
        pbf.pbf_groups_init(&self.framing.groups, self.chunks, chunk_count)
        self.framing.mark = 0
        self.framing.slot = 0

    def __dealloc__(self):
        free(self.slots)
        free(self.buckets)
        free(self.chunks)
        free(self.numbering.restarts)
        if self.ring != NULL:
            munmap(self.ring, self.mapped)

    def __len__(self):
        cdef uint64_t taken = self.taken_count  # first, so that it is not more than is accepted

        self.publish()
        return pbf.pbf_ring_accepted(self.ring) - taken

    cdef void publish(self) noexcept:
        """Have all that is accepted by now counted by the ring, and readable.

        Not in a forked child: there a lane may be locked by a thread that is not there any more.
        """
        if self.lanes.count and self.forks == fork_count():
            pbf.pbf_lanes_publish(&self.lanes, self.ring)

    @property
    def accepted(self):
        self.publish()
        return pbf.pbf_ring_accepted(self.ring)

    @property
    def taken(self):
        return self.taken_count

    @property
    def last_number(self):
        cdef uint64_t end
        cdef int64_t number
        cdef bint is_known

        while True:
            with cython.critical_section(self):
                end = pbf.pbf_ring_claimed(self.ring)
                self.publish()
                is_known = not self.is_numbering and pbf.pbf_number_last(
                    &self.numbering, self.ring, end, &number
                )
            if is_known:
                return number
            with nogil:
                sched_yield()

    @last_number.setter
    def last_number(self, int64_t number):
        cdef bint is_set

        while True:
            with cython.critical_section(self):
                is_set = not self.is_numbering and self.restart(number)
                self.publish()  # so that no later event goes into a block from before
            if is_set:
                return
            with nogil:
                sched_yield()

    cdef bint restart(self, int64_t number) except -1:
        cdef pbf.pbf_numbering *numbering = &self.numbering
        cdef size_t room
        cdef void *restarts

        if not pbf.pbf_number_restart(numbering, self.ring, number):
            room = max(<size_t>RESTARTS, 2 * numbering.restart_room)
            restarts = realloc(numbering.restarts, room * sizeof(pbf.pbf_restart))
            if restarts == NULL:
                raise MemoryError("no memory to restart the session numbers")
            numbering.restarts = <pbf.pbf_restart *>restarts
            numbering.restart_room = room
            return pbf.pbf_number_restart(numbering, self.ring, number)
        return True

    cdef void set_numbering(self, bint is_numbering) noexcept:
        """Keep other threads from ``numbering`` while the consumer uses it without the GIL."""
        with cython.critical_section(self):
            self.is_numbering = is_numbering

    def counts(self):
        cdef uint64_t taken = self.taken_count  # first, so that it is not more than is accepted
        cdef uint64_t accepted

        self.publish()
        accepted = pbf.pbf_ring_accepted(self.ring)
        return Counts(
            accepted,
            accepted - taken,
            pbf.pbf_ring_used(self.ring)
            + self.owned_bytes
            + self.framing.groups.used * pbf.PBF_CHUNK_SIZE,
        )

    def mark(self):
        with cython.critical_section(self):
            self.publish()
            self.marked = pbf.pbf_ring_accepted(self.ring)
        return self.marked

    def record(self, context, header, payload, session_id):
        cdef pbf.pbf_encoder encoder
        cdef pbf.pbf_event event
        cdef pbf.pbf_context_ref ref
        cdef pbf.pbf_status encoded, status
        cdef size_t room
        cdef bytes scratch

        if type(context) is not bytes or type(header) is not bytes or type(payload) is not bytes:
            raise TypeError("context, header and payload must be serialized to bytes")
        room = PyBytes_GET_SIZE(header) + PyBytes_GET_SIZE(payload)
        scratch = PyBytes_FromStringAndSize(
            NULL, min(room, pbf.PBF_BATCH_MAX) + pbf.PBF_EVENT_OVERHEAD
        )
        encoder = pbf.pbf_encoder_on(
            <uint8_t *>PyBytes_AS_STRING(scratch), PyBytes_GET_SIZE(scratch)
        )
        encoded = pbf.pbf_encode_parts(
            &encoder,
            <const uint8_t *>PyBytes_AS_STRING(header),
            PyBytes_GET_SIZE(header),
            <const uint8_t *>PyBytes_AS_STRING(payload),
            PyBytes_GET_SIZE(payload),
        )
        if encoded == pbf.PBF_OK:
            encoded = pbf.pbf_encode_common(
                &encoder,
                pbf_unix_ms(),
                session_id is not None,
                0 if session_id is None else session_id,
                &event,
            )
        while True:
            if self.forks != fork_count():
                return STATUSES[pbf.PBF_FORKED]
            status = self.intern(<bytes>context, &ref)
            if status == pbf.PBF_OK:
                status = encoded
            if status == pbf.PBF_OK and self.lanes.count:
                status = pbf.pbf_lane_append(
                    &self.lanes, pbf_thread_number(), self.ring, &self.wake, &self.contexts, ref,
                    &event,
                )
            elif status == pbf.PBF_OK:
                status = pbf.pbf_record_append(self.ring, &self.contexts, ref, &event)
            if status != pbf.PBF_STALE:
                return STATUSES[status]

    cdef pbf.pbf_status intern(self, bytes context, pbf.pbf_context_ref *ref) except *:
        """Find or add the context with these bytes; the table then points into the object."""
        cdef const uint8_t *data = <const uint8_t *>PyBytes_AS_STRING(context)
        cdef Py_ssize_t length = PyBytes_GET_SIZE(context)
        cdef pbf.pbf_status status = pbf.PBF_OK

        with cython.critical_section(self):
            if self.closed:
                return pbf.PBF_CLOSED
            if <size_t>length > pbf.PBF_BATCH_MAX:
                return pbf.PBF_TOO_LARGE
            if not pbf.pbf_context_find(&self.contexts, data, <uint32_t>length, ref):
                status = pbf.pbf_context_add(
                    &self.contexts, self.ring, data, <uint32_t>length, ref
                )
                if status == pbf.PBF_FULL and not self.is_numbering:
                    # Those of the past may be in the way, and nothing be buffered that would end a
                    # drain. There is no consumer now, as we hold the lock.
                    self.retire_contexts()
                    status = pbf.pbf_context_add(
                        &self.contexts, self.ring, data, <uint32_t>length, ref
                    )
                if status == pbf.PBF_OK:
                    self.owned[ref.slot] = context
                    self.owned_bytes += length
        return status

    def take(self, str instance_id not None, bytes telemetry not None=b""):
        cdef bytes instance, batch, body
        cdef str batch_id
        cdef pbf.pbf_envelope envelope
        cdef pbf.pbf_frame frame
        cdef size_t room
        cdef PyObject *resized
        cdef uint8_t *out

        if pbf.pbf_frame_is_done(self.ring, &self.framing):
            self.framing.mark = self.marked
            if pbf.pbf_frame_is_done(self.ring, &self.framing):
                return None
        self.publish()  # a block claimed while the mark was made may lie before what is marked
        if pbf.pbf_ring_used(self.ring) > self.capacity // BACKLOG_PART:
            self.prefault()
        instance = instance_id.encode()
        batch_id = uuid_v7()
        batch = batch_id.encode()
        envelope.instance_id = PyBytes_AS_STRING(instance)
        envelope.instance_id_length = PyBytes_GET_SIZE(instance)
        envelope.batch_id = PyBytes_AS_STRING(batch)
        envelope.batch_id_length = PyBytes_GET_SIZE(batch)
        envelope.telemetry = <const uint8_t *>PyBytes_AS_STRING(telemetry)
        envelope.telemetry_length = PyBytes_GET_SIZE(telemetry)
        envelope.limit = pbf.PBF_BATCH_MAX
        room = pbf.pbf_frame_bound(self.ring, &self.contexts, &self.framing, &envelope)
        resized = new_bytes(NULL, room)
        out = <uint8_t *>PyBytes_AS_STRING(<bytes>resized)
        self.set_numbering(True)
        with nogil:
            pbf.pbf_frame_take(
                self.ring, &self.contexts, &self.numbering, &self.framing, &envelope, out, room,
                &frame,
            )
        self.set_numbering(False)
        self.account()
        pbf.pbf_shed_close(&self.shedding)
        _PyBytes_Resize(&resized, frame.size)  # the bound was somewhat too high
        body = <bytes>resized
        Py_DECREF(body)
        # Not when the buffer is empty: that may never be, where threads track all the time.
        if pbf.pbf_frame_is_done(self.ring, &self.framing):
            self.end_drain()
        if not frame.events and not frame.too_large:
            return None
        # not by its own __new__, whose first step would raise what a signal handler raises
        return tuple.__new__(
            FramedBatch,
            (
                body,
                batch_id,
                frame.events,
                frame.too_large,
                frame.first,
                self.watermark,
                self.taken_count,
                frame.telemetry,
            ),
        )

    def evict(self):
        cdef uint64_t evicted

        self.publish()
        self.set_numbering(True)
        with nogil:
            evicted = pbf.pbf_frame_evict(
                self.ring,
                &self.contexts,
                &self.numbering,
                &self.framing,
                self.capacity // EVICTED_PART,
            )
        self.set_numbering(False)
        self.account()
        if self.contexts.squeezed:
            self.end_drain()
        return evicted

    cdef void account(self) noexcept:
        """Note what was taken; have the chunks in use count toward the budget of the ring.

        Not earlier: a pass takes chunks without the lock. So until it ends, and until as much is
        taken as it has moved, they may come on top of ``buffer_bytes``.
        """
        cdef uint64_t used = self.framing.groups.used * pbf.PBF_CHUNK_SIZE

        self.taken_count = pbf.pbf_frame_taken(self.ring, &self.framing)
        self.watermark = pbf.pbf_frame_watermark(self.ring, &self.framing)
        with cython.critical_section(self):
            if used > self.charged:
                self.charged += pbf.pbf_ring_charge(self.ring, used - self.charged)
            else:
                pbf.pbf_ring_unreserve(self.ring, self.charged - used)
                self.charged = used

    def prefault(self):
        if self.prefaulted:
            return
        self.prefaulted = True
        with nogil:
            pbf_prefault(self.ring, min(self.mapped, <size_t>MAX_PREFAULT_BYTES))

    def shed_for(self, uint64_t milliseconds):
        pbf.pbf_shed_open(&self.shedding, pbf_unix_ms(), milliseconds)

    def drop_if_shedding(self):
        return pbf.pbf_shed_event(&self.shedding, pbf_unix_ms())

    def take_shed(self):
        return pbf.pbf_shed_take(&self.shedding)

    def arm(self, uint64_t events):
        cdef uint64_t staged = self.framing.groups.events
        cdef uint64_t more = events - staged if events > staged else 1
        cdef bint is_armed = pbf.pbf_wake_arm(&self.wake, self.ring, more)

        if self.lanes.count:
            # Who appends from here on sees the mark; what was appended before is counted now.
            self.publish()
            is_armed = pbf.pbf_wake_arm(&self.wake, self.ring, more)
        return is_armed and staged < events

    def due(self):
        return pbf.pbf_wake_due(&self.wake, self.ring)

    @property
    def is_interrupted(self):
        return False  # no handler runs while C holds what the consumer needs

    @property
    def forked(self):
        return self.forks != fork_count()

    def abandon(self):
        self.start()
        self.forks = NO_COUNT

    def close(self):
        with cython.critical_section(self):
            self.closed = True  # so that no context is added either
        pbf.pbf_ring_close(self.ring)
        self.publish()
        with nogil:
            while not pbf.pbf_ring_is_final(self.ring):
                sched_yield()  # another thread is between claim and commit

    cdef void end_drain(self) except *:
        with cython.critical_section(self):
            pbf.pbf_ring_start_lap(self.ring, EARLY_LAP_BYTES)
            self.retire_contexts()

    cdef void retire_contexts(self) except *:
        """Free the contexts that have had their time; for the consumer, who holds the lock."""
        cdef uint32_t slot

        pbf.pbf_context_end_drain(&self.contexts, self.ring)
        while True:
            slot = pbf.pbf_context_reap(&self.contexts, self.ring)
            if slot == 0:
                break
            self.owned_bytes -= PyBytes_GET_SIZE(self.owned.pop(slot))
