/* Groups: events, marks, takes and evictions at random, against a naive model of the contract.
 *
 * Links: pbf_ring pbf_context pbf_encode pbf_record pbf_number pbf_group pbf_frame
 */
#include "pbf_frame.h"
#include "test.h"

#ifndef SCALE
#define SCALE 1
#endif

enum { CAPACITY = 1 << 20, SLOTS = 8, EVENTS = 400, LIMIT = 2000, RESTARTS = 64 };

/* Of a body without events: an empty `common`, and a context of one byte. */
enum { EMPTY = 5 };

/* Where an event is, and what is to come out of it. */
typedef enum { IN_RING, IN_GROUP, GONE } place;

typedef struct {
    place place;
    uint32_t context;
    uint64_t span;   /* bytes of the ring */
    size_t size;     /* in a body */
    uint64_t number; /* of its session */
} event;

/* The model: all events ever, and of each group what was written to it and read. */
typedef struct {
    event events[EVENTS];
    uint64_t count, moved; /* events, and how many of them have left the ring */
    uint64_t mark, number, held;
    uint32_t queue[SLOTS], waiting; /* contexts of the groups, in their order, and how many */
    uint64_t first[SLOTS];
    size_t written[SLOTS], read[SLOTS];
    uint32_t turn; /* the context whose last body was full */
    uint32_t chunks;
} model;

typedef struct {
    uint64_t events, too_large, first;
    size_t size;
    uint32_t context;
    uint64_t list[EVENTS];
} batch;

typedef struct {
    pbf_ring *ring;
    pbf_context_slot *slots;
    uint32_t *buckets;
    pbf_chunk *chunks;
    pbf_context_table contexts;
    pbf_restart restarts[RESTARTS];
    pbf_numbering numbering;
    pbf_framing framing;
    pbf_envelope envelope;
    pbf_context_ref refs[SLOTS];
    uint8_t names[SLOTS];
    model model;
} fixture;

/* -- The model -------------------------------------------------------------------------------- */

/* Returns in which chunk of its group a byte is; so far of the group have been written, or read. */
static size_t chunk_of(size_t end)
{
    size_t in_first = PBF_CHUNK_SIZE - sizeof(pbf_group);

    return end <= in_first ? 0 : 1 + (end - in_first - 1) / (PBF_CHUNK_SIZE - sizeof(uint32_t));
}

/* A group has its first chunk, and those from where it is read to where it is written. */
static uint32_t chunks_of(size_t written, size_t read)
{
    size_t from = chunk_of(read), to = chunk_of(written);

    return 1 + (uint32_t)(from == 0 ? to : to - from + 1);
}

static uint32_t used_chunks(const model *m)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < m->waiting; i++)
        used += chunks_of(m->written[m->queue[i]], m->read[m->queue[i]]);
    return used;
}

static bool is_waiting(const model *m, uint32_t context)
{
    for (uint32_t i = 0; i < m->waiting; i++) {
        if (m->queue[i] == context)
            return true;
    }
    return false;
}

static uint64_t watermark(const model *m)
{
    return m->waiting > 0 ? m->first[m->queue[0]] : m->moved;
}

/* Returns the oldest event of the first group, or EVENTS. */
static uint64_t oldest(const model *m)
{
    for (uint64_t i = 0; i < m->moved; i++) {
        if (m->events[i].place == IN_GROUP && m->events[i].context == m->queue[0])
            return i;
    }
    return EVENTS;
}

/* Takes the oldest event out of the first group. */
static void leave_group(model *m, uint64_t index)
{
    m->events[index].place = GONE;
    m->held--;
    m->read[m->queue[0]] += m->events[index].size;
    if (oldest(m) == EVENTS) {
        m->waiting--;
        for (uint32_t i = 0; i < m->waiting; i++)
            m->queue[i] = m->queue[i + 1];
    }
}

/* Moves an event into a group, if there are the chunks for it. */
static bool enter_group(model *m, uint64_t index)
{
    event *moved = &m->events[index];
    uint32_t context = moved->context, used = used_chunks(m);
    bool opened = !is_waiting(m, context);

    if (opened) {
        m->written[context] = m->read[context] = 0;
        m->first[context] = index;
        m->queue[m->waiting++] = context;
    }
    m->written[context] += moved->size;
    if (used_chunks(m) > m->chunks) {
        m->written[context] -= moved->size;
        m->waiting -= opened;
        CHECK(used_chunks(m) == used);
        return false;
    }
    moved->place = IN_GROUP;
    m->held++;
    return true;
}

/* Adds an event to a batch, if there is room. */
static bool add(const model *m, batch *b, uint64_t index, uint64_t first, size_t room)
{
    const event *added = &m->events[index];
    size_t size = b->events == 0 ? EMPTY : b->size;

    if (size + added->size > room)
        return false;
    if (b->events == 0)
        b->first = first;
    b->context = added->context;
    b->size = size + added->size;
    b->list[b->events++] = index;
    return true;
}

