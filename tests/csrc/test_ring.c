/* The ring: capacity edges, laps, positions near 2^63, hostile payloads, counters, races.
 *
 * Links: pbf_ring
 */
#include <pthread.h>
#include <sched.h>

#include "pbf_ring.h"
#include "test.h"

#ifndef SCALE
#define SCALE 1 /* how many times fewer rounds to make: the sanitizers are slow */
#endif

static const uint64_t STARTS[] = {
    0,
    (UINT64_C(1) << 32) - 64,
    (UINT64_C(1) << 63) - 256,
    (UINT64_C(1) << 63) - 16,
    UINT64_C(1) << 63,
    UINT64_MAX - 255,
};
enum { START_COUNT = sizeof STARTS / sizeof *STARTS };

static pbf_ring *new_ring(uint64_t capacity, uint64_t position)
{
    pbf_ring *ring = test_memory(sizeof *ring + capacity);

    pbf_ring_init(ring, capacity, position);
    return ring;
}

static void free_ring(pbf_ring *ring)
{
    test_free(ring, sizeof *ring + ring->capacity);
}

/* Fills with words that each would pass for the header of a committed record. */
static void fill_hostile(unsigned char *payload, uint64_t length, uint8_t salt)
{
    for (uint64_t i = 0; i < length; i++)
        payload[i] = i % 8 == 0 ? 1 | 8 << 2 : (uint8_t)(i % 8 < 4 ? 0 : salt | 1);
}

static bool is_hostile(const unsigned char *payload, uint64_t length, uint8_t salt)
{
    for (uint64_t i = 0; i < length; i++) {
        if (payload[i] != (i % 8 == 0 ? 1 | 8 << 2 : (uint8_t)(i % 8 < 4 ? 0 : salt | 1)))
            return false;
    }
    return true;
}

static pbf_status put(pbf_ring *ring, uint64_t length, uint32_t tag)
{
    pbf_claim claim;
    pbf_status status = pbf_ring_claim(ring, length, &claim);

    if (status == PBF_OK) {
        fill_hostile(claim.payload, length, (uint8_t)tag);
        pbf_ring_commit(ring, &claim, tag);
    }
    return status;
}

static void expect(const pbf_ring *ring, pbf_cursor *cursor, uint64_t length, uint32_t tag)
{
    pbf_record record;

    CHECK(pbf_ring_next(ring, cursor, &record));
    CHECK_EQUAL(record.length, length);
    CHECK_EQUAL(record.tag, tag);
    CHECK(is_hostile(record.payload, length, (uint8_t)tag));
}

static void expect_end(const pbf_ring *ring, pbf_cursor *cursor)
{
    pbf_record record;

    CHECK(!pbf_ring_next(ring, cursor, &record));
}

static void test_capacity(void)
{
    CHECK_EQUAL(pbf_ring_capacity(0), PBF_RING_MIN_CAPACITY);
    CHECK_EQUAL(pbf_ring_capacity(64), 64);
    CHECK_EQUAL(pbf_ring_capacity(65), 128);
    CHECK_EQUAL(pbf_ring_capacity(16 << 20), 16 << 20);
    CHECK_EQUAL(pbf_ring_capacity((16 << 20) + 1), 32 << 20);
    CHECK_EQUAL(pbf_ring_capacity(PBF_RING_MAX_CAPACITY), PBF_RING_MAX_CAPACITY);
    CHECK_EQUAL(pbf_ring_capacity(PBF_RING_MAX_CAPACITY + 1), 0);
    CHECK_EQUAL(pbf_ring_capacity(UINT64_MAX), 0);
}

static void test_largest_length_fits_the_header(void)
{
    static pbf_ring ring;

    ring.capacity = PBF_RING_MAX_CAPACITY; /* only looked at: the storage is not needed */
    CHECK_EQUAL(pbf_ring_largest(&ring), (UINT64_C(1) << 30) - 8);
}

