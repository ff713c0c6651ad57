/* Groups: what does not fit in memory, in one body, or in the buffer; whole batches: test_frame.c.
 *
 * Links: pbf_ring pbf_context pbf_encode pbf_record pbf_number pbf_group pbf_frame
 */
#include "pbf_frame.h"
#include "test.h"

enum { CAPACITY = 1 << 20, SLOTS = 64, BODY = 1 << 16 };

typedef struct {
    pbf_ring *ring;
    pbf_context_slot *slots;
    uint32_t *buckets;
    pbf_chunk *chunks;
    uint32_t chunk_count;
    pbf_context_table contexts;
    pbf_numbering numbering;
    pbf_framing framing;
    pbf_envelope envelope;
    pbf_context_ref refs[SLOTS];
    uint8_t names[SLOTS];
    uint8_t *body;
    pbf_frame frame;
} fixture;

/* Each context is one byte, its number; chunk 0 is none. */
static void set_up(fixture *f, uint32_t chunk_count, size_t limit)
{
    *f = (fixture){.chunk_count = chunk_count, .envelope = {.limit = limit}};
    f->ring = test_memory(sizeof *f->ring + CAPACITY);
    f->slots = test_memory(SLOTS * sizeof *f->slots);
    f->buckets = test_memory(SLOTS * sizeof *f->buckets);
    f->chunks = test_memory(chunk_count * sizeof *f->chunks);
    f->body = test_memory(BODY);
    pbf_ring_init(f->ring, CAPACITY, 0);
    pbf_context_init(&f->contexts, f->slots, SLOTS, f->buckets, SLOTS);
    pbf_groups_init(&f->framing.groups, f->chunks, chunk_count);
    for (uint8_t i = 1; i < SLOTS; i++) {
        f->names[i] = i;
        CHECK(!pbf_context_find(&f->contexts, &f->names[i], 1, &f->refs[i]));
        CHECK_EQUAL(pbf_context_add(&f->contexts, f->ring, &f->names[i], 1, &f->refs[i]), PBF_OK);
    }
}

static void tear_down(fixture *f)
{
    test_free(f->body, BODY);
    test_free(f->chunks, f->chunk_count * sizeof *f->chunks);
    test_free(f->buckets, SLOTS * sizeof *f->buckets);
    test_free(f->slots, SLOTS * sizeof *f->slots);
    test_free(f->ring, sizeof *f->ring + CAPACITY);
}

/* Records an event whose payload is `length` times the name of its context. */
static void put(fixture *f, uint8_t context, size_t length)
{
    uint8_t payload[5000], buffer[5000 + PBF_EVENT_OVERHEAD];
    pbf_encoder encoder = pbf_encoder_on(buffer, sizeof buffer);
    pbf_event event;

    memset(payload, context, length);
    CHECK_EQUAL(pbf_encode_parts(&encoder, NULL, 0, payload, length), PBF_OK);
    CHECK_EQUAL(pbf_encode_common(&encoder, 0, true, 1, &event), PBF_OK);
    CHECK_EQUAL(pbf_record_append(f->ring, &f->contexts, f->refs[context], &event), PBF_OK);
    f->framing.mark++;
}

static uint64_t varint(const uint8_t **at)
{
    uint64_t value = 0;

    for (int shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;

        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return value;
    }
}

