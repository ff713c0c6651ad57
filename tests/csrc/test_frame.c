/* Records and framing: golden bytes, limits to the byte, and random events against a naive framer.
 *
 * Links: pbf_ring pbf_context pbf_encode pbf_record pbf_number pbf_group pbf_frame
 */
#include "pbf_frame.h"
#include "test.h"

#ifndef SCALE
#define SCALE 1
#endif

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

static void set_up(fixture *f, uint64_t position)
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

static void tear_down(fixture *f)
{
    test_free(f->chunks, CHUNKS * sizeof *f->chunks);
    test_free(f->buckets, SLOTS * sizeof *f->buckets);
    test_free(f->slots, SLOTS * sizeof *f->slots);
    test_free(f->ring, sizeof *f->ring + CAPACITY);
}

static pbf_context_ref add_context(fixture *f, const void *bytes, size_t length)
{
    pbf_context_ref ref;

    CHECK(!pbf_context_find(&f->contexts, bytes, (uint32_t)length, &ref));
    CHECK_EQUAL(pbf_context_add(&f->contexts, f->ring, bytes, (uint32_t)length, &ref), PBF_OK);
    return ref;
}

static pbf_envelope envelope_of(const char *instance_id, const char *batch_id, size_t limit)
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

static test_event event_of(int64_t event_ts, const char *header, const void *payload, size_t length)
{
    return (test_event){.event_ts = event_ts,
                        .header = (const uint8_t *)header,
                        .header_length = strlen(header),
                        .payload = payload,
                        .payload_length = length};
}

static test_event in_session(test_event event, int64_t session_id)
{
    event.has_session = true;
    event.session_id = session_id;
    return event;
}

static pbf_status encode(uint8_t *buffer, size_t room, const test_event *from, pbf_event *event)
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

static void append(fixture *f, pbf_context_ref context, test_event from)
{
    size_t room = from.header_length + from.payload_length + PBF_EVENT_OVERHEAD;
    uint8_t *buffer = test_memory(room);
    pbf_event event;

    CHECK_EQUAL(encode(buffer, room, &from, &event), PBF_OK);
    CHECK_EQUAL(pbf_record_append(f->ring, &f->contexts, context, &event), PBF_OK);
    test_free(buffer, room);
}

/* Takes the next batch of what is there now, into exactly so much room. */
static void take(fixture *f, const pbf_envelope *envelope, uint8_t *body, size_t room,
                 pbf_frame *frame)
{
    f->framing.mark = pbf_ring_accepted(f->ring);
    pbf_frame_take(f->ring, &f->contexts, &f->numbering, &f->framing, envelope, body, room, frame);
}

static size_t bound(fixture *f, const pbf_envelope *envelope)
{
    f->framing.mark = pbf_ring_accepted(f->ring);
    return pbf_frame_bound(f->ring, &f->contexts, &f->framing, envelope);
}

/* Takes the next batch and checks it against the expected body: with the room that the bound asks
 * for, and not a byte more. */
static void check_frame(fixture *f, pbf_envelope envelope, uint64_t events, uint64_t too_large,
                        const void *body, size_t size)
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

static void test_golden(void)
{
    static const char body[] =
        "\x0a\x0d\x0a\x04inst\x12\x05" "batch" "\x12\x03" "ctx"
        "\x1a\x21\x0a\x10\x08\x80\xa0\xab\xfe\xf9\x62\x10\x82\xa0\xab\xfe\xf9\x62\x18\x02"
        "\x12\x04head\x1a\x07payload"
        "\x1a\x07\x0a\x02\x08\x01\x1a\x01p"
        "\x1a\x02\x0a\x00"
        "\x1a\x09\x0a\x04\x10\x00\x18\x04\x12\x01h"
        "\x1a\x9f\x01\x0a\x18\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
        "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x18\x06\x1a\x82\x01"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    char many_x[130];
    fixture f;

    memset(many_x, 'x', sizeof many_x);
    set_up(&f, 0);
    pbf_context_ref context = add_context(&f, "ctx", 3);

    append(&f, context, in_session(event_of(1700000000000, "head", "payload", 7), 1700000000001));
    append(&f, context, event_of(-1, "", "p", 1));
    append(&f, context, event_of(0, "", NULL, 0));
    append(&f, context, in_session(event_of(0, "h", NULL, 0), 0));
    append(&f, context, in_session(event_of(INT64_MIN, "", many_x, sizeof many_x), INT64_MIN));
    check_frame(&f, envelope_of("inst", "batch", PBF_BATCH_MAX), 5, 0, body, sizeof body - 1);
    check_frame(&f, envelope_of("inst", "batch", PBF_BATCH_MAX), 0, 0, NULL, 0);
    tear_down(&f);
}