/* An empty ring takes every length up to the largest, wherever it stands. */
static void test_every_length_at_every_index(void)
{
    enum { CAPACITY = 512 };

    for (int start = 0; start < START_COUNT; start++) {
        pbf_ring *ring = new_ring(CAPACITY, STARTS[start]);
        uint64_t largest = pbf_ring_largest(ring);

        CHECK_EQUAL(largest, CAPACITY / 2 - 8);
        CHECK_EQUAL(put(ring, largest + 1, 0), PBF_TOO_LARGE);
        CHECK_EQUAL(put(ring, UINT64_MAX, 0), PBF_TOO_LARGE);
        for (uint64_t index = 0; index < CAPACITY; index += PBF_RING_ALIGN) {
            for (uint64_t length = 0; length <= largest; length++) {
                pbf_ring_init(ring, CAPACITY, STARTS[start] + index);
                memset(ring->storage, 0, CAPACITY);
                pbf_cursor cursor = pbf_ring_begin(ring);

                CHECK_EQUAL(put(ring, length, 7), PBF_OK);
                CHECK_EQUAL(pbf_ring_pending(ring), 1);
                expect(ring, &cursor, length, 7);
                expect_end(ring, &cursor);
                pbf_ring_release(ring, &cursor);
                CHECK_EQUAL(pbf_ring_used(ring), 0);
                CHECK_EQUAL(pbf_ring_pending(ring), 0);
                for (uint64_t at = 0; at < CAPACITY; at += PBF_RING_ALIGN) {
                    uint64_t word;

                    memcpy(&word, ring->storage + at, sizeof word);
                    CHECK_EQUAL(word, 0); /* a header may start here in the next lap */
                }
            }
        }
        free_ring(ring);
    }
}

/* A full ring is full to the last byte, is read once, and takes again what was released. */
static void test_full(void)
{
    for (int start = 0; start < START_COUNT; start++) {
        pbf_ring *ring = new_ring(256, STARTS[start] & ~UINT64_C(255));
        pbf_cursor cursor = pbf_ring_begin(ring);

        for (uint32_t i = 0; i < 8; i++)
            CHECK_EQUAL(put(ring, 24, i), PBF_OK);
        CHECK_EQUAL(pbf_ring_used(ring), 256);
        CHECK_EQUAL(put(ring, 0, 9), PBF_FULL);
        for (uint32_t i = 0; i < 8; i++)
            expect(ring, &cursor, 24, i);
        expect_end(ring, &cursor); /* and not the first record once more */

        pbf_cursor first = pbf_ring_begin(ring);
        expect(ring, &first, 24, 0);
        pbf_ring_release(ring, &first);
        CHECK_EQUAL(put(ring, 25, 9), PBF_FULL);
        CHECK_EQUAL(put(ring, 24, 9), PBF_OK);
        CHECK_EQUAL(put(ring, 0, 10), PBF_FULL);
        free_ring(ring);
    }
}

/* Nothing behind a claim is seen before it is settled; what is discarded never is. */
static void test_claims_are_read_in_order(void)
{
    pbf_ring *ring = new_ring(256, 0);
    pbf_cursor cursor = pbf_ring_begin(ring);
    pbf_claim first, second;

    CHECK_EQUAL(pbf_ring_claim(ring, 20, &first), PBF_OK);
    CHECK_EQUAL(pbf_ring_claim(ring, 20, &second), PBF_OK);
    CHECK_EQUAL(put(ring, 3, 3), PBF_OK);
    CHECK_EQUAL(pbf_ring_pending(ring), 1);
    expect_end(ring, &cursor);
    fill_hostile(first.payload, 20, 1);
    pbf_ring_discard(ring, &first);
    expect_end(ring, &cursor);
    fill_hostile(second.payload, 20, 2);
    pbf_ring_commit(ring, &second, 2);
    expect(ring, &cursor, 20, 2);
    expect(ring, &cursor, 3, 3);
    expect_end(ring, &cursor);
    CHECK_EQUAL(cursor.records, 2);
    pbf_ring_release(ring, &cursor);
    CHECK_EQUAL(pbf_ring_accepted(ring), 2);
    CHECK_EQUAL(pbf_ring_pending(ring), 0);
    free_ring(ring);
}