/* Returns whether that was the whole group. */
static bool model_take_group(model *m, batch *b, size_t room)
{
    uint32_t context = m->queue[0];

    while (is_waiting(m, context)) {
        uint64_t index = oldest(m);

        if (!add(m, b, index, m->first[context], room))
            return false;
        leave_group(m, index);
    }
    return true;
}

static void model_take(model *m, batch *b, size_t room)
{
    bool more = m->moved < m->mark && (m->turn != 0 || used_chunks(m) <= (m->chunks + 1) / 2);
    bool is_ready = true, is_full = false;
    uint32_t context = m->turn;

    *b = (batch){.first = watermark(m)};
    if (context == 0 && m->waiting > 0) {
        context = m->queue[0];
        is_ready = model_take_group(m, b, room);
    }
    for (; is_ready && more && m->moved < m->mark; m->moved++) {
        event *next = &m->events[m->moved];

        if (EMPTY + next->size > LIMIT) {
            b->too_large++;
            next->place = GONE;
        } else if (context == 0 || context == next->context) {
            if ((is_full = !add(m, b, m->moved, m->moved, room)))
                break;
            context = next->context;
            next->place = GONE;
        } else if (!enter_group(m, m->moved)) {
            break;
        }
    }
    m->turn = is_full ? context : 0;
    if (is_ready && b->events == 0 && m->waiting > 0)
        (void)model_take_group(m, b, room);
}

static uint64_t model_evict(model *m, uint64_t bytes)
{
    uint64_t used = used_chunks(m), freed = 0, evicted = 0;

    for (; m->waiting > 0 && freed < bytes; evicted++) {
        leave_group(m, oldest(m));
        freed = (used - used_chunks(m)) * PBF_CHUNK_SIZE;
    }
    for (; m->waiting == 0 && m->moved < m->count && freed < bytes; evicted++) {
        freed += m->events[m->moved].span;
        m->events[m->moved++].place = GONE;
        m->turn = 0;
    }
    return evicted;
}

/* -- The same done to both -------------------------------------------------------------------- */

static void set_up(fixture *f, uint32_t chunks)
{
    *f = (fixture){.model.chunks = chunks, .envelope.limit = LIMIT};
    f->ring = test_memory(sizeof *f->ring + CAPACITY);
    f->slots = test_memory(SLOTS * sizeof *f->slots);
    f->buckets = test_memory(SLOTS * sizeof *f->buckets);
    f->chunks = test_memory((chunks + 1) * sizeof *f->chunks);
    f->numbering = (pbf_numbering){.restarts = f->restarts, .restart_room = RESTARTS};
    pbf_ring_init(f->ring, CAPACITY, 0);
    pbf_context_init(&f->contexts, f->slots, SLOTS, f->buckets, SLOTS);
    pbf_groups_init(&f->framing.groups, f->chunks, chunks + 1);
    for (uint8_t i = 1; i < SLOTS; i++) {
        f->names[i] = i;
        CHECK(!pbf_context_find(&f->contexts, &f->names[i], 1, &f->refs[i]));
        CHECK_EQUAL(pbf_context_add(&f->contexts, f->ring, &f->names[i], 1, &f->refs[i]), PBF_OK);
        CHECK_EQUAL(f->refs[i].slot, i);
    }
}

static void tear_down(fixture *f)
{
    test_free(f->chunks, (f->model.chunks + 1) * sizeof *f->chunks);
    test_free(f->buckets, SLOTS * sizeof *f->buckets);
    test_free(f->slots, SLOTS * sizeof *f->slots);
    test_free(f->ring, sizeof *f->ring + CAPACITY);
}

static size_t varint_size(uint64_t value)
{
    size_t size = 1;

    for (; value > 127; value >>= 7)
        size++;
    return size;
}