/* Takes a batch, and checks that it has events of one context only, of these numbers in order. */
static void check_batch(fixture *f, uint8_t context, uint64_t events, const uint64_t *numbers)
{
    size_t room = pbf_frame_bound(f->ring, &f->contexts, &f->framing, &f->envelope);

    CHECK(room <= BODY);
    pbf_frame_take(f->ring, &f->contexts, &f->numbering, &f->framing, &f->envelope, f->body, room,
                   &f->frame);
    CHECK_EQUAL(f->frame.events, events);
    CHECK(f->frame.size <= f->envelope.limit);

    const uint8_t *at = f->body, *end = f->body + f->frame.size;

    CHECK(memcmp(at, "\x0a\x00\x12\x01", 4) == 0);
    CHECK_EQUAL(at[4], context);
    at += 5;
    for (uint64_t i = 0; i < events; i++) {
        CHECK_EQUAL(*at++, 0x1a);
        const uint8_t *next = at;
        uint64_t length = varint(&next);

        next += length;
        at = next - length + 5; /* tag and length of `common`, its session, tag of its number */
        CHECK_EQUAL(varint(&at), numbers[i] * 2);
        CHECK_EQUAL(*at++, 0x1a);
        CHECK_EQUAL(varint(&at), (uint64_t)(next - at));
        for (; at < next; at++)
            CHECK_EQUAL(*at, context);
    }
    CHECK(at == end);
}

static void check_empty(fixture *f)
{
    CHECK(pbf_frame_is_done(f->ring, &f->framing));
    CHECK_EQUAL(f->framing.groups.used, 0);
    CHECK_EQUAL(f->framing.groups.events, 0);
    CHECK_EQUAL(pbf_ring_used(f->ring), 0);
    CHECK_EQUAL(pbf_frame_taken(f->ring, &f->framing), pbf_ring_accepted(f->ring));
    CHECK_EQUAL(pbf_frame_watermark(f->ring, &f->framing), pbf_ring_accepted(f->ring));
    for (int i = 0; i < SLOTS; i++)
        CHECK_EQUAL(f->slots[i].group, 0);
}

/* Of every length, so that events end and begin at each byte of a chunk. */
static void test_events_over_chunks(void)
{
    fixture f;
    uint64_t numbers[600];

    for (size_t first = 1; first < 600; first += 7) {
        set_up(&f, 2000, BODY);
        put(&f, 1, 1);
        for (uint64_t i = 0; i < 100; i++) {
            put(&f, 2, i == 0 ? first : i);
            numbers[i] = i + 2;
        }
        check_batch(&f, 1, 1, (const uint64_t[]){1});
        CHECK_EQUAL(f.framing.groups.events, 100);
        check_batch(&f, 2, 100, numbers);
        check_empty(&f);
        tear_down(&f);
    }
}

/* A group that is larger than a body has more than one batch before the next has its turn; also one
 * that telemetry leaves no room for. */
static void test_group_of_more_than_a_body(void)
{
    fixture f;

    set_up(&f, 100, 1100);
    f.envelope.telemetry = (const uint8_t *)"\x08\x0e";
    f.envelope.telemetry_length = 2;
    put(&f, 1, 1);
    for (int i = 0; i < 3; i++) {
        put(&f, 2, 500);
        put(&f, 3, 10);
    }
    for (size_t i = 0; i < 2; i++) {
        size_t room = pbf_frame_bound(f.ring, &f.contexts, &f.framing, &f.envelope);

        pbf_frame_take(f.ring, &f.contexts, &f.numbering, &f.framing, &f.envelope, f.body, room,
                       &f.frame);
        CHECK_EQUAL(f.frame.events, i + 1);
        CHECK(f.frame.telemetry);
        CHECK_EQUAL(pbf_frame_watermark(f.ring, &f.framing), 1); /* as told of the whole group */
    }
    f.envelope.telemetry_length = 0;
    check_batch(&f, 2, 1, (const uint64_t[]){6});
    CHECK_EQUAL(f.frame.first, 1);
    CHECK_EQUAL(pbf_frame_watermark(f.ring, &f.framing), 2);
    check_batch(&f, 3, 3, (const uint64_t[]){3, 5, 7});
    check_empty(&f);
    tear_down(&f);
}

/* A context whose body is full goes on with the next, before the others have their turn, and its
 * events are not copied twice. */