static void test_budget(void)
{
    pbf_ring *ring = new_ring(256, 0);
    pbf_cursor cursor;

    CHECK(!pbf_ring_reserve(ring, 257));
    CHECK(pbf_ring_reserve(ring, 160));
    CHECK_EQUAL(put(ring, 56, 1), PBF_OK);
    CHECK_EQUAL(put(ring, 24, 2), PBF_OK);
    CHECK_EQUAL(put(ring, 0, 3), PBF_FULL);
    CHECK(!pbf_ring_reserve(ring, 1));
    pbf_ring_unreserve(ring, 160);
    CHECK_EQUAL(put(ring, 24, 3), PBF_OK);
    cursor = pbf_ring_begin(ring);
    expect(ring, &cursor, 56, 1);
    expect(ring, &cursor, 24, 2);
    expect(ring, &cursor, 24, 3);
    pbf_ring_release(ring, &cursor);

    /* At index 128 of 256 now; padding must not count where an empty ring has the budget. */
    CHECK_EQUAL(put(ring, 88, 4), PBF_OK);
    CHECK(pbf_ring_next(ring, &cursor, &(pbf_record){0}));
    pbf_ring_release(ring, &cursor);
    CHECK(pbf_ring_reserve(ring, 128));
    CHECK_EQUAL(put(ring, 120, 5), PBF_OK);
    CHECK(pbf_ring_used(ring) > 128); /* more than the budget, for the padding */
    CHECK(!pbf_ring_reserve(ring, 1));
    expect(ring, &cursor, 120, 5);
    free_ring(ring);
}

/* What is charged is taken from budget that records hold, too, but never more than there is. */
static void test_charge(void)
{
    pbf_ring *ring = new_ring(256, 0);
    pbf_cursor cursor;

    CHECK_EQUAL(put(ring, 120, 1), PBF_OK);
    CHECK_EQUAL(pbf_ring_charge(ring, 128), 128);
    CHECK_EQUAL(put(ring, 0, 2), PBF_FULL);
    CHECK(!pbf_ring_reserve(ring, 1));
    cursor = pbf_ring_begin(ring);
    expect(ring, &cursor, 120, 1);
    pbf_ring_release(ring, &cursor);
    CHECK_EQUAL(put(ring, 56, 2), PBF_OK);
    CHECK_EQUAL(pbf_ring_charge(ring, 129), 128);
    CHECK_EQUAL(pbf_ring_charge(ring, 1), 0);
    pbf_ring_unreserve(ring, 256);
    CHECK_EQUAL(put(ring, 56, 3), PBF_OK);
    free_ring(ring);
}

/* A ring that never holds much touches only the start of its storage, however long it runs. */
static void test_early_lap(void)
{
    enum { CAPACITY = 1 << 20, PAST = 1024 };
    pbf_ring *ring = new_ring(CAPACITY, (UINT64_C(1) << 63) - CAPACITY);
    uint64_t touched = 0;
    uint32_t early = 0;

    CHECK(!pbf_ring_start_lap(ring, 0)); /* it stands at the start of one */
    for (uint32_t i = 0; i < 5000; i++) {
        pbf_cursor cursor = pbf_ring_begin(ring);

        CHECK_EQUAL(put(ring, 100, i), PBF_OK);
        CHECK(!pbf_ring_start_lap(ring, 0)); /* not empty */
        expect(ring, &cursor, 100, i);
        CHECK(!pbf_ring_start_lap(ring, 0)); /* not released */
        pbf_ring_release(ring, &cursor);
        early += pbf_ring_start_lap(ring, PAST);
        CHECK_EQUAL(pbf_ring_used(ring), 0);
        CHECK_EQUAL(pbf_ring_claimed(ring), pbf_ring_begin(ring).position);
    }
    CHECK_EQUAL(early, 5000 / 10); /* each after 10 records of 112 bytes, the first past 1,024 */
    CHECK_EQUAL(pbf_ring_accepted(ring), 5000);
    for (uint64_t i = 0; i < CAPACITY; i++) {
        if (ring->storage[i] != 0)
            touched = i;
    }
    CHECK(touched < PAST + 112);

    /* An early lap is a lap like any other: all of it can be used. */
    uint32_t filled = 0;

    while (put(ring, 1000, filled) == PBF_OK)
        filled++;
    CHECK_EQUAL(filled, CAPACITY / 1008);
    free_ring(ring);
}