/* Records an event; each byte of its payload is that of its index. */
static void put(fixture *f, uint32_t context, size_t length)
{
    model *m = &f->model;
    uint8_t payload[LIMIT], buffer[LIMIT + PBF_EVENT_OVERHEAD];
    pbf_encoder encoder = pbf_encoder_on(buffer, sizeof buffer);
    event *added = &m->events[m->count];
    pbf_event recorded;

    memset(payload, (int)m->count, length);
    CHECK_EQUAL(pbf_encode_parts(&encoder, NULL, 0, payload, length), PBF_OK);
    CHECK_EQUAL(pbf_encode_common(&encoder, 0, true, 1, &recorded), PBF_OK);
    CHECK_EQUAL(pbf_record_append(f->ring, &f->contexts, f->refs[context], &recorded), PBF_OK);
    *added = (event){
        .context = context,
        .span = (8 + recorded.length + 15) / 16 * 16,
        .number = ++m->number,
    };
    added->size = 2 + 2 + 1 + varint_size(added->number * 2); /* `common`, with its head */
    added->size += length > 0 ? 1 + varint_size(length) + length : 0;
    added->size += 1 + varint_size(added->size);
    m->count++;
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

static void check_body(const model *m, const batch *b, const uint8_t *body)
{
    const uint8_t *at = body;

    CHECK(b->events == 0 || memcmp(at, "\x0a\x00\x12\x01", 4) == 0);
    CHECK(b->events == 0 || at[4] == b->context);
    at += EMPTY;
    for (uint64_t i = 0; i < b->events; i++) {
        const event *expected = &m->events[b->list[i]];
        const uint8_t *next = at + expected->size;

        CHECK_EQUAL(*at++, 0x1a);
        CHECK_EQUAL(varint(&at), (uint64_t)(next - at));
        CHECK_EQUAL(*at++, 0x0a);
        CHECK_EQUAL(varint(&at), 3 + varint_size(expected->number * 2));
        CHECK(memcmp(at, "\x10\x02\x18", 3) == 0);
        at += 3;
        CHECK_EQUAL(varint(&at), expected->number * 2);
        CHECK(at == next || *at == 0x1a);
        CHECK(at == next || (at++, varint(&at)) == (uint64_t)(next - at));
        for (; at < next; at++)
            CHECK_EQUAL(*at, b->list[i] & 255);
    }
}

static void take(fixture *f, uint64_t *state)
{
    static batch expected;
    size_t room = pbf_frame_bound(f->ring, &f->contexts, &f->framing, &f->envelope);
    bool is_enough = test_random(state) % 8 > 0;
    bool is_done = f->model.waiting == 0 && f->model.moved >= f->model.mark;

    CHECK_EQUAL(room == 0, is_done);
    CHECK(room <= LIMIT);
    if (!is_enough)
        room = test_random(state) % (room + 1);

    uint8_t *body = test_memory(room);
    pbf_frame frame;

    model_take(&f->model, &expected, room);
    pbf_frame_take(f->ring, &f->contexts, &f->numbering, &f->framing, &f->envelope, body, room,
                   &frame);
    /* Who takes until there is nothing more takes all. */
    CHECK(frame.events + frame.too_large > 0 || !is_enough || is_done);
    CHECK_EQUAL(frame.events, expected.events);
    CHECK_EQUAL(frame.too_large, expected.too_large);
    CHECK_EQUAL(frame.first, expected.first);
    CHECK_EQUAL(frame.size, expected.size);
    check_body(&f->model, &expected, body);
    test_free(body, room);
}

static void check_state(const fixture *f)
{
    const model *m = &f->model;
    const pbf_groups *groups = &f->framing.groups;
    uint64_t in_ring = 0;

    CHECK_EQUAL(groups->used, used_chunks(m));
    CHECK_EQUAL(groups->events, m->held);
    CHECK_EQUAL(pbf_ring_begin(f->ring).records, m->moved);
    CHECK_EQUAL(pbf_frame_watermark(f->ring, &f->framing), watermark(m));
    CHECK_EQUAL(pbf_frame_taken(f->ring, &f->framing), m->moved - m->held);
    CHECK_EQUAL(pbf_frame_is_done(f->ring, &f->framing), m->waiting == 0 && m->moved >= m->mark);
    for (uint64_t i = m->moved; i < m->count; i++)
        in_ring += m->events[i].span;
    CHECK_EQUAL(pbf_ring_used(f->ring), in_ring);
    for (uint32_t i = 1; i < SLOTS; i++)
        CHECK_EQUAL(f->slots[i].group != 0, is_waiting(m, i));
}

static void test_against_model(uint64_t seed)
{
    static fixture f;
    uint64_t state = seed, chunks = test_random(&state);

    set_up(&f, chunks % 4 == 0 ? 0 : (uint32_t)(chunks >> 8) % 40);
    while (f.model.count < EVENTS) {
        uint64_t dice = test_random(&state), bytes = test_random(&state) % 3000;

        if (dice % 16 < 9) {
            size_t most = dice >> 8 & 7 ? 100 : LIMIT;

            for (uint64_t i = dice >> 16 & 7; i > 0 && f.model.count < EVENTS; i--)
                put(&f, (uint32_t)(1 + test_random(&state) % (SLOTS - 1)), bytes % most);
        } else if (dice % 16 < 11) {
            uint64_t ahead = f.model.count - f.model.mark;

            f.framing.mark = f.model.mark += dice >> 8 & 3 ? ahead : ahead / 2;
        } else if (dice % 16 < 14) {
            take(&f, &state);
        } else if (dice % 16 < 15) {
            uint64_t evicted = pbf_frame_evict(f.ring, &f.contexts, &f.numbering, &f.framing, bytes);

            CHECK_EQUAL(evicted, model_evict(&f.model, bytes));
        } else {
            f.model.number = bytes;
            CHECK(pbf_number_restart(&f.numbering, f.ring, (int64_t)bytes));
        }
        check_state(&f);
    }
    f.model.mark = f.framing.mark = f.model.count;
    while (!pbf_frame_is_done(f.ring, &f.framing)) {
        take(&f, &state);
        check_state(&f);
    }
    tear_down(&f);
}

int main(void)
{
    for (uint64_t seed = 1; seed <= 500 / SCALE; seed++)
        test_against_model(seed * 0x9e3779b97f4a7c15);
    return 0;
}
