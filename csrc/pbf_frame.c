/* Framing of records into a batch; see pbf_frame.h for the contract. */
#include "pbf_frame.h"

#include "pbf_copy.h"
#include "pbf_wire.h"

/* Field numbers of the wire contract. */
enum {
    BATCH_COMMON = 1,
    BATCH_CONTEXT = 2,
    BATCH_EVENTS = 3,
    BATCH_TELEMETRY = 4,
    BATCH_COMMON_INSTANCE_ID = 1,
    BATCH_COMMON_BATCH_ID = 2,
    EVENT_COMMON = 1,
    EVENT_COMMON_SEQ_NUM = 3,
};

/* How long an event and its parts will be, tags left out. */
typedef struct {
    size_t sequence; /* the field of the sequence number, 0 if there is none */
    size_t common;
    size_t event;
} event_sizes;

static size_t optional_bytes_size(uint32_t field, size_t length)
{
    return length > 0 ? pbf_bytes_field_size(field, length) : 0;
}

static uint8_t *put_optional_bytes(uint8_t *at, uint32_t field, const void *bytes, size_t length)
{
    return length > 0 ? pbf_put_bytes_field(at, field, bytes, length) : at;
}

static size_t batch_common_size(const pbf_envelope *envelope)
{
    return optional_bytes_size(BATCH_COMMON_INSTANCE_ID, envelope->instance_id_length) +
           optional_bytes_size(BATCH_COMMON_BATCH_ID, envelope->batch_id_length);
}

/* Returns the size of a body without events. */
static size_t empty_body_size(const pbf_context_table *contexts, const pbf_envelope *envelope,
                              uint32_t slot)
{
    uint32_t context_length;

    (void)pbf_context_slot_bytes(contexts, slot, &context_length);
    return pbf_bytes_field_size(BATCH_COMMON, batch_common_size(envelope)) +
           optional_bytes_size(BATCH_CONTEXT, context_length);
}

static event_sizes sizes_of(const pbf_record *record, int64_t number)
{
    uint32_t stored = pbf_record_common_length(record->tag);
    event_sizes sizes = {0};

    if (pbf_record_has_session(record->tag))
        sizes.sequence = 1 + pbf_varint_size(pbf_zigzag(number));
    sizes.common = stored + sizes.sequence;
    sizes.event =
        pbf_bytes_field_size(EVENT_COMMON, sizes.common) + (size_t)record->length - stored;
    return sizes;
}

/* Writes an event where there is room for all of it: see the comparison in pbf_frame_take. */
static uint8_t *put_event(uint8_t *at, const pbf_record *record, int64_t number,
                          const event_sizes *sizes)
{
    uint32_t stored = pbf_record_common_length(record->tag);

    *at++ = (uint8_t)pbf_tag(BATCH_EVENTS, PBF_WIRE_BYTES);
    at = pbf_put_varint(at, sizes->event);
    *at++ = (uint8_t)pbf_tag(EVENT_COMMON, PBF_WIRE_BYTES);
    at = pbf_put_varint(at, sizes->common);
    pbf_copy(at, record->payload, stored);
    at += stored;
    if (sizes->sequence > 0) {
        *at++ = (uint8_t)pbf_tag(EVENT_COMMON_SEQ_NUM, PBF_WIRE_VARINT);
        at = pbf_put_varint(at, pbf_zigzag(number));
    }
    pbf_copy(at, record->payload + stored, record->length - stored);
    return at + record->length - stored;
}

/* Writes what stands before the events, where there is room for it, as for an event. */
static uint8_t *put_head(uint8_t *at, const pbf_context_table *contexts,
                         const pbf_envelope *envelope, uint32_t slot)
{
    uint32_t context_length;
    const uint8_t *context = pbf_context_slot_bytes(contexts, slot, &context_length);

    *at++ = (uint8_t)pbf_tag(BATCH_COMMON, PBF_WIRE_BYTES);
    at = pbf_put_varint(at, batch_common_size(envelope));
    at = put_optional_bytes(at, BATCH_COMMON_INSTANCE_ID, envelope->instance_id,
                            envelope->instance_id_length);
    at = put_optional_bytes(at, BATCH_COMMON_BATCH_ID, envelope->batch_id,
                            envelope->batch_id_length);
    return put_optional_bytes(at, BATCH_CONTEXT, context, context_length);
}

