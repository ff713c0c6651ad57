/* Blocks of records in the ring: read only once they are published.
 *
 * Links: pbf_ring
 */
#include "ring.h"

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
    test_block(32, 1);
    test_block(64, 1);
    test_block(64, 2);
    test_block(128, 3);
    test_block(128, 4);
    test_no_block();
    return 0;
}