/* Random puts, discards and reads against a plain list of what is pending. */
static void test_against_model(uint64_t seed, uint64_t start)
{
    enum { CAPACITY = 1024, PENDING_MAX = CAPACITY / 16 };
    struct {
        uint64_t length;
        uint32_t tag;
        bool is_record;
    } pending[PENDING_MAX];
    uint64_t state = seed, first = 0, count = 0, committed = 0, taken = 0;
    pbf_ring *ring = new_ring(CAPACITY, start);

    for (uint32_t step = 0; step < 200000 / SCALE; step++) {
        uint64_t dice = test_random(&state);

        if (dice % 4 < 2) {
            uint64_t limit = dice % 16 < 8 ? 40 : pbf_ring_largest(ring);
            uint64_t length = (dice >> 8) % (limit + 1);
            pbf_claim claim;
            pbf_status status = pbf_ring_claim(ring, length, &claim);

            if (status == PBF_FULL) {
                /* Only for a reason: with so much free, even padding leaves room. */
                CHECK(pbf_ring_used(ring) + 2 * (length + 24) > CAPACITY);
                continue;
            }
            CHECK_EQUAL(status, PBF_OK);
            CHECK(count < PENDING_MAX);
            fill_hostile(claim.payload, length, (uint8_t)step);
            bool is_record = dice >> 60 != 0;
            uint64_t at = (first + count++) % PENDING_MAX;

            pending[at].length = length;
            pending[at].tag = step;
            pending[at].is_record = is_record;
            committed += is_record;
            if (is_record)
                pbf_ring_commit(ring, &claim, step);
            else
                pbf_ring_discard(ring, &claim);
        } else if (dice % 4 == 2) {
            pbf_cursor cursor = pbf_ring_begin(ring);
            uint64_t wanted = (dice >> 8) % 8;

            CHECK_EQUAL(cursor.records, taken);
            for (uint64_t i = 0; i < wanted && count > 0; i++) {
                while (count > 0 && !pending[first].is_record) {
                    first = (first + 1) % PENDING_MAX;
                    count--;
                }
                if (count == 0)
                    break;
                expect(ring, &cursor, pending[first].length, pending[first].tag);
                first = (first + 1) % PENDING_MAX;
                count--;
                taken++;
            }
            if (count == 0)
                expect_end(ring, &cursor); /* which may stand behind the padding now */
            pbf_ring_release(ring, &cursor);
            CHECK_EQUAL(pbf_ring_pending(ring), committed - taken);
            if (count == 0)
                CHECK_EQUAL(pbf_ring_used(ring), 0);
        } else {
            CHECK(!pbf_ring_start_lap(ring, 512) || count == 0);
        }
        CHECK(pbf_ring_used(ring) <= CAPACITY);
        CHECK_EQUAL(pbf_ring_accepted(ring), committed);
    }
    CHECK(taken > 1000 / SCALE);
    free_ring(ring);
}

/* A closed ring takes nothing, gives what it has, and is final once each claim was seen to. */
static void test_close(uint64_t start)
{
    enum { CAPACITY = 128 };
    pbf_ring *ring = new_ring(CAPACITY, start);
    pbf_claim first, second, third;
    pbf_cursor cursor = pbf_ring_begin(ring);

    CHECK_EQUAL(put(ring, 56, 1), PBF_OK);
    expect(ring, &cursor, 56, 1);
    pbf_ring_release(ring, &cursor);
    CHECK(pbf_ring_start_lap(ring, 0)); /* so that both flags are set */
    CHECK_EQUAL(pbf_ring_claim(ring, 8, &first), PBF_OK);
    CHECK_EQUAL(pbf_ring_claim(ring, 8, &second), PBF_OK);
    CHECK_EQUAL(pbf_ring_claim(ring, 24, &third), PBF_OK);
    CHECK(!pbf_ring_is_final(ring));
    pbf_ring_commit(ring, &first, 2);
    pbf_ring_close(ring);
    pbf_ring_close(ring); /* twice is as good as once */
    CHECK_EQUAL(put(ring, 8, 3), PBF_CLOSED);
    CHECK_EQUAL(pbf_ring_used(ring), 64);
    CHECK(!pbf_ring_is_final(ring));
    fill_hostile(third.payload, third.length, 4);
    pbf_ring_commit(ring, &third, 4);
    CHECK(!pbf_ring_is_final(ring));
    cursor = pbf_ring_begin(ring);
    fill_hostile(first.payload, first.length, 2);
    expect(ring, &cursor, 8, 2);
    pbf_ring_release(ring, &cursor);
    CHECK(!pbf_ring_is_final(ring));
    pbf_ring_discard(ring, &second);
    CHECK(pbf_ring_is_final(ring));
    expect(ring, &cursor, 24, 4);
    expect_end(ring, &cursor);
    CHECK(pbf_ring_is_final(ring));
    pbf_ring_release(ring, &cursor);
    CHECK(pbf_ring_is_final(ring));
    CHECK(!pbf_ring_start_lap(ring, 0)); /* it ends where it is */
    CHECK_EQUAL(put(ring, 8, 3), PBF_CLOSED);
    CHECK_EQUAL(pbf_ring_used(ring), 0);
    CHECK_EQUAL(pbf_ring_claimed(ring), pbf_ring_begin(ring).position);
    free_ring(ring);
}

