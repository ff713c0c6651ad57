/* Framing of records into a batch; see pbf_frame.h for the contract. */
#include "pbf_frame.h"

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

static bool write_optional_bytes(pbf_writer *writer, uint32_t field, const void *bytes,
                                 size_t length)
{
    return length == 0 || pbf_write_bytes_field(writer, field, bytes, length);
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

static event_sizes sizes_of(const pbf_record *record, uint64_t number)
{
    uint32_t stored = pbf_record_common_length(record->tag);
    event_sizes sizes = {0};

    if (pbf_record_has_session(record->tag))
        sizes.sequence = 1 + pbf_varint_size(pbf_zigzag((int64_t)number));
    sizes.common = stored + sizes.sequence;
    sizes.event =
        pbf_bytes_field_size(EVENT_COMMON, sizes.common) + (size_t)record->length - stored;
    return sizes;
}

static bool write_event(pbf_writer *writer, const pbf_record *record, uint64_t number,
                        const event_sizes *sizes)
{
    uint32_t stored = pbf_record_common_length(record->tag);

    return pbf_write_varint(writer, pbf_tag(BATCH_EVENTS, PBF_WIRE_BYTES)) &&
           pbf_write_varint(writer, sizes->event) &&
           pbf_write_varint(writer, pbf_tag(EVENT_COMMON, PBF_WIRE_BYTES)) &&
           pbf_write_varint(writer, sizes->common) &&
           pbf_write_raw(writer, record->payload, stored) &&
           (sizes->sequence == 0 ||
            pbf_write_varint_field(writer, EVENT_COMMON_SEQ_NUM, pbf_zigzag((int64_t)number))) &&
           pbf_write_raw(writer, record->payload + stored, record->length - stored);
}

void pbf_frame_measure(const pbf_ring *ring, const pbf_context_table *contexts,
                       const pbf_envelope *envelope, pbf_frame *frame)
{
    size_t telemetry = optional_bytes_size(BATCH_TELEMETRY, envelope->telemetry_length);
    pbf_cursor cursor = pbf_ring_begin(ring);
    uint32_t slot = 0; /* whose `empty` is known */
    size_t empty = 0;
    pbf_record record;

    *frame = (pbf_frame){.end = cursor};
    while (pbf_ring_next(ring, &cursor, &record)) {
        event_sizes sizes = sizes_of(&record, cursor.records);
        size_t size = pbf_bytes_field_size(BATCH_EVENTS, sizes.event);

        if (slot != pbf_record_slot(record.tag)) {
            slot = pbf_record_slot(record.tag);
            empty = empty_body_size(contexts, envelope, slot);
        }
        if (empty + size > envelope->limit) {
            frame->too_large++;
        } else if (frame->events == 0) {
            frame->slot = slot;
            frame->size = empty + size;
            frame->events = 1;
            frame->telemetry = telemetry > 0 && telemetry <= envelope->limit - frame->size;
            if (frame->telemetry)
                frame->size += telemetry;
        } else if (slot == frame->slot && frame->size + size <= envelope->limit) {
            frame->size += size;
            frame->events++;
        } else {
            return; /* the record begins the next batch */
        }
        frame->end = cursor;
    }
    frame->end = cursor; /* past padding, if there is some */
}

bool pbf_frame_write(const pbf_ring *ring, pbf_context_table *contexts,
                     const pbf_envelope *envelope, const pbf_frame *frame, uint8_t *body)
{
    pbf_writer writer = pbf_writer_on(body, frame->size);
    size_t empty = empty_body_size(contexts, envelope, frame->slot);
    uint32_t context_length;
    const uint8_t *context = pbf_context_slot_bytes(contexts, frame->slot, &context_length);
    pbf_cursor cursor = pbf_ring_begin(ring);
    pbf_record record;

    if (!pbf_write_varint(&writer, pbf_tag(BATCH_COMMON, PBF_WIRE_BYTES)) ||
        !pbf_write_varint(&writer, batch_common_size(envelope)) ||
        !write_optional_bytes(&writer, BATCH_COMMON_INSTANCE_ID, envelope->instance_id,
                              envelope->instance_id_length) ||
        !write_optional_bytes(&writer, BATCH_COMMON_BATCH_ID, envelope->batch_id,
                              envelope->batch_id_length) ||
        !write_optional_bytes(&writer, BATCH_CONTEXT, context, context_length))
        return false;

    /* By count: behind padding at the end of the batch, a record may have appeared since. */
    while (cursor.records != frame->end.records && pbf_ring_next(ring, &cursor, &record)) {
        event_sizes sizes = sizes_of(&record, cursor.records);

        /* What measure left out. A record with another context, within the batch, is too large
         * for its own: else the batch would have ended there. */
        if (pbf_record_slot(record.tag) != frame->slot ||
            empty + pbf_bytes_field_size(BATCH_EVENTS, sizes.event) > envelope->limit)
            continue;
        if (!write_event(&writer, &record, cursor.records, &sizes))
            return false;
    }
    if (frame->telemetry &&
        !write_optional_bytes(&writer, BATCH_TELEMETRY, envelope->telemetry,
                              envelope->telemetry_length))
        return false;
    pbf_context_seen(contexts, ring, frame->slot);
    return writer.at == writer.end;
}
