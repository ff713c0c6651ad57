"""The native engine: the C ring, its contexts and framing behind the ``Engine`` protocol."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
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
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from . cimport pbf
from .fork cimport fork_count

from .._protocol import Counts, FramedBatch, RecordStatus
from .uuid7 import uuid_v7

# An empty ring that stands beyond this index goes on from the start, so that a large ring that
# never holds much stays small in resident memory.
cdef enum:
    EARLY_LAP_BYTES = 65536

# What an eviction frees at least, as a part of the ring: one costs more than a record, and who runs
# into a full ring once will do so again.
cdef enum:
    EVICTED_PART = 256

cdef object ACCEPTED = RecordStatus.ACCEPTED
cdef object BUFFER_FULL = RecordStatus.BUFFER_FULL
cdef object TOO_LARGE = RecordStatus.TOO_LARGE
cdef object CLOSED = RecordStatus.CLOSED
cdef object FORKED = RecordStatus.FORKED


@cython.final
cdef class NativeEngine:
    cdef pbf.pbf_ring *ring
    cdef size_t mapped
    cdef uint64_t capacity
    cdef pbf.pbf_context_table contexts
    cdef pbf.pbf_context_slot *slots
    cdef uint32_t *buckets
    cdef dict owned  # slot -> the bytes object that the table points into
    cdef uint64_t owned_bytes
    cdef uint64_t taken_count
    cdef uint64_t forks
    cdef pbf.pbf_wake wake
    cdef bint closed

    def __cinit__(self, uint64_t buffer_bytes):
        self.capacity = pbf.pbf_ring_capacity(buffer_bytes)
        if self.capacity == 0:
            raise ValueError(f"buffer_bytes is too large: {buffer_bytes}")
        self.mapped = sizeof(pbf.pbf_ring) + self.capacity
        self.start()

    cdef void start(self) except *:
        """Begin with nothing, in fresh memory, at the place of the ring if there is one."""
        cdef uint32_t slot_count, bucket_count = 1
        cdef int in_place = MAP_FIXED if self.ring != NULL else 0
        cdef void *memory

        self.owned = {}
        self.owned_bytes = self.taken_count = 0
        self.forks = fork_count()
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
        pbf.pbf_wake_init(&self.wake)

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

    def __dealloc__(self):
        free(self.slots)
        free(self.buckets)
        if self.ring != NULL:
            munmap(self.ring, self.mapped)

    def __len__(self):
        return pbf.pbf_ring_pending(self.ring)

    @property
    def accepted(self):
        return pbf.pbf_ring_accepted(self.ring)

    @property
    def taken(self):
        return self.taken_count

    def counts(self):
        cdef uint64_t accepted = pbf.pbf_ring_accepted(self.ring)

        return Counts(
            accepted,
            accepted - self.taken_count,
            pbf.pbf_ring_used(self.ring) + self.owned_bytes,
        )

    def record(self, context, header, payload, session_id):
        cdef pbf.pbf_event event
        cdef pbf.pbf_context_ref ref
        cdef pbf.pbf_status status

        if type(context) is not bytes or type(header) is not bytes or type(payload) is not bytes:
            raise TypeError("context, header and payload must be serialized to bytes")
        event.event_ts = unix_ms()
        event.has_session = session_id is not None
        event.session_id = 0 if session_id is None else session_id
        event.header = <const uint8_t *>PyBytes_AS_STRING(header)
        event.header_length = PyBytes_GET_SIZE(header)
        event.payload = <const uint8_t *>PyBytes_AS_STRING(payload)
        event.payload_length = PyBytes_GET_SIZE(payload)
        while True:
            if self.forks != fork_count():
                return FORKED
            if self.closed:
                return CLOSED
            status = self.intern(<bytes>context, &ref)
            if status == pbf.PBF_OK:
                status = pbf.pbf_record_append(self.ring, &self.contexts, ref, &event)
            if status == pbf.PBF_OK:
                return ACCEPTED
            if status == pbf.PBF_FULL:
                return BUFFER_FULL
            if status == pbf.PBF_TOO_LARGE:
                return TOO_LARGE

    cdef pbf.pbf_status intern(self, bytes context, pbf.pbf_context_ref *ref) except *:
        """Find or add the version with these bytes. The table keeps pointing into the object."""
        cdef const uint8_t *data = <const uint8_t *>PyBytes_AS_STRING(context)
        cdef Py_ssize_t length = PyBytes_GET_SIZE(context)
        cdef pbf.pbf_status status = pbf.PBF_OK

        if <size_t>length > pbf.PBF_BATCH_MAX:
            return pbf.PBF_TOO_LARGE
        with cython.critical_section(self):
            if not pbf.pbf_context_find(&self.contexts, data, <uint32_t>length, ref):
                status = pbf.pbf_context_add(
                    &self.contexts, self.ring, data, <uint32_t>length, ref
                )
                if status == pbf.PBF_OK:
                    self.owned[ref.slot] = context
                    self.owned_bytes += length
        return status

    def take(self, str instance_id not None, bytes telemetry not None=b""):
        cdef bytes instance = instance_id.encode()
        cdef str batch_id = uuid_v7()
        cdef bytes batch = batch_id.encode()
        cdef bytes body = b""
        cdef pbf.pbf_envelope envelope
        cdef pbf.pbf_frame frame
        cdef uint64_t start = self.taken_count
        cdef uint8_t *out
        cdef bint written = True

        envelope.instance_id = PyBytes_AS_STRING(instance)
        envelope.instance_id_length = PyBytes_GET_SIZE(instance)
        envelope.batch_id = PyBytes_AS_STRING(batch)
        envelope.batch_id_length = PyBytes_GET_SIZE(batch)
        envelope.telemetry = <const uint8_t *>PyBytes_AS_STRING(telemetry)
        envelope.telemetry_length = PyBytes_GET_SIZE(telemetry)
        envelope.limit = pbf.PBF_BATCH_MAX
        with nogil:
            pbf.pbf_frame_measure(self.ring, &self.contexts, &envelope, &frame)
        if frame.events:
            body = PyBytes_FromStringAndSize(NULL, frame.size)
            out = <uint8_t *>PyBytes_AS_STRING(body)
            with nogil:
                written = pbf.pbf_frame_write(
                    self.ring, &self.contexts, &envelope, &frame, out
                )
            if not written:
                raise SystemError("a batch was not framed as it was measured")
        with nogil:
            pbf.pbf_ring_release(self.ring, &frame.end)
        self.taken_count = frame.end.records
        if not frame.events and not frame.too_large:
            self.end_drain()
            return None
        return FramedBatch(
            body,
            batch_id,
            frame.events,
            frame.too_large,
            start,
            self.taken_count,
            frame.telemetry,
        )

    def evict(self):
        cdef pbf.pbf_cursor cursor = pbf.pbf_ring_begin(self.ring)
        cdef uint64_t start = self.taken_count
        cdef uint64_t enough = cursor.position + self.capacity // EVICTED_PART
        cdef pbf.pbf_record record

        with nogil:
            while cursor.position < enough and pbf.pbf_ring_next(self.ring, &cursor, &record):
                pass
            pbf.pbf_ring_release(self.ring, &cursor)
        self.taken_count = cursor.records
        if self.contexts.squeezed:
            self.end_drain()
        return self.taken_count - start

    def arm(self, uint64_t events):
        return pbf.pbf_wake_arm(&self.wake, self.ring, events)

    def due(self):
        return pbf.pbf_wake_due(&self.wake, self.ring)

    @property
    def forked(self):
        return self.forks != fork_count()

    def renew(self):
        self.start()

    def close(self):
        self.closed = True

    cdef void end_drain(self) except *:
        cdef uint32_t slot

        pbf.pbf_ring_start_lap(self.ring, EARLY_LAP_BYTES)
        with cython.critical_section(self):
            pbf.pbf_context_end_drain(&self.contexts, self.ring)
            while True:
                slot = pbf.pbf_context_reap(&self.contexts, self.ring)
                if slot == 0:
                    break
                self.owned_bytes -= PyBytes_GET_SIZE(self.owned.pop(slot))


cdef int64_t unix_ms() noexcept nogil:
    cdef timespec now

    clock_gettime(CLOCK_REALTIME, &now)
    return <int64_t>now.tv_sec * 1000 + now.tv_nsec // 1000000