/* -- Races ------------------------------------------------------------------------------------ */

enum { PRODUCERS = 3, PER_PRODUCER = 60000 / SCALE, RACE_CAPACITY = 4096 };

typedef struct {
    pbf_ring *ring;
    uint32_t id;
} producer;

static uint64_t length_of(uint32_t id, uint32_t number)
{
    return 8 + (number * 7 + id * 13) % 90;
}

static void *produce(void *argument)
{
    const producer *self = argument;

    for (uint32_t number = 0; number < PER_PRODUCER; number++) {
        uint64_t length = length_of(self->id, number);
        pbf_claim claim;

        while (pbf_ring_claim(self->ring, length, &claim) != PBF_OK)
            sched_yield();
        memcpy(claim.payload, &number, sizeof number);
        fill_hostile(claim.payload + 4, length - 4, (uint8_t)number);
        if (number % 64 == 63) { /* a discarded one for each 64; it is then written again */
            pbf_ring_discard(self->ring, &claim);
            while (pbf_ring_claim(self->ring, length, &claim) != PBF_OK)
                sched_yield();
            memcpy(claim.payload, &number, sizeof number);
            fill_hostile(claim.payload + 4, length - 4, (uint8_t)number);
        }
        pbf_ring_commit(self->ring, &claim, self->id);
        CHECK(pbf_ring_pending(self->ring) <= PRODUCERS * PER_PRODUCER); /* not negative */
        CHECK(pbf_ring_used(self->ring) <= RACE_CAPACITY);
    }
    return NULL;
}

/* Producers race each other and the consumer, over thousands of laps, normal and early ones. */
static void test_race(uint64_t start)
{
    pbf_ring *ring = new_ring(RACE_CAPACITY, start);
    pthread_t threads[PRODUCERS];
    producer producers[PRODUCERS];
    uint32_t next[PRODUCERS] = {0};
    uint64_t received = 0;

    for (uint32_t id = 0; id < PRODUCERS; id++) {
        producers[id] = (producer){ring, id};
        CHECK_EQUAL(pthread_create(&threads[id], NULL, produce, &producers[id]), 0);
    }
    while (received < (uint64_t)PRODUCERS * PER_PRODUCER) {
        pbf_cursor cursor = pbf_ring_begin(ring);
        pbf_record record;
        uint64_t before = received;

        while (received - before < 40 && pbf_ring_next(ring, &cursor, &record)) {
            uint32_t number, id = record.tag;

            CHECK(id < PRODUCERS);
            memcpy(&number, record.payload, sizeof number);
            CHECK_EQUAL(number, next[id]); /* in order, none lost, none twice */
            CHECK_EQUAL(record.length, length_of(id, number));
            CHECK(is_hostile(record.payload + 4, record.length - 4, (uint8_t)number));
            next[id]++;
            received++;
            CHECK_EQUAL(cursor.records, received);
        }
        pbf_ring_release(ring, &cursor);
        pbf_ring_start_lap(ring, RACE_CAPACITY / 4);
        if (received == before)
            sched_yield();
    }
    for (uint32_t id = 0; id < PRODUCERS; id++)
        CHECK_EQUAL(pthread_join(threads[id], NULL), 0);
    CHECK_EQUAL(pbf_ring_accepted(ring), received);
    CHECK_EQUAL(pbf_ring_pending(ring), 0);
    free_ring(ring);
}

