/* Lanes: blocks are claimed where others claim as well; what is accepted is read, in order, and told
 * of; contexts are validated; races.
 *
 * Links: pbf_ring pbf_context pbf_record pbf_encode pbf_lane
 */
#include <pthread.h>
#include <sched.h>

#include "pbf_lane.h"
#include "test.h"

#ifndef SCALE
#define SCALE 1
#endif

enum { CAPACITY = 1 << 16, SLOTS = 64, BUCKETS = 16, LANES = 4 };

typedef struct {
    pbf_ring *ring;
    pbf_wake wake;
    pbf_context_table contexts;
    pbf_context_slot slots[SLOTS];
    uint32_t buckets[BUCKETS];
    pbf_context_ref context;
    pbf_lanes lanes;
} fixture;

static void intern(fixture *f, const char *context)
{
    CHECK(!pbf_context_find(&f->contexts, (const uint8_t *)context, 1, &f->context));
    CHECK_EQUAL(
        pbf_context_add(&f->contexts, f->ring, (const uint8_t *)context, 1, &f->context), PBF_OK);
}

static fixture *set_up(bool always)
{
    fixture *f = test_memory(sizeof *f);

    f->ring = test_memory(sizeof *f->ring + CAPACITY);
    pbf_ring_init(f->ring, CAPACITY, 0);
    pbf_wake_init(&f->wake);
    pbf_context_init(&f->contexts, f->slots, SLOTS, f->buckets, BUCKETS);
    intern(f, "1");
    f->lanes = (pbf_lanes){test_memory(LANES * sizeof(pbf_lane)), LANES, always};
    return f;
}

static void tear_down(fixture *f)
{
    test_free(f->lanes.lanes, LANES * sizeof(pbf_lane));
    test_free(f->ring, sizeof *f->ring + CAPACITY);
    test_free(f, sizeof *f);
}

/* An event of `length` bytes or more: who tracked it, and the how manyeth that is. */
static pbf_status append(fixture *f, uint32_t lane, uint32_t who, uint32_t number, size_t length)
{
    uint32_t bytes[300] = {who, number};
    pbf_event event = {.bytes = (const uint8_t *)bytes, .length = length};

    return pbf_lane_append(&f->lanes, lane, f->ring, &f->wake, &f->contexts, f->context, &event);
}

static void nobody_waits(fixture *f)
{
    pbf_store(&f->wake.mark, UINT64_MAX, relaxed);
}

static uint64_t drain(fixture *f, uint32_t *next)
{
    pbf_cursor cursor = pbf_ring_begin(f->ring);
    uint64_t start = cursor.records;
    pbf_record record;

    while (pbf_ring_next(f->ring, &cursor, &record)) {
        uint32_t content[2];

        memcpy(content, record.payload, sizeof content);
        CHECK_EQUAL(content[1], next[content[0]]);
        next[content[0]]++;
    }
    pbf_ring_release(f->ring, &cursor);
    return cursor.records - start;
}

/* Who is alone needs no blocks: all is there at once, and takes no more room than it must. */
static void test_alone(void)
{
    fixture *f = set_up(false);

    nobody_waits(f);
    for (uint32_t i = 0; i < 100; i++) {
        CHECK_EQUAL(append(f, 3, 0, i, 8), PBF_OK);
        CHECK_EQUAL(pbf_ring_accepted(f->ring), i + 1);
        CHECK_EQUAL(pbf_ring_used(f->ring), (i + 1) * 16);
    }
    tear_down(f);
}

/* Two that take turns have a block each, and claim the next when it is full. */
static void test_turns(void)
{
    enum { IN_BLOCK = PBF_BLOCK_BYTES / 16 };
    fixture *f = set_up(false);
    uint32_t next[2] = {0};

    nobody_waits(f);
    f->lanes.lanes[0].earned = f->lanes.lanes[1].earned = PBF_BLOCK_USE * PBF_BLOCK_BYTES;
    CHECK_EQUAL(append(f, 0, 0, 0, 8), PBF_OK);
    for (uint32_t i = 0; i < IN_BLOCK; i++) {
        CHECK_EQUAL(append(f, 1, 1, i, 8), PBF_OK);
        CHECK_EQUAL(append(f, 0, 0, i + 1, 8), PBF_OK);
        CHECK_EQUAL(pbf_ring_accepted(f->ring), 1);
        CHECK_EQUAL(pbf_ring_used(f->ring), 16 + 2 * PBF_BLOCK_BYTES);
    }
    CHECK_EQUAL(append(f, 1, 1, IN_BLOCK, 8), PBF_OK);
    CHECK_EQUAL(pbf_ring_accepted(f->ring), 1 + IN_BLOCK);
    CHECK_EQUAL(drain(f, next), 1 + IN_BLOCK);
    pbf_lanes_publish(&f->lanes, f->ring);
    CHECK_EQUAL(pbf_ring_accepted(f->ring), 2 + 2 * IN_BLOCK);
    CHECK_EQUAL(drain(f, next), 1 + IN_BLOCK);
    CHECK_EQUAL(pbf_ring_used(f->ring), 0);
    CHECK_EQUAL(next[0], 1 + IN_BLOCK);
    CHECK_EQUAL(next[1], 1 + IN_BLOCK);
    tear_down(f);
}

