"""The native engine, as the tracker reaches it."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from . cimport pbf


cdef class NativeEngine:
    cdef pbf.pbf_ring *ring
    cdef pbf.pbf_lanes lanes  # none with the GIL
    cdef size_t mapped
    cdef uint64_t capacity
    cdef readonly uint64_t identity  # never given twice
    cdef pbf.pbf_context_table contexts
    cdef pbf.pbf_context_slot *slots
    cdef uint32_t *buckets
    cdef dict owned  # slot -> the bytes object that the table points into
    cdef uint64_t owned_bytes
    cdef uint64_t taken_count
    cdef readonly uint64_t watermark
    cdef uint64_t marked  # how many events are to be framed
    cdef pbf.pbf_framing framing
    cdef pbf.pbf_chunk *chunks
    cdef uint64_t charged  # bytes of the ring's budget, for the chunks in use
    cdef pbf.pbf_numbering numbering
    cdef bint is_numbering  # the consumer, just now and without the GIL
    cdef uint64_t forks
    cdef pbf.pbf_wake wake
    cdef pbf.pbf_shed shedding
    cdef bint closed
    cdef bint prefaulted

    cdef void start(self) except *
    cdef void publish(self) noexcept
    cdef pbf.pbf_status intern(self, bytes context, pbf.pbf_context_ref *ref) except *
    cdef bint restart(self, int64_t number) except -1
    cdef void set_numbering(self, bint is_numbering) noexcept
    cdef void account(self) noexcept
    cdef void end_drain(self) except *
    cdef void retire_contexts(self) except *
