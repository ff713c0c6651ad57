/* What the C tests of framing share: a buffer with its contexts, events, and checks of a batch. */
#ifndef TEST_FRAME_H
#define TEST_FRAME_H

#include "pbf_frame.h"
#include "test.h"

enum { SLOTS = 16, CAPACITY = 1 << 21, RESTARTS = 600, CHUNKS = 4000 };

typedef struct {
    pbf_ring *ring;
    pbf_context_slot *slots;
    uint32_t *buckets;
    pbf_context_table contexts;
    pbf_numbering numbering;
    pbf_restart restarts[RESTARTS];
    pbf_chunk *chunks;
    pbf_framing framing;
} fixture;

static inline void set_up(fixture *f, uint64_t position)
{
    f->ring = test_memory(sizeof *f->ring + CAPACITY);
    f->slots = test_memory(SLOTS * sizeof *f->slots);
    f->buckets = test_memory(SLOTS * sizeof *f->buckets);
    pbf_ring_init(f->ring, CAPACITY, position);
    pbf_context_init(&f->contexts, f->slots, SLOTS, f->buckets, SLOTS);
    f->numbering = (pbf_numbering){.restarts = f->restarts, .restart_room = RESTARTS};
    f->chunks = test_memory(CHUNKS * sizeof *f->chunks);
    f->framing = (pbf_framing){0};
    pbf_groups_init(&f->framing.groups, f->chunks, CHUNKS);
}

static inline void tear_down(fixture *f)
{
    test_free(f->chunks, CHUNKS * sizeof *f->chunks);
    test_free(f->buckets, SLOTS * sizeof *f->buckets);
    test_free(f->slots, SLOTS * sizeof *f->slots);
    test_free(f->ring, sizeof *f->ring + CAPACITY);
}

static inline pbf_context_ref add_context(fixture *f, const void *bytes, size_t length)
{
    pbf_context_ref ref;

    CHECK(!pbf_context_find(&f->contexts, bytes, (uint32_t)length, &ref));
    CHECK_EQUAL(pbf_context_add(&f->contexts, f->ring, bytes, (uint32_t)length, &ref), PBF_OK);
    return ref;
}

static inline pbf_envelope envelope_of(const char *instance_id, const char *batch_id, size_t limit)
{
    return (pbf_envelope){.instance_id = instance_id,
                          .instance_id_length = strlen(instance_id),
                          .batch_id = batch_id,
                          .batch_id_length = strlen(batch_id),
                          .limit = limit};
}

/* An event as it is tracked. */
typedef struct {
    int64_t event_ts;
    int64_t session_id;
    bool has_session;
    const uint8_t *header;
    size_t header_length;
    const uint8_t *payload;
    size_t payload_length;
} test_event;

static inline test_event event_of(int64_t event_ts, const char *header, const void *payload,
                                  size_t length)
{
    return (test_event){.event_ts = event_ts,
                        .header = (const uint8_t *)header,
                        .header_length = strlen(header),
                        .payload = payload,
                        .payload_length = length};
}

static inline test_event in_session(test_event event, int64_t session_id)
{
    event.has_session = true;
    event.session_id = session_id;
    return event;
}

static inline pbf_status encode(uint8_t *buffer, size_t room, const test_event *from,
                                pbf_event *event)
{
    pbf_encoder encoder = pbf_encoder_on(buffer, room);
    pbf_status status = pbf_encode_parts(&encoder, from->header, from->header_length,
                                         from->payload, from->payload_length);

    if (status != PBF_OK)
        CHECK_EQUAL(pbf_encoded_length(&encoder), 0);
    else
        status = pbf_encode_common(&encoder, from->event_ts, from->has_session, from->session_id,
                                   event);
    return status;
}

static inline void append(fixture *f, pbf_context_ref context, test_event from)
{
    size_t room = from.header_length + from.payload_length + PBF_EVENT_OVERHEAD;
    uint8_t *buffer = test_memory(room);
    pbf_event event;

    CHECK_EQUAL(encode(buffer, room, &from, &event), PBF_OK);
    CHECK_EQUAL(pbf_record_append(f->ring, &f->contexts, context, &event), PBF_OK);
    test_free(buffer, room);
}

/* Takes the next batch of what is there now, into exactly so much room. */
static inline void take(fixture *f, const pbf_envelope *envelope, uint8_t *body, size_t room,
                        pbf_frame *frame)
{
    f->framing.mark = pbf_ring_accepted(f->ring);
    pbf_frame_take(f->ring, &f->contexts, &f->numbering, &f->framing, envelope, body, room, frame);
}

static inline size_t bound(fixture *f, const pbf_envelope *envelope)
{
    f->framing.mark = pbf_ring_accepted(f->ring);
    return pbf_frame_bound(f->ring, &f->contexts, &f->framing, envelope);
}

/* Takes the next batch and checks it against the expected body: with the room that the bound asks
 * for, and not a byte more. */
static inline void check_frame(fixture *f, pbf_envelope envelope, uint64_t events,
                               uint64_t too_large, const void *body, size_t size)
{
    size_t room = bound(f, &envelope);
    uint8_t *written = test_memory(room);
    uint64_t before = pbf_frame_taken(f->ring, &f->framing);
    uint64_t watermark = pbf_frame_watermark(f->ring, &f->framing);
    pbf_frame frame;

    CHECK(size <= room && room <= envelope.limit);
    take(f, &envelope, written, room, &frame);
    CHECK_EQUAL(frame.events, events);
    CHECK_EQUAL(frame.too_large, too_large);
    CHECK_EQUAL(frame.size, size);
    CHECK_EQUAL(pbf_frame_taken(f->ring, &f->framing), before + events + too_large);
    CHECK(frame.first >= watermark);
    watermark = pbf_frame_watermark(f->ring, &f->framing);
    CHECK(watermark <= before + events + too_large);
    CHECK(size == 0 || memcmp(written, body, size) == 0);
    test_free(written, room);
}

#endif
