/* The ring between threads: nothing is lost, doubled or out of order.
 *
 * Links: pbf_ring
 */
#include <pthread.h>
#include <sched.h>

#include "ring.h"

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

int main(void)
{
    test_race(0);
    test_race((UINT64_C(1) << 63) - 16 * RACE_CAPACITY);
    return 0;
}