static void test_golden_of_nothing(void)
{
    fixture f;

    set_up(&f, 0);
    append(&f, add_context(&f, NULL, 0), event_of(0, "", NULL, 0));
    check_frame(&f, envelope_of("", "", PBF_BATCH_MAX), 1, 0, "\x0a\x00\x1a\x02\x0a\x00", 6);
    tear_down(&f);
}

/* Numbers go on over batches and contexts, and count events that have a session. A restart is for
 * what is tracked after it, in the middle of a batch as well. */
static void test_context_change_and_numbers(void)
{
    fixture f;
    pbf_envelope envelope = envelope_of("", "", PBF_BATCH_MAX);

    set_up(&f, (UINT64_C(1) << 63) - 32);
    pbf_context_ref a = add_context(&f, "a", 1), b = add_context(&f, "b", 1);

    append(&f, a, in_session(event_of(0, "", NULL, 0), 1));
    append(&f, b, event_of(0, "", NULL, 0));
    append(&f, b, in_session(event_of(0, "", NULL, 0), 1));
    append(&f, a, in_session(event_of(0, "", NULL, 0), 1));
    check_frame(&f, envelope, 2, 0,
                "\x0a\x00\x12\x01" "a\x1a\x06\x0a\x04\x10\x02\x18\x02"
                "\x1a\x06\x0a\x04\x10\x02\x18\x06", 21);
    check_frame(&f, envelope, 2, 0,
                "\x0a\x00\x12\x01" "b\x1a\x02\x0a\x00\x1a\x06\x0a\x04\x10\x02\x18\x04", 17);

    append(&f, b, in_session(event_of(0, "", NULL, 0), 1));
    CHECK(pbf_number_restart(&f.numbering, f.ring, 0));
    append(&f, b, in_session(event_of(0, "", NULL, 0), 1));
    append(&f, a, in_session(event_of(0, "", NULL, 0), 1));
    CHECK(pbf_number_restart(&f.numbering, f.ring, 40));
    append(&f, a, in_session(event_of(0, "", NULL, 0), 1));
    check_frame(&f, envelope, 2, 0,
                "\x0a\x00\x12\x01" "b\x1a\x06\x0a\x04\x10\x02\x18\x08"
                "\x1a\x06\x0a\x04\x10\x02\x18\x02", 21);
    check_frame(&f, envelope, 2, 0,
                "\x0a\x00\x12\x01" "a\x1a\x06\x0a\x04\x10\x02\x18\x04"
                "\x1a\x06\x0a\x04\x10\x02\x18\x52", 21);
    tear_down(&f);
}

static void test_limit_to_the_byte(void)
{
    fixture f;
    pbf_context_ref context, large;
    static uint8_t bytes[PBF_BATCH_MAX];
    const char *one = "\x0a\x00\x1a\x05\x0a\x00\x1a\x01p";

    set_up(&f, 0);
    context = add_context(&f, NULL, 0);
    append(&f, context, event_of(0, "", "p", 1));
    append(&f, context, event_of(0, "", "p", 1));
    check_frame(&f, envelope_of("", "", 15), 1, 0, one, 9);
    append(&f, context, event_of(0, "", "p", 1));
    check_frame(&f, envelope_of("", "", 16), 2, 0, "\x0a\x00\x1a\x05\x0a\x00\x1a\x01p"
                                                   "\x1a\x05\x0a\x00\x1a\x01p", 16);

    /* Too large: in front, between, at the end, for its own context only; each has its number. */
    large = add_context(&f, "0123456789", 10);
    append(&f, context, in_session(event_of(0, "", "large", 5), 1));
    append(&f, context, event_of(0, "", "p", 1));
    append(&f, large, in_session(event_of(0, "", "p", 1), 1));
    append(&f, context, event_of(0, "", "large", 5));
    append(&f, context, in_session(event_of(0, "", NULL, 0), 1));
    append(&f, context, event_of(0, "", "large", 5));
    check_frame(&f, envelope_of("", "", 10), 1, 3, one, 9);
    check_frame(&f, envelope_of("", "", 10), 1, 1,
                "\x0a\x00\x1a\x06\x0a\x04\x10\x02\x18\x06", 10);
    append(&f, large, event_of(0, "", NULL, 0));
    check_frame(&f, envelope_of("", "", 17), 0, 1, NULL, 0);
    CHECK_EQUAL(pbf_ring_used(f.ring), 0);
    CHECK_EQUAL(pbf_ring_accepted(f.ring), 10);

    /* A batch of exactly PBF_BATCH_MAX. */
    memset(bytes, 'q', sizeof bytes);
    append(&f, context, event_of(0, "", bytes, PBF_BATCH_MAX - 2 - 4 - 2 - 4));
    append(&f, context, event_of(0, "", bytes, PBF_BATCH_MAX - 2 - 4 - 2 - 4 + 1));
    pbf_envelope envelope = envelope_of("", "", PBF_BATCH_MAX);
    pbf_frame frame;
    uint8_t *body = test_memory(PBF_BATCH_MAX);

    CHECK_EQUAL(bound(&f, &envelope), PBF_BATCH_MAX);
    take(&f, &envelope, body, PBF_BATCH_MAX, &frame);
    CHECK_EQUAL(frame.size, PBF_BATCH_MAX);
    CHECK_EQUAL(frame.events, 1);
    CHECK_EQUAL(frame.too_large, 1);
    test_free(body, PBF_BATCH_MAX);
    tear_down(&f);
}

