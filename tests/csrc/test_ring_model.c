/* The ring, used at random, against a plain list.
 *
 * Links: pbf_ring
 */
#include "ring.h"

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

int main(void)
{
    for (int start = 0; start < START_COUNT; start++)
        test_against_model(0x9e3779b97f4a7c15 + (uint64_t)start, STARTS[start]);
    return 0;
}
