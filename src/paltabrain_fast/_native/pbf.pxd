"""Everything that Cython sees of the C core; no other file holds a ``cdef extern`` of it."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "pbf_uuid7.h" nogil:
    enum:
        PBF_UUID7_TEXT_LEN
        PBF_UUID7_ENTROPY_LEN

    ctypedef struct pbf_uuid7:
        pass

    void pbf_uuid7_init(pbf_uuid7 *state) noexcept
    void pbf_uuid7_reset(pbf_uuid7 *state) noexcept
    void pbf_uuid7_refill(pbf_uuid7 *state, const uint8_t *random) noexcept
    bint pbf_uuid7_next(pbf_uuid7 *state, uint64_t now_ms, char *text) noexcept


cdef extern from "pbf_status.h" nogil:
    ctypedef enum pbf_status:
        PBF_OK
        PBF_FULL
        PBF_TOO_LARGE
        PBF_CLOSED
        PBF_STALE
        PBF_INVALID
        PBF_FORKED
        PBF_REENTRANT
        PBF_FALL_BACK
        PBF_INTERRUPTED


cdef extern from "pbf_wire.h" nogil:
    enum:
        PBF_WIRE_VARINT
        PBF_WIRE_BYTES

    uint64_t pbf_tag(uint32_t field, uint32_t wire_type) noexcept
    uint64_t pbf_zigzag(int64_t value) noexcept


cdef extern from "pbf_encode.h" nogil:
    ctypedef struct pbf_encoder:
        uint8_t *at

    ctypedef struct pbf_wall_clock:
        pass

    pbf_encoder pbf_encoder_on(uint8_t *buffer, size_t length) noexcept
    size_t pbf_encoded_length(const pbf_encoder *encoder) noexcept
    pbf_status pbf_encode_varint(pbf_encoder *encoder, uint64_t value) noexcept
    pbf_status pbf_encode_raw(pbf_encoder *encoder, const void *data, size_t length) noexcept
    pbf_status pbf_encode_latin1(pbf_encoder *encoder, const uint8_t *text,
                                 size_t length) noexcept
    pbf_status pbf_encode_ucs2(pbf_encoder *encoder, const uint16_t *text, size_t length) noexcept
    pbf_status pbf_encode_ucs4(pbf_encoder *encoder, const uint32_t *text, size_t length) noexcept
    pbf_status pbf_encode_prefix(pbf_encoder *encoder, uint64_t tag, size_t before) noexcept
    pbf_status pbf_encode_bytes_field(pbf_encoder *encoder, uint64_t tag, const void *data,
                                      size_t length) noexcept
    pbf_status pbf_encode_varint_field(pbf_encoder *encoder, uint64_t tag,
                                       uint64_t value) noexcept
    int64_t pbf_wall_clock_ms(const pbf_wall_clock *clock, int64_t offset_us) noexcept


cdef extern from "pbf_ring.h" nogil:
    ctypedef struct pbf_ring:
        pass

    uint64_t pbf_ring_capacity(uint64_t bytes) noexcept
    void pbf_ring_init(pbf_ring *ring, uint64_t capacity, uint64_t position) noexcept
    void pbf_ring_close(pbf_ring *ring) noexcept
    bint pbf_ring_is_final(const pbf_ring *ring) noexcept
    bint pbf_ring_start_lap(pbf_ring *ring, uint64_t past) noexcept
    uint64_t pbf_ring_charge(pbf_ring *ring, uint64_t bytes) noexcept
    void pbf_ring_unreserve(pbf_ring *ring, uint64_t bytes) noexcept
    uint64_t pbf_ring_accepted(const pbf_ring *ring) noexcept
    uint64_t pbf_ring_used(const pbf_ring *ring) noexcept
    uint64_t pbf_ring_claimed(const pbf_ring *ring) noexcept


cdef extern from "pbf_wake.h" nogil:
    ctypedef struct pbf_wake:
        pass

    void pbf_wake_init(pbf_wake *wake) noexcept
    bint pbf_wake_arm(pbf_wake *wake, const pbf_ring *ring, uint64_t events) noexcept
    bint pbf_wake_due(pbf_wake *wake, const pbf_ring *ring) noexcept


cdef extern from "pbf_shed.h" nogil:
    ctypedef struct pbf_shed:
        pass

    void pbf_shed_open(pbf_shed *shed, uint64_t now_ms, uint64_t window_ms) noexcept
    void pbf_shed_close(pbf_shed *shed) noexcept
    bint pbf_shed_event(pbf_shed *shed, uint64_t now_ms) noexcept
    uint64_t pbf_shed_take(pbf_shed *shed) noexcept


cdef extern from "pbf_context.h" nogil:
    const size_t PBF_CONTEXT_COST
    const uint32_t PBF_CONTEXT_MAX_SLOTS

    ctypedef struct pbf_context_ref:
        uint64_t version
        uint32_t slot

    ctypedef struct pbf_context_slot:
        pass

    ctypedef struct pbf_context_table:
        bint squeezed

    void pbf_context_init(pbf_context_table *table, pbf_context_slot *slots, uint32_t slot_count,
                          uint32_t *buckets, uint32_t bucket_count) noexcept
    bint pbf_context_find(pbf_context_table *table, const uint8_t *bytes, uint32_t length,
                          pbf_context_ref *ref) noexcept
    pbf_status pbf_context_add(pbf_context_table *table, pbf_ring *ring, const uint8_t *bytes,
                               uint32_t length, pbf_context_ref *ref) noexcept
    void pbf_context_end_drain(pbf_context_table *table, const pbf_ring *ring) noexcept
    uint32_t pbf_context_reap(pbf_context_table *table, pbf_ring *ring) noexcept


cdef extern from "pbf_record.h" nogil:
    const size_t PBF_BATCH_MAX
    const size_t PBF_EVENT_OVERHEAD

    enum:
        PBF_EVENT_HEADER
        PBF_EVENT_PAYLOAD

    ctypedef struct pbf_event:
        pass

    pbf_status pbf_encode_parts(pbf_encoder *encoder, const uint8_t *header, size_t header_length,
                                const uint8_t *payload, size_t payload_length) noexcept
    pbf_status pbf_encode_common(pbf_encoder *encoder, int64_t event_ts, bint has_session,
                                 int64_t session_id, pbf_event *event) noexcept
    pbf_status pbf_record_append(pbf_ring *ring, const pbf_context_table *contexts,
                                 pbf_context_ref context, const pbf_event *event) noexcept


cdef extern from "pbf_lane.h" nogil:
    const uint64_t PBF_BLOCK_BYTES

    ctypedef struct pbf_lane:
        pass

    ctypedef struct pbf_lanes:
        pbf_lane *lanes
        uint32_t count
        bint always

    pbf_status pbf_lane_append(const pbf_lanes *lanes, uint32_t number, pbf_ring *ring,
                               const pbf_wake *wake, const pbf_context_table *contexts,
                               pbf_context_ref context, const pbf_event *event) noexcept
    void pbf_lanes_publish(const pbf_lanes *lanes, pbf_ring *ring) noexcept


cdef extern from "pbf_number.h" nogil:
    ctypedef struct pbf_restart:
        pass

    ctypedef struct pbf_numbering:
        int64_t last
        pbf_restart *restarts
        size_t restart_room
        size_t restart_count
        size_t restart_next

    bint pbf_number_restart(pbf_numbering *numbering, const pbf_ring *ring,
                            int64_t number) noexcept
    bint pbf_number_last(const pbf_numbering *numbering, const pbf_ring *ring, uint64_t end,
                         int64_t *number) noexcept


cdef extern from "pbf_group.h" nogil:
    const size_t PBF_CHUNK_SIZE

    ctypedef struct pbf_chunk:
        pass

    ctypedef struct pbf_groups:
        uint32_t used
        uint64_t events

    void pbf_groups_init(pbf_groups *groups, pbf_chunk *chunks, uint32_t chunk_count) noexcept


cdef extern from "pbf_frame.h" nogil:
    ctypedef struct pbf_envelope:
        const char *instance_id
        size_t instance_id_length
        const char *batch_id
        size_t batch_id_length
        const uint8_t *telemetry
        size_t telemetry_length
        size_t limit

    ctypedef struct pbf_framing:
        pbf_groups groups
        uint64_t mark
        uint32_t slot

    ctypedef struct pbf_frame:
        size_t size
        uint64_t events
        uint64_t too_large
        uint64_t first
        bint telemetry

    bint pbf_frame_is_done(const pbf_ring *ring, const pbf_framing *framing) noexcept
    uint64_t pbf_frame_taken(const pbf_ring *ring, const pbf_framing *framing) noexcept
    uint64_t pbf_frame_watermark(const pbf_ring *ring, const pbf_framing *framing) noexcept
    size_t pbf_frame_bound(const pbf_ring *ring, const pbf_context_table *contexts,
                           const pbf_framing *framing, const pbf_envelope *envelope) noexcept
    void pbf_frame_take(pbf_ring *ring, pbf_context_table *contexts, pbf_numbering *numbering,
                        pbf_framing *framing, const pbf_envelope *envelope, uint8_t *body,
                        size_t capacity, pbf_frame *frame) noexcept
    uint64_t pbf_frame_evict(pbf_ring *ring, pbf_context_table *contexts,
                             pbf_numbering *numbering, pbf_framing *framing,
                             uint64_t bytes) noexcept