static void test_direct_body_is_full(void)
{
    fixture f;

    set_up(&f, 100, 1100);
    put(&f, 1, 500);
    put(&f, 2, 10);
    put(&f, 1, 500);
    put(&f, 1, 500);
    put(&f, 2, 10);
    check_batch(&f, 1, 2, (const uint64_t[]){1, 3});
    CHECK_EQUAL(f.framing.groups.events, 1);
    check_batch(&f, 1, 1, (const uint64_t[]){4});
    CHECK_EQUAL(f.frame.first, 3);
    check_batch(&f, 2, 2, (const uint64_t[]){2, 5});
    check_empty(&f);

    put(&f, 1, 500); /* nothing more of the context whose body was full */
    put(&f, 2, 10);
    put(&f, 1, 500);
    put(&f, 1, 500);
    check_batch(&f, 1, 2, (const uint64_t[]){6, 8});
    CHECK(pbf_frame_evict(f.ring, &f.contexts, &f.numbering, &f.framing, 100) == 1);
    put(&f, 3, 10);
    check_batch(&f, 1, 1, (const uint64_t[]){9});
    check_batch(&f, 3, 1, (const uint64_t[]){10});
    check_empty(&f);
    tear_down(&f);
}

/* A context whose body was full has not the next turn if its next event is dropped: the one behind
 * that may not even fit into the memory for groups. */
static void test_turn_ends_with_eviction(void)
{
    fixture f;

    set_up(&f, 1 + 1, 1100);
    for (int i = 0; i < 3; i++)
        put(&f, 1, 500);
    put(&f, 2, 900);
    check_batch(&f, 1, 2, (const uint64_t[]){1, 2});
    CHECK(pbf_frame_evict(f.ring, &f.contexts, &f.numbering, &f.framing, 1) == 1);
    check_batch(&f, 2, 1, (const uint64_t[]){4});
    check_empty(&f);
    tear_down(&f);
}

/* What no chunk is left for stays in the ring, in its order, until half of the chunks are free. */
static void test_out_of_chunks(void)
{
    fixture f;

    set_up(&f, 1 + 4, 1100);
    for (uint8_t lap = 0; lap < 2; lap++) {
        for (uint8_t context = 1; context <= 7; context++)
            put(&f, context, 10);
    }
    check_batch(&f, 1, 1, (const uint64_t[]){1});
    CHECK_EQUAL(f.framing.groups.used, 4); /* of contexts 2 to 5 */
    CHECK_EQUAL(pbf_frame_taken(f.ring, &f.framing), 1);
    CHECK_EQUAL(pbf_frame_watermark(f.ring, &f.framing), 1);
    check_batch(&f, 2, 1, (const uint64_t[]){2});
    CHECK_EQUAL(f.framing.groups.used, 3);
    check_batch(&f, 3, 1, (const uint64_t[]){3});
    CHECK_EQUAL(f.framing.groups.used, 2);
    check_batch(&f, 4, 1, (const uint64_t[]){4}); /* and 6, 7, 1 follow */
    CHECK_EQUAL(pbf_ring_begin(f.ring).records, 8);
    CHECK_EQUAL(f.framing.groups.events, 4);
    check_batch(&f, 5, 1, (const uint64_t[]){5});
    check_batch(&f, 6, 1, (const uint64_t[]){6});
    CHECK_EQUAL(f.framing.groups.used, 2);
    check_batch(&f, 7, 1, (const uint64_t[]){7}); /* and 2, 3, 4 */
    CHECK_EQUAL(pbf_frame_watermark(f.ring, &f.framing), 7);
    CHECK_EQUAL(pbf_ring_begin(f.ring).records, 11);
    for (uint8_t context = 1; context <= 7; context++)
        check_batch(&f, context, 1, (const uint64_t[]){context + UINT64_C(7)});
    check_empty(&f);
    tear_down(&f);

    set_up(&f, 1, 1100); /* no memory at all: a batch ends where the context changes */
    put(&f, 1, 10);
    put(&f, 2, 10);
    put(&f, 1, 10);
    check_batch(&f, 1, 1, (const uint64_t[]){1});
    check_batch(&f, 2, 1, (const uint64_t[]){2});
    check_batch(&f, 1, 1, (const uint64_t[]){3});
    check_empty(&f);
    tear_down(&f);
}

