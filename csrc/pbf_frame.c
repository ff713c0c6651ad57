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

/* Writes what stands before the fields of an event that framing only copies. */
static uint8_t *put_event_head(uint8_t *at, const pbf_record *record, int64_t number,
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
    return at;
}

/* Writes an event where there is room for all of it: see the comparison in `pass`. */
static uint8_t *put_event(uint8_t *at, const pbf_record *record, int64_t number,
                          const event_sizes *sizes)
{
    uint32_t stored = pbf_record_common_length(record->tag);
    size_t rest = record->length - stored;

    at = put_event_head(at, record, number, sizes);
    pbf_copy(at, record->payload + stored, rest);
    return at + rest;
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

/* What an event has in a body and not in the ring, at the most: two tags, the lengths of the event
 * and of its `common`, the field of its number. */
enum {
    EVENT_LENGTH = 3,
    COMMON_LENGTH = 1,
    NUMBER = 1 + PBF_VARINT_MAX,
    FRAMING = 1 + EVENT_LENGTH + 1 + COMMON_LENGTH + NUMBER
};

_Static_assert(PBF_BATCH_MAX < 1 << 7 * EVENT_LENGTH, "a length within a body has 3 bytes");
_Static_assert(PBF_COMMON_MAX + NUMBER < 1 << 7 * COMMON_LENGTH, "`common` is short");

/* A batch that is being cut. */
typedef struct {
    const pbf_context_table *contexts;
    const pbf_envelope *envelope;
    uint8_t *at, *end; /* of the body: what is written, and how far it may go */
    size_t telemetry;  /* its size; 0 if there is none, or no room for it */
    uint32_t slot;     /* of the context; 0 if that is open */
    pbf_frame *frame;
} batch;

/* Begins the body, if there is room for an event of `size` bytes, as there is in every batch where
 * `empty` is the size of a body without events. */
static bool begin(batch *cut, uint32_t slot, size_t empty, size_t size, uint64_t first)
{
    if (empty + size + cut->telemetry > cut->envelope->limit)
        cut->telemetry = 0; /* the event goes first */
    if (empty + size + cut->telemetry > (size_t)(cut->end - cut->at))
        return false;
    cut->at = put_head(cut->at, cut->contexts, cut->envelope, slot);
    cut->end -= cut->telemetry; /* kept for it */
    cut->slot = slot;
    cut->frame->first = first;
    return true;
}

/* Begins the body with the first group: all of it that fits. Returns whether that was all. */
static bool take_group(batch *cut, pbf_context_table *contexts, pbf_groups *groups)
{
    uint32_t name = groups->first;
    pbf_group *group = pbf_group_at(groups, name);
    uint32_t slot = group->slot, events = group->events;
    size_t size = pbf_group_next_size(groups);

    if (!begin(cut, slot, empty_body_size(contexts, cut->envelope, slot), size, group->first))
        return false;
    if (group->size <= (size_t)(cut->end - cut->at)) {
        uint8_t *from = cut->at;

        cut->at += group->size;
        pbf_group_take_all(groups, from);
        contexts->slots[slot].group = 0;
        pbf_group_close(groups);
        cut->frame->events = events;
        return true;
    }
    for (; size <= (size_t)(cut->end - cut->at); size = pbf_group_next_size(groups)) {
        pbf_group_take_event(groups, cut->at);
        cut->at += size;
        cut->frame->events++;
    }
    return false;
}

/* Adds an event to the group of its context; false if there is no memory for it. */
static bool stage(pbf_context_table *contexts, pbf_groups *groups, const pbf_record *record,
                  int64_t number, const event_sizes *sizes, uint64_t index)
{
    uint32_t slot = pbf_record_slot(record->tag), stored = pbf_record_common_length(record->tag);
    uint32_t *group = &contexts->slots[slot].group;
    size_t size = pbf_bytes_field_size(BATCH_EVENTS, sizes->event);

    if (!pbf_group_has_room(groups, *group, size))
        return false;
    if (*group == 0)
        *group = pbf_group_open(groups, slot, index);

    uint8_t *at = pbf_group_add(groups, *group, size);

    if (at != NULL) {
        (void)put_event(at, record, number, sizes);
    } else {
        uint8_t head[FRAMING + PBF_COMMON_MAX];

        at = put_event_head(head, record, number, sizes);
        pbf_group_put(groups, *group, head, (size_t)(at - head));
        pbf_group_put(groups, *group, record->payload + stored, record->length - stored);
    }
    return true;
}

/* Moves records out of the ring, up to the mark: those of the context of the batch into the body,
 * the others into groups. Returns whether it stopped since the body is full. */
static bool pass(batch *cut, pbf_ring *ring, pbf_context_table *contexts,
                 pbf_numbering *numbering, pbf_framing *framing)
{
    /* Space is given back in portions that stay in the first cache. */
    enum { PORTION = 8192 };
    pbf_cursor cursor = pbf_ring_begin(ring), end = cursor;
    uint64_t released = cursor.position;
    uint32_t slot = 0; /* whose `empty` is known */
    size_t empty = 0;
    bool is_full = false;
    pbf_record record;

    for (;;) {
        if (!pbf_ring_next(ring, &cursor, &record)) {
            end = cursor; /* past padding, if there is some */
            break;
        }
        if (cursor.records > framing->mark)
            break;

        int64_t number = pbf_number_of(numbering, &cursor, &record);
        event_sizes sizes = sizes_of(&record, number);
        size_t size = pbf_bytes_field_size(BATCH_EVENTS, sizes.event);

        if (slot != pbf_record_slot(record.tag)) {
            slot = pbf_record_slot(record.tag);
            empty = empty_body_size(contexts, cut->envelope, slot);
        }
        if (empty + size > cut->envelope->limit) {
            cut->frame->too_large++;
        } else if (cut->slot == 0 || cut->slot == slot) {
            if (cut->frame->events == 0 ? !begin(cut, slot, empty, size, cursor.records - 1)
                                        : size > (size_t)(cut->end - cut->at)) {
                is_full = true;
                break;
            }
            cut->at = put_event(cut->at, &record, number, &sizes);
            cut->frame->events++;
        } else if (!stage(contexts, &framing->groups, &record, number, &sizes,
                          cursor.records - 1)) {
            break;
        }
        end = cursor;
        numbering->last = number;
        if (end.position - released >= PORTION) {
            pbf_ring_release(ring, &end);
            released = end.position;
        }
    }
    pbf_ring_release(ring, &end);
    return is_full;
}

/* Whether to move more out of the ring: not for a little memory, so that not every small batch
 * looks for more events where many wait. */
static bool goes_on(const pbf_ring *ring, const pbf_framing *framing)
{
    return pbf_ring_begin(ring).records < framing->mark &&
           (framing->slot != 0 || framing->groups.used <= framing->groups.chunk_count / 2);
}

size_t pbf_frame_bound(const pbf_ring *ring, const pbf_context_table *contexts,
                       const pbf_framing *framing, const pbf_envelope *envelope)
{
    const pbf_groups *groups = &framing->groups;
    uint32_t slot = framing->slot;
    uint64_t bound = 0;

    if (groups->first != 0) {
        const pbf_group *group = pbf_group_at(groups, groups->first);

        bound += group->size + empty_body_size(contexts, envelope, group->slot);
    }
    if (goes_on(ring, framing)) {
        pbf_cursor cursor = pbf_ring_begin(ring);
        pbf_record record;

        if (slot == 0 && groups->first == 0 && pbf_ring_next(ring, &cursor, &record))
            slot = pbf_record_slot(record.tag);
        if (slot != 0)
            bound += empty_body_size(contexts, envelope, slot);
        bound += pbf_ring_used(ring) + pbf_ring_pending(ring) * FRAMING;
    }
    if (bound > 0)
        bound += optional_bytes_size(BATCH_TELEMETRY, envelope->telemetry_length);
    return bound < envelope->limit ? (size_t)bound : envelope->limit;
}

void pbf_frame_take(pbf_ring *ring, pbf_context_table *contexts, pbf_numbering *numbering,
                    pbf_framing *framing, const pbf_envelope *envelope, uint8_t *body,
                    size_t capacity, pbf_frame *frame)
{
    pbf_groups *groups = &framing->groups;
    bool more = goes_on(ring, framing); /* as in pbf_frame_bound */
    bool is_ready = true;               /* for more events of its context */
    batch cut = {
        .contexts = contexts,
        .envelope = envelope,
        .at = body,
        .end = body + capacity,
        .telemetry = optional_bytes_size(BATCH_TELEMETRY, envelope->telemetry_length),
        .slot = framing->slot,
        .frame = frame,
    };

    *frame = (pbf_frame){.first = pbf_frame_watermark(ring, framing)};
    if (cut.slot == 0 && groups->first != 0)
        is_ready = take_group(&cut, contexts, groups);
    if (is_ready && more)
        framing->slot = pass(&cut, ring, contexts, numbering, framing) ? cut.slot : 0;
    else
        framing->slot = 0;
    if (is_ready && frame->events == 0 && groups->first != 0) /* the ring had no more for it */
        (void)take_group(&cut, contexts, groups);
    if (frame->events > 0) {
        frame->telemetry = cut.telemetry > 0;
        if (frame->telemetry)
            cut.at = pbf_put_bytes_field(cut.at, BATCH_TELEMETRY, envelope->telemetry,
                                         envelope->telemetry_length);
        frame->size = (size_t)(cut.at - body);
        pbf_context_seen(contexts, ring, cut.slot);
    }
}

uint64_t pbf_frame_evict(pbf_ring *ring, pbf_context_table *contexts, pbf_numbering *numbering,
                         pbf_framing *framing, uint64_t bytes)
{
    pbf_groups *groups = &framing->groups;
    uint64_t used = groups->used * (uint64_t)PBF_CHUNK_SIZE, evicted = 0;
    pbf_cursor cursor = pbf_ring_begin(ring);
    uint64_t start = cursor.records, enough;
    pbf_record record;

    while (groups->first != 0 && used - groups->used * (uint64_t)PBF_CHUNK_SIZE < bytes) {
        const pbf_group *group = pbf_group_at(groups, groups->first);

        pbf_group_take_event(groups, NULL);
        evicted++;
        if (group->events == 0) {
            contexts->slots[group->slot].group = 0;
            pbf_group_close(groups);
        }
    }
    if (groups->first != 0)
        return evicted;
    enough = cursor.position + bytes - (used - groups->used * (uint64_t)PBF_CHUNK_SIZE);
    while ((int64_t)(enough - cursor.position) > 0 && pbf_ring_next(ring, &cursor, &record))
        numbering->last = pbf_number_of(numbering, &cursor, &record);
    if (cursor.records != start)
        framing->slot = 0; /* the next event is perhaps not of this context any more */
    pbf_ring_release(ring, &cursor);
    return evicted + cursor.records - start;
}