/* Telemetry comes last, and only if it fits beside the first event, to the byte. */
static void test_telemetry(void)
{
    static const char with[] = "\x0a\x00\x1a\x05\x0a\x00\x1a\x01p\x22\x02\x08\x0e";
    static const char with_two[] = "\x0a\x00\x1a\x05\x0a\x00\x1a\x01p"
                                   "\x1a\x05\x0a\x00\x1a\x01p\x22\x02\x08\x0e";
    pbf_envelope envelope = envelope_of("", "", PBF_BATCH_MAX);
    fixture f;

    envelope.telemetry = (const uint8_t *)"\x08\x0e";
    envelope.telemetry_length = 2;
    set_up(&f, 0);
    pbf_context_ref context = add_context(&f, NULL, 0);

    check_frame(&f, envelope, 0, 0, NULL, 0);
    append(&f, context, event_of(0, "", "p", 1));
    check_frame(&f, envelope, 1, 0, with, 13);

    append(&f, context, event_of(0, "", "p", 1));
    append(&f, context, event_of(0, "", "p", 1));
    envelope.limit = 19; /* an event goes to the next batch rather than the telemetry */
    check_frame(&f, envelope, 1, 0, with, 13);
    envelope.limit = 13;
    check_frame(&f, envelope, 1, 0, with, 13);
    append(&f, context, event_of(0, "", "p", 1));
    envelope.limit = 12; /* it is left out rather than the event, which would be too large */
    check_frame(&f, envelope, 1, 0, with, 9);

    append(&f, context, event_of(0, "", "p", 1));
    append(&f, context, event_of(0, "", "p", 1));
    envelope.limit = 20;
    check_frame(&f, envelope, 2, 0, with_two, 20);
    append(&f, context, event_of(0, "", "large for this limit", 20));
    check_frame(&f, envelope, 0, 1, NULL, 0);
    tear_down(&f);
}

static void check_encoded(test_event from, const char *golden, size_t length, uint32_t common)
{
    for (size_t room = 0; room <= length + 1; room++) {
        uint8_t *buffer = test_memory(room);
        pbf_event event;

        CHECK_EQUAL(encode(buffer, room, &from, &event), room < length ? PBF_FULL : PBF_OK);
        if (room >= length) {
            CHECK_EQUAL(event.length, length);
            CHECK_EQUAL(event.common_length, common);
            CHECK_EQUAL(event.has_session, from.has_session);
            CHECK(memcmp(event.bytes, golden, length) == 0);
        }
        test_free(buffer, room);
    }
}