/* Nothing behind the mark is moved. */
static void test_mark(void)
{
    fixture f;

    set_up(&f, 100, 1100);
    put(&f, 1, 10);
    put(&f, 2, 10);
    put(&f, 1, 10);
    put(&f, 2, 10);
    f.framing.mark = 2;
    check_batch(&f, 1, 1, (const uint64_t[]){1});
    check_batch(&f, 2, 1, (const uint64_t[]){2});
    CHECK(pbf_frame_is_done(f.ring, &f.framing));
    CHECK_EQUAL(pbf_frame_bound(f.ring, &f.contexts, &f.framing, &f.envelope), 0);
    f.framing.mark = 4;
    check_batch(&f, 1, 1, (const uint64_t[]){3});
    check_batch(&f, 2, 1, (const uint64_t[]){4});
    check_empty(&f);
    tear_down(&f);
}

/* The oldest go first, those in groups, then those in the ring, and each keeps its number. */
static void test_evict(void)
{
    fixture f;
    uint64_t evicted;

    set_up(&f, 100, 1100);
    put(&f, 1, 10);
    for (int i = 0; i < 4; i++)
        put(&f, 2, 400);
    put(&f, 3, 10);
    put(&f, 3, 10);
    check_batch(&f, 1, 1, (const uint64_t[]){1});
    CHECK_EQUAL(f.framing.groups.used, 5);
    put(&f, 3, 400);

    evicted = pbf_frame_evict(f.ring, &f.contexts, &f.numbering, &f.framing, 1);
    CHECK_EQUAL(evicted, 3); /* until one chunk was free */
    CHECK_EQUAL(pbf_frame_watermark(f.ring, &f.framing), 1);
    CHECK_EQUAL(pbf_frame_taken(f.ring, &f.framing), 4);
    check_batch(&f, 2, 1, (const uint64_t[]){5});
    CHECK_EQUAL(f.framing.groups.events, 3);
    evicted = pbf_frame_evict(f.ring, &f.contexts, &f.numbering, &f.framing, PBF_CHUNK_SIZE + 1);
    CHECK_EQUAL(evicted, 3);
    check_empty(&f);
    put(&f, 3, 10);
    check_batch(&f, 3, 1, (const uint64_t[]){9});
    check_empty(&f);
    tear_down(&f);
}

/* A context is kept while its events wait, though no record in the ring names it. */
static void test_waiting_events_keep_a_slot(void)
{
    fixture f;
    uint32_t reaped = 0;

    set_up(&f, 100, 1100);
    put(&f, 1, 10);
    put(&f, 2, 10);
    check_batch(&f, 1, 1, (const uint64_t[]){1});
    CHECK_EQUAL(pbf_ring_used(f.ring), 0);
    f.contexts.squeezed = true;
    for (int i = 0; i < 2; i++)
        pbf_context_end_drain(&f.contexts, f.ring);
    for (uint32_t slot; (slot = pbf_context_reap(&f.contexts, f.ring)) != 0; reaped++)
        CHECK(slot != f.refs[2].slot);
    CHECK(reaped >= 1);
    check_batch(&f, 2, 1, (const uint64_t[]){2});
    for (; pbf_context_reap(&f.contexts, f.ring) != 0; reaped++) {
    }
    CHECK_EQUAL(reaped, SLOTS - 1);
    tear_down(&f);
}

int main(void)
{
    test_events_over_chunks();
    test_group_of_more_than_a_body();
    test_direct_body_is_full();
    test_turn_ends_with_eviction();
    test_out_of_chunks();
    test_mark();
    test_evict();
    test_waiting_events_keep_a_slot();
    return 0;
}
