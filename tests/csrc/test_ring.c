/* The ring: capacity edges, laps, positions near 2^63, hostile payloads, counters, its end.
 *
 * Links: pbf_ring
 */
#include "ring.h"

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

int main(void)
{
    test_capacity();
    test_largest_length_fits_the_header();
    test_every_length_at_every_index();
    test_full();
    test_claims_are_read_in_order();
    test_budget();
    test_charge();
    test_early_lap();
    test_close(0);
    test_close((UINT64_C(1) << 63) - 128);
    return 0;
}