/* A block is passed over until it is published, and then read record by record. */
static void test_block(uint64_t bytes, uint32_t records)
{
    pbf_ring *ring = new_ring(256, 0);
    pbf_cursor cursor = pbf_ring_begin(ring);
    pbf_record record;
    pbf_block block;

    CHECK_EQUAL(put(ring, 8, 100), PBF_OK);
    CHECK_EQUAL(pbf_block_open(ring, bytes, &block), PBF_OK);
    CHECK_EQUAL(put(ring, 8, 101), PBF_OK);
    for (uint32_t i = 0; i < records; i++) {
        unsigned char *payload = pbf_block_place(&block, 24 - 8 * (i % 2));

        CHECK(payload != NULL);
        fill_hostile(payload, 24 - 8 * (i % 2), (uint8_t)i);
        pbf_block_add(ring, &block, 24 - 8 * (i % 2), i);
        CHECK_EQUAL(block.records, i + 1);
    }
    CHECK(pbf_block_place(&block, bytes - 7 - 32 * records) == NULL);
    CHECK(pbf_ring_next(ring, &cursor, &record));
    CHECK(!pbf_ring_next(ring, &cursor, &record));
    CHECK_EQUAL(pbf_ring_accepted(ring), 2);
    CHECK_EQUAL(pbf_ring_used(ring), 32 + bytes);
    pbf_ring_close(ring);
    CHECK(!pbf_ring_is_final(ring));
    pbf_block_publish(ring, &block);
    CHECK(pbf_ring_is_final(ring));
    CHECK_EQUAL(block.records, 0);
    CHECK_EQUAL(pbf_ring_accepted(ring), 2 + records);
    for (uint32_t i = 0; i < records; i++) {
        CHECK(pbf_ring_next(ring, &cursor, &record));
        CHECK_EQUAL(record.tag, i);
        CHECK_EQUAL(record.length, 24 - 8 * (i % 2));
        CHECK(is_hostile(record.payload, record.length, (uint8_t)i));
    }
    CHECK(pbf_ring_next(ring, &cursor, &record));
    CHECK_EQUAL(record.tag, 101);
    CHECK(!pbf_ring_next(ring, &cursor, &record));
    pbf_ring_release(ring, &cursor);
    CHECK_EQUAL(pbf_ring_used(ring), 0);
    free_ring(ring);
}

/* What no block can be claimed for leaves none. */
static void test_no_block(void)
{
    pbf_ring *ring = new_ring(256, 0);
    pbf_block block;

    CHECK_EQUAL(pbf_block_open(ring, 128 + 16, &block), PBF_TOO_LARGE);
    CHECK_EQUAL(block.records, 0);
    CHECK_EQUAL(put(ring, 100, 0), PBF_OK);
    CHECK_EQUAL(put(ring, 24, 0), PBF_OK);
    CHECK_EQUAL(pbf_block_open(ring, 128, &block), PBF_FULL);
    CHECK_EQUAL(block.records, 0);
    CHECK_EQUAL(pbf_block_open(ring, 96, &block), PBF_OK);
    pbf_ring_discard(ring, &block.claim);
    CHECK_EQUAL(pbf_ring_pending(ring), 2);
    free_ring(ring);
}

int main(void)
{
    test_capacity();
    test_block(32, 1);
    test_block(64, 1);
    test_block(64, 2);
    test_block(128, 3);
    test_block(128, 4);
    test_no_block();
    test_largest_length_fits_the_header();
    test_every_length_at_every_index();
    test_full();
    test_claims_are_read_in_order();
    test_budget();
    test_charge();
    test_early_lap();
    test_close(0);
    test_close((UINT64_C(1) << 63) - 128);
    for (int start = 0; start < START_COUNT; start++)
        test_against_model(0x9e3779b97f4a7c15 + (uint64_t)start, STARTS[start]);
    test_race(0);
    test_race((UINT64_C(1) << 63) - 16 * RACE_CAPACITY);
    return 0;
}