static void test_encoding_takes_the_room_that_it_needs(void)
{
    check_encoded(in_session(event_of(-1, "head", "payload", 7), INT64_MIN),
                  "\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                  "\x12\x04head\x1a\x07payload", 28, 13);
    check_encoded(event_of(0, "h", "payload", 7), "\x12\x01h\x1a\x07payload", 12, 0);
}

/* The limit is that of a body, for header and payload together. */
static void test_encoding_refuses_what_is_too_large(void)
{
    static uint8_t bytes[PBF_BATCH_MAX + 1], buffer[PBF_BATCH_MAX + PBF_EVENT_OVERHEAD];
    test_event from = event_of(1, "", bytes, sizeof bytes);
    pbf_event event;

    CHECK_EQUAL(encode(buffer, sizeof buffer, &from, &event), PBF_TOO_LARGE);
    from.payload_length = PBF_BATCH_MAX;
    CHECK_EQUAL(encode(buffer, sizeof buffer, &from, &event), PBF_OK);
    from.header = bytes;
    from.header_length = 1;
    CHECK_EQUAL(encode(buffer, sizeof buffer, &from, &event), PBF_TOO_LARGE);
    from.payload_length = PBF_BATCH_MAX - 1;
    CHECK_EQUAL(encode(buffer, sizeof buffer, &from, &event), PBF_OK);
    from.payload_length = 0;
    from.header_length = SIZE_MAX;
    CHECK_EQUAL(encode(buffer, sizeof buffer, &from, &event), PBF_TOO_LARGE);
}

static void test_append_refuses(void)
{
    fixture f;
    static const uint8_t bytes[CAPACITY];
    pbf_event event = {.bytes = bytes, .length = sizeof bytes};

    set_up(&f, 0);
    pbf_context_ref context = add_context(&f, "ctx", 3), stale = {context.version + 1, context.slot};

    CHECK_EQUAL(pbf_record_append(f.ring, &f.contexts, context, &event), PBF_TOO_LARGE);
    event.length = 3;
    CHECK_EQUAL(pbf_record_append(f.ring, &f.contexts, stale, &event), PBF_STALE);
    CHECK_EQUAL(pbf_record_append(f.ring, &f.contexts, (pbf_context_ref){0}, &event), PBF_STALE);
    CHECK_EQUAL(pbf_ring_accepted(f.ring), 0);
    CHECK(pbf_ring_reserve(f.ring, CAPACITY - pbf_ring_used(f.ring) - 3 - PBF_CONTEXT_COST));
    CHECK_EQUAL(pbf_record_append(f.ring, &f.contexts, context, &event), PBF_FULL);
    CHECK_EQUAL(pbf_record_append(f.ring, &f.contexts, stale, &event), PBF_FULL);

    /* What was discarded is released when something is looked for. */
    CHECK_EQUAL(pbf_frame_evict(f.ring, &f.contexts, &f.numbering, &f.framing, 1), 0);
    CHECK_EQUAL(pbf_ring_used(f.ring), 0);
    tear_down(&f);
}

/* What is recorded after the bound was asked for may not fit; then it waits. A context that is
 * larger than the one before may not fit either. */
static void test_room_ends_the_batch(void)
{
    fixture f;
    pbf_envelope envelope = envelope_of("", "", PBF_BATCH_MAX);
    pbf_frame frame;

    set_up(&f, 0);
    pbf_context_ref small = add_context(&f, NULL, 0), large = add_context(&f, "0123456789", 10);

    append(&f, small, event_of(0, "", NULL, 0));
    append(&f, small, event_of(0, "", NULL, 0));
    for (size_t room = 6; room < 10; room++) {
        uint8_t *body = test_memory(room);

        take(&f, &envelope, body, room, &frame);
        CHECK_EQUAL(frame.events, 1);
        CHECK_EQUAL(frame.size, 6);
        CHECK(memcmp(body, "\x0a\x00\x1a\x02\x0a\x00", 6) == 0);
        test_free(body, room);
        append(&f, small, event_of(0, "", NULL, 0));
    }
    check_frame(&f, envelope, 2, 0, "\x0a\x00\x1a\x02\x0a\x00\x1a\x02\x0a\x00", 10);
    append(&f, large, event_of(0, "", NULL, 0));
    for (size_t room = 0; room < 18; room++) {
        uint8_t *body = test_memory(room);

        take(&f, &envelope, body, room, &frame);
        CHECK_EQUAL(frame.events, 0);
        CHECK_EQUAL(frame.size, 0);
        CHECK_EQUAL(pbf_ring_pending(f.ring), 1);
        test_free(body, room);
    }
    check_frame(&f, envelope, 1, 0, "\x0a\x00\x12\x0a" "0123456789\x1a\x02\x0a\x00", 18);
    tear_down(&f);
}

/* The bound has room for a context that is larger than what is reserved for its event. */
static void test_bound_of_a_large_context(void)
{
    static uint8_t bytes[300], expected[400];
    fixture f;

    memset(bytes, 'c', sizeof bytes);
    memcpy(expected, "\x0a\x00\x12\xac\x02", 5);
    memcpy(expected + 5, bytes, sizeof bytes);
    memcpy(expected + 5 + sizeof bytes, "\x1a\x02\x0a\x00", 4);
    set_up(&f, 0);
    append(&f, add_context(&f, bytes, sizeof bytes), event_of(0, "", NULL, 0));
    check_frame(&f, envelope_of("", "", PBF_BATCH_MAX), 1, 0, expected, 5 + sizeof bytes + 4);
    tear_down(&f);
}

/* A batch of many portions; what was given back early is zero for the next lap. */
static void test_space_comes_back(void)
{
    fixture f;
    pbf_envelope envelope = envelope_of("", "", PBF_BATCH_MAX);
    static uint8_t bytes[1000], expected[PBF_BATCH_MAX];
    size_t size = 2;

    set_up(&f, 0);
    pbf_context_ref context = add_context(&f, NULL, 0);

    memset(bytes, 0xff, sizeof bytes);
    memcpy(expected, "\x0a\x00", 2);
    for (int i = 0; i < 500; i++) {
        append(&f, context, event_of(0, "", bytes, sizeof bytes));
        memcpy(expected + size, "\x1a\xed\x07\x0a\x00\x1a\xe8\x07", 8);
        memcpy(expected + size + 8, bytes, sizeof bytes);
        size += 8 + sizeof bytes;
    }
    check_frame(&f, envelope, 500, 0, expected, size);
    CHECK_EQUAL(pbf_ring_used(f.ring), 0);
    for (size_t at = 0; at < CAPACITY; at += PBF_RING_ALIGN)
        CHECK(memcmp(f.ring->storage + at, "\0\0\0\0\0\0\0", 8) == 0);
    tear_down(&f);
}

/* -- A naive framer, which measures a batch by writing it ------------------------------------- */

static size_t naive_varint(uint8_t *out, uint64_t value)
{
    size_t length = 0;

    for (; value >= 128; value /= 128)
        out[length++] = (uint8_t)(value % 128 + 128);
    out[length++] = (uint8_t)value;
    return length;
}

static size_t naive_sint(uint8_t *out, uint8_t tag, int64_t value)
{
    out[0] = tag;
    return 1 + naive_varint(out + 1, value < 0 ? ~(uint64_t)value * 2 + 1 : (uint64_t)value * 2);
}

static size_t naive_bytes(uint8_t *out, uint8_t tag, const void *bytes, size_t length)
{
    size_t at = 0;

    out[at++] = tag;
    at += naive_varint(out + at, length);
    if (length > 0)
        memcpy(out + at, bytes, length);
    return at + length;
}

static size_t naive_event(uint8_t *out, const test_event *event, uint64_t number)
{
    static uint8_t message[8192];
    uint8_t common[64];
    size_t at = 0, length = 0;

    if (event->event_ts != 0)
        at += naive_sint(common + at, 0x08, event->event_ts);
    if (event->has_session) {
        at += naive_sint(common + at, 0x10, event->session_id);
        at += naive_sint(common + at, 0x18, (int64_t)number);
    }
    length += naive_bytes(message, 0x0a, common, at);
    if (event->header_length > 0)
        length += naive_bytes(message + length, 0x12, event->header, event->header_length);
    if (event->payload_length > 0)
        length += naive_bytes(message + length, 0x1a, event->payload, event->payload_length);
    return naive_bytes(out, 0x1a, message, length);
}

enum { RANDOM_EVENTS = 600, RANDOM_CONTEXTS = 4, LIMIT = 6000 };

/* Events of all shapes; batches are cut where the naive framer cuts them, with the same bytes. */
static void test_against_naive_framer(uint64_t seed)
{
    static uint8_t noise[5000], body[2 * LIMIT + 8192], contexts[RANDOM_CONTEXTS][300];
    static test_event events[RANDOM_EVENTS];
    static uint32_t context_of[RANDOM_EVENTS];
    static uint64_t numbers[RANDOM_EVENTS];
    pbf_context_ref refs[RANDOM_CONTEXTS];
    uint64_t state = seed, number = 0;
    pbf_envelope envelope = envelope_of("0190f8a4-0000-7000-8000-000000000000", "batch", LIMIT);
    fixture f;

    set_up(&f, (UINT64_C(1) << 63) - CAPACITY / 8);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)test_random(&state);
    for (uint32_t i = 0; i < RANDOM_CONTEXTS; i++) {
        memset(contexts[i], (int)i, sizeof contexts[i]);
        refs[i] = add_context(&f, contexts[i], i * 100);
    }
    for (int i = 0; i < RANDOM_EVENTS; i++) {
        uint64_t dice = test_random(&state);
        size_t most = dice % 32 == 0 ? sizeof noise : dice % 4 == 0 ? 300 : 20;

        events[i] = (test_event){
            .event_ts = (int64_t)(test_random(&state) >> dice % 64),
            .has_session = dice >> 20 & 1,
            .session_id = (int64_t)test_random(&state) >> (dice >> 8) % 64,
            .header = noise,
            .header_length = (dice >> 24) % 3 == 0 ? 0 : (dice >> 32) % 40,
            .payload = noise,
            .payload_length = test_random(&state) % most,
        };
        if (i > 0 && dice >> 58 != 0)
            context_of[i] = context_of[i - 1];
        else
            context_of[i] = (uint32_t)(dice >> 40) % RANDOM_CONTEXTS;
        if (dice >> 59 == 1) {
            number = test_random(&state) >> (dice >> 8) % 62 >> 2;
            CHECK(pbf_number_restart(&f.numbering, f.ring, (int64_t)number));
        }
        numbers[i] = events[i].has_session ? ++number : 0;
        append(&f, refs[context_of[i]], events[i]);
    }

    /* All that are marked at once: by contexts, in the order of their first events that fit, the
     * next one when the last one has no more. */
    static bool is_done[RANDOM_EVENTS];
    uint64_t left_out = 0, expected_left_out = 0, taken = 0;
    int context = -1;

    memset(is_done, 0, sizeof is_done);
    for (;;) {
        size_t size = 0;
        uint64_t count = 0;

        for (int next = 0; next < RANDOM_EVENTS; next++) {
            if (is_done[next])
                continue;

            static uint8_t event[8192];
            size_t length = naive_event(event, &events[next], numbers[next]);
            uint8_t common[64], head[512];
            size_t empty = naive_bytes(common, 0x0a, envelope.instance_id,
                                       envelope.instance_id_length);

            empty += naive_bytes(common + empty, 0x12, envelope.batch_id, envelope.batch_id_length);
            empty = naive_bytes(head, 0x0a, common, empty);
            if (context_of[next] > 0)
                empty += naive_bytes(head + empty, 0x12, contexts[context_of[next]],
                                     context_of[next] * 100);
            if (empty + length > LIMIT) {
                expected_left_out++;
                is_done[next] = true;
                continue;
            }
            if (context < 0)
                context = (int)context_of[next];
            if ((int)context_of[next] != context)
                continue;
            if (count == 0) {
                memcpy(body, head, empty);
                size = empty;
            }
            if (size + length > LIMIT)
                break;
            memcpy(body + size, event, length);
            size += length;
            count++;
            is_done[next] = true;
        }
        if (count == 0 && context < 0)
            break;
        if (count == 0) {
            context = -1;
            continue;
        }

        size_t room = bound(&f, &envelope);
        uint8_t *written = test_memory(room);
        pbf_frame frame;

        take(&f, &envelope, written, room, &frame);
        CHECK_EQUAL(frame.events, count);
        CHECK_EQUAL(frame.size, size);
        CHECK(memcmp(written, body, size) == 0);
        test_free(written, room);
        left_out += frame.too_large;
        taken += frame.events;
        CHECK_EQUAL(pbf_frame_taken(f.ring, &f.framing), taken + left_out);
    }
    CHECK_EQUAL(left_out, expected_left_out);
    CHECK(pbf_frame_is_done(f.ring, &f.framing));
    CHECK_EQUAL(f.framing.groups.used, 0);
    CHECK_EQUAL(pbf_ring_used(f.ring), 0);
    check_frame(&f, envelope, 0, 0, NULL, 0);
    tear_down(&f);
}

int main(void)
{
    test_golden();
    test_golden_of_nothing();
    test_context_change_and_numbers();
    test_limit_to_the_byte();
    test_telemetry();
    test_encoding_takes_the_room_that_it_needs();
    test_encoding_refuses_what_is_too_large();
    test_append_refuses();
    test_room_ends_the_batch();
    test_bound_of_a_large_context();
    test_space_comes_back();
    for (uint64_t seed = 1; seed <= 100 / SCALE; seed++)
        test_against_naive_framer(seed * 0x9e3779b97f4a7c15);
    return 0;
}
