/* What the C tests of the ring share: rings at all positions, payloads that look like headers. */
#ifndef TEST_RING_H
#define TEST_RING_H

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

static inline pbf_ring *new_ring(uint64_t capacity, uint64_t position)
{
    pbf_ring *ring = test_memory(sizeof *ring + capacity);

    pbf_ring_init(ring, capacity, position);
    return ring;
}

static inline void free_ring(pbf_ring *ring)
{
    test_free(ring, sizeof *ring + ring->capacity);
}

/* Fills with words that each would pass for the header of a committed record. */
static inline void fill_hostile(unsigned char *payload, uint64_t length, uint8_t salt)
{
    for (uint64_t i = 0; i < length; i++)
        payload[i] = i % 8 == 0 ? 1 | 8 << 2 : (uint8_t)(i % 8 < 4 ? 0 : salt | 1);
}

static inline bool is_hostile(const unsigned char *payload, uint64_t length, uint8_t salt)
{
    for (uint64_t i = 0; i < length; i++) {
        if (payload[i] != (i % 8 == 0 ? 1 | 8 << 2 : (uint8_t)(i % 8 < 4 ? 0 : salt | 1)))
            return false;
    }
    return true;
}

static inline pbf_status put(pbf_ring *ring, uint64_t length, uint32_t tag)
{
    pbf_claim claim;
    pbf_status status = pbf_ring_claim(ring, length, &claim);

    if (status == PBF_OK) {
        fill_hostile(claim.payload, length, (uint8_t)tag);
        pbf_ring_commit(ring, &claim, tag);
    }
    return status;
}

static inline void expect(const pbf_ring *ring, pbf_cursor *cursor, uint64_t length, uint32_t tag)
{
    pbf_record record;

    CHECK(pbf_ring_next(ring, cursor, &record));
    CHECK_EQUAL(record.length, length);
    CHECK_EQUAL(record.tag, tag);
    CHECK(is_hostile(record.payload, length, (uint8_t)tag));
}

static inline void expect_end(const pbf_ring *ring, pbf_cursor *cursor)
{
    pbf_record record;

    CHECK(!pbf_ring_next(ring, cursor, &record));
}

#endif