/* However often blocks are published, what is left of them is a small part of the whole. */
static void test_waste(void)
{
    fixture *f = set_up(false);

    nobody_waits(f);
    for (uint32_t i = 0; i < 2000; i++) {
        CHECK_EQUAL(append(f, i % 2, i % 2, i / 2, 8), PBF_OK);
        pbf_lanes_publish(&f->lanes, f->ring);
        CHECK_EQUAL(pbf_ring_used(f->ring), (i + 1) * 16);
    }
    for (uint32_t i = 0; i < 2; i++)
        f->lanes.lanes[i].earned = PBF_BLOCK_USE * PBF_BLOCK_BYTES;
    for (uint32_t i = 2000; i < 3000; i++) {
        CHECK_EQUAL(append(f, i % 2, i % 2, i / 2, 8), PBF_OK);
        pbf_lanes_publish(&f->lanes, f->ring);
    }
    CHECK_EQUAL(pbf_ring_used(f->ring), 3000 * 16 + 2 * (PBF_BLOCK_BYTES - 16));
    tear_down(f);
}

/* A large event is claimed by itself, after what lies in the block. */
static void test_large(void)
{
    fixture *f = set_up(true);
    uint32_t next[1] = {0};

    nobody_waits(f);
    CHECK_EQUAL(append(f, 0, 0, 0, 8), PBF_OK);
    CHECK_EQUAL(append(f, 0, 0, 1, PBF_BLOCK_BYTES / 4), PBF_OK); /* has room in it */
    CHECK_EQUAL(pbf_ring_accepted(f->ring), 0);
    for (uint32_t i = 2; i < 5; i++) {
        CHECK_EQUAL(append(f, 0, 0, i, PBF_BLOCK_BYTES / 4 + 8), PBF_OK);
    }
    CHECK_EQUAL(pbf_ring_accepted(f->ring), 5);
    CHECK_EQUAL(pbf_ring_used(f->ring), PBF_BLOCK_BYTES + (PBF_BLOCK_BYTES / 4 + 16));
    CHECK_EQUAL(drain(f, next), 5);
    tear_down(f);
}

/* Where there is no room for a block, there may be room for an event. */
static void test_full(void)
{
    fixture *f = set_up(true);
    uint32_t number = 0, next[1] = {0};

    nobody_waits(f);
    while (append(f, 0, 0, number, 8) == PBF_OK)
        number++;
    CHECK_EQUAL(pbf_ring_accepted(f->ring), number);
    CHECK(pbf_ring_used(f->ring) + 16 > CAPACITY - (PBF_CONTEXT_COST + 1));
    CHECK_EQUAL(drain(f, next), number);
    CHECK_EQUAL(append(f, 0, 0, number, 8), PBF_OK);
    pbf_ring_close(f->ring);
    CHECK_EQUAL(append(f, 0, 0, number + 1, 8), PBF_OK); /* into the block, which is claimed */
    CHECK(!pbf_ring_is_final(f->ring));
    pbf_lanes_publish(&f->lanes, f->ring);
    CHECK(pbf_ring_is_final(f->ring));
    CHECK_EQUAL(append(f, 0, 0, number + 2, 8), PBF_CLOSED);
    CHECK_EQUAL(drain(f, next), 2);
    tear_down(f);
}

/* A retired context takes no more events, in a new block nor in an open one; its slot is free once
 * the block is read. */
static void test_retired(void)
{
    fixture *f = set_up(true);
    uint32_t next[1] = {0};

    nobody_waits(f);
    for (uint32_t events = 0; events < 2; events++) {
        pbf_context_ref old = f->context;

        for (uint32_t i = 0; i < events; i++)
            CHECK_EQUAL(append(f, 0, 0, i, 8), PBF_OK);
        f->contexts.squeezed = true;
        if (events > 0) { /* what is pending keeps it: so it is retired by hand */
            f->contexts.slots[old.slot].position = 0;
        }
        pbf_context_end_drain(&f->contexts, f->ring);
        CHECK_EQUAL(append(f, 0, 0, 1, 8), PBF_STALE);
        CHECK_EQUAL(append(f, 1, 0, 1, 8), PBF_STALE);
        if (events > 0) {
            CHECK_EQUAL(pbf_context_reap(&f->contexts, f->ring), 0);
            pbf_lanes_publish(&f->lanes, f->ring);
        }
        CHECK_EQUAL(drain(f, next), events);
        CHECK_EQUAL(pbf_ring_used(f->ring), 0);
        CHECK_EQUAL(pbf_context_reap(&f->contexts, f->ring), old.slot);
        intern(f, "2");
    }
    tear_down(f);
}