size_t pbf_frame_bound(const pbf_ring *ring, const pbf_context_table *contexts,
                       const pbf_envelope *envelope)
{
    /* What an event has in a body and not in the ring, at the most: two tags, the lengths of the
     * event and of its `common`, the field of its number. */
    enum { EVENT_LENGTH = 3, COMMON_LENGTH = 1, NUMBER = 1 + PBF_VARINT_MAX };
    enum { FRAMING = 1 + EVENT_LENGTH + 1 + COMMON_LENGTH + NUMBER };

    _Static_assert(PBF_BATCH_MAX < 1 << 7 * EVENT_LENGTH, "a length within a body has 3 bytes");
    _Static_assert(PBF_COMMON_MAX + NUMBER < 1 << 7 * COMMON_LENGTH, "`common` is short");
    pbf_cursor cursor = pbf_ring_begin(ring);
    pbf_record record;

    if (!pbf_ring_next(ring, &cursor, &record))
        return 0;

    uint64_t bound = pbf_ring_used(ring) + pbf_ring_pending(ring) * FRAMING +
                     empty_body_size(contexts, envelope, pbf_record_slot(record.tag)) +
                     optional_bytes_size(BATCH_TELEMETRY, envelope->telemetry_length);

    return bound < envelope->limit ? (size_t)bound : envelope->limit;
}

void pbf_frame_take(pbf_ring *ring, pbf_context_table *contexts, pbf_numbering *numbering,
                    const pbf_envelope *envelope, uint8_t *body, size_t capacity, pbf_frame *frame)
{
    /* Space is given back in portions that stay in the first cache. */
    enum { PORTION = 8192 };
    pbf_cursor cursor = pbf_ring_begin(ring), end = cursor;
    uint64_t released = cursor.position;
    uint8_t *at = body, *room_end = body + capacity;
    uint32_t slot = 0, batch_slot = 0; /* slot: whose `empty` is known */
    size_t empty = 0, telemetry = optional_bytes_size(BATCH_TELEMETRY, envelope->telemetry_length);
    pbf_record record;

    *frame = (pbf_frame){0};
    for (;;) {
        if (!pbf_ring_next(ring, &cursor, &record)) {
            end = cursor; /* past padding, if there is some */
            break;
        }

        int64_t number = pbf_number_of(numbering, &cursor, &record);
        event_sizes sizes = sizes_of(&record, number);
        size_t size = pbf_bytes_field_size(BATCH_EVENTS, sizes.event);
        size_t room = (size_t)(room_end - at);

        if (slot != pbf_record_slot(record.tag)) {
            slot = pbf_record_slot(record.tag);
            empty = empty_body_size(contexts, envelope, slot);
        }
        if (empty + size > envelope->limit) {
            frame->too_large++;
        } else {
            /* Otherwise the record begins the next batch. */
            if (frame->events == 0) {
                if (empty + size + telemetry > envelope->limit)
                    telemetry = 0; /* the event goes first */
                if (empty + size + telemetry > room)
                    break;
                at = put_head(at, contexts, envelope, slot);
                room_end -= telemetry; /* kept for it */
                batch_slot = slot;
            } else if (slot != batch_slot || size > room) {
                break;
            }
            at = put_event(at, &record, number, &sizes);
            frame->events++;
        }
        end = cursor;
        numbering->last = number;
        if (end.position - released >= PORTION) {
            pbf_ring_release(ring, &end);
            released = end.position;
        }
    }
    pbf_ring_release(ring, &end);
    frame->end = end;
    if (frame->events > 0) {
        frame->telemetry = telemetry > 0;
        if (frame->telemetry)
            at = pbf_put_bytes_field(at, BATCH_TELEMETRY, envelope->telemetry,
                                     envelope->telemetry_length);
        frame->size = (size_t)(at - body);
        pbf_context_seen(contexts, ring, batch_slot);
    }
}