/* The first event wakes; and the one that is waited for, if one lane has all. */
static void test_wake(void)
{
    fixture *f = set_up(true);
    uint32_t next[1] = {0};

    CHECK_EQUAL(append(f, 0, 0, 0, 8), PBF_OK);
    CHECK(pbf_wake_due(&f->wake, f->ring));
    CHECK_EQUAL(append(f, 0, 0, 1, 8), PBF_OK);
    CHECK(!pbf_wake_due(&f->wake, f->ring));
    CHECK_EQUAL(pbf_ring_accepted(f->ring), 1);
    CHECK(!pbf_wake_arm(&f->wake, f->ring, 1)); /* for the block that is open */
    CHECK_EQUAL(append(f, 0, 0, 2, 8), PBF_OK);
    CHECK(pbf_wake_due(&f->wake, f->ring));
    CHECK(pbf_wake_arm(&f->wake, f->ring, 20));
    for (uint32_t i = 3; i < 20; i++) {
        CHECK_EQUAL(append(f, 0, 0, i, 8), PBF_OK);
        CHECK_EQUAL(pbf_wake_due(&f->wake, f->ring), i == 19);
    }
    CHECK_EQUAL(drain(f, next), 20);
    tear_down(f);
}

/* -- Races ------------------------------------------------------------------------------------- */

enum { PRODUCERS = 6, EVENTS = 10000 / SCALE };

typedef struct {
    fixture *fixture;
    uint32_t id;
    uint64_t due;
    pbf_atomic_u64 done;
} producer;

static void *produce(void *argument)
{
    producer *self = argument;

    for (uint32_t i = 0; i < EVENTS;) {
        pbf_status status = append(self->fixture, self->id, self->id, i, 8 + i % 5 * 150);

        if (status == PBF_OK) {
            i++;
            pbf_store(&self->done, i, release);
            self->due += pbf_wake_due(&self->fixture->wake, self->fixture->ring);
        } else {
            CHECK_EQUAL(status, PBF_FULL);
            sched_yield();
        }
    }
    return NULL;
}

/* What was appended before the blocks were published, is among the records that the ring counts. */
static void test_race(bool always)
{
    fixture *f = set_up(always);
    static producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    uint32_t next[PRODUCERS] = {0};
    uint64_t received = 0;

    for (uint32_t id = 0; id < PRODUCERS; id++) {
        producers[id].fixture = f;
        producers[id].id = id;
        pbf_store(&producers[id].done, 0, relaxed);
        CHECK_EQUAL(pthread_create(&threads[id], NULL, produce, &producers[id]), 0);
    }
    for (uint64_t round = 0; received < (uint64_t)PRODUCERS * EVENTS; round++) {
        uint64_t before[PRODUCERS], marked;

        for (uint32_t id = 0; id < PRODUCERS; id++)
            before[id] = pbf_load(&producers[id].done, acquire);
        if (pbf_wake_arm(&f->wake, f->ring, 1 + round % 100))
            sched_yield();
        pbf_lanes_publish(&f->lanes, f->ring);
        marked = pbf_ring_accepted(f->ring);
        while (received < marked) {
            pbf_cursor cursor = pbf_ring_begin(f->ring);
            pbf_record record;

            while (cursor.records < marked && pbf_ring_next(f->ring, &cursor, &record)) {
                uint32_t content[2];

                memcpy(content, record.payload, sizeof content);
                CHECK(content[0] < PRODUCERS);
                CHECK_EQUAL(content[1], next[content[0]]); /* in order, none lost */
                CHECK_EQUAL(record.length, 8 + content[1] % 5 * 150);
                next[content[0]]++;
            }
            received = cursor.records;
            pbf_ring_release(f->ring, &cursor);
            pbf_lanes_publish(&f->lanes, f->ring);
        }
        for (uint32_t id = 0; id < PRODUCERS; id++)
            CHECK(next[id] >= before[id]);
        (void)pbf_ring_start_lap(f->ring, CAPACITY / 4);
    }
    for (uint32_t id = 0; id < PRODUCERS; id++)
        CHECK_EQUAL(pthread_join(threads[id], NULL), 0);
    CHECK_EQUAL(pbf_ring_pending(f->ring), 0);
    tear_down(f);
}

int main(void)
{
    test_alone();
    test_turns();
    test_waste();
    test_large();
    test_full();
    test_retired();
    test_wake();
    test_race(true);
    test_race(false);
    return 0;
}
