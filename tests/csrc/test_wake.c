/* Wake-ups: a consumer that sleeps without a time limit misses no record of racing producers.
 *
 * Links: pbf_ring
 */
#include "pbf_wake.h"
#include "test.h"

#include <pthread.h>
#include <semaphore.h>

enum { CAPACITY = 1 << 16, PRODUCERS = 3, RECORDS = 20000 };

static pbf_ring *ring;
static pbf_wake wake;
static sem_t wake_ups;

static void append(void)
{
    pbf_claim claim;

    CHECK_EQUAL(pbf_ring_claim(ring, 0, &claim), PBF_OK);
    pbf_ring_commit(ring, &claim, 0);
}

static void drain(void)
{
    pbf_cursor cursor = pbf_ring_begin(ring);
    pbf_record record;

    while (pbf_ring_next(ring, &cursor, &record))
        continue;
    pbf_ring_release(ring, &cursor);
}

static void test_one_by_one(void)
{
    append();
    CHECK(pbf_wake_due(&wake, ring)); /* the first of all */
    append();
    CHECK(!pbf_wake_due(&wake, ring)); /* nobody waits */
    CHECK(!pbf_wake_arm(&wake, ring, 1));
    CHECK(!pbf_wake_arm(&wake, ring, 2));
    CHECK(pbf_wake_arm(&wake, ring, 3));
    append();
    CHECK(pbf_wake_due(&wake, ring));
    CHECK(!pbf_wake_due(&wake, ring)); /* once */
    drain();
    CHECK(pbf_wake_arm(&wake, ring, 1));
    append();
    CHECK(pbf_wake_due(&wake, ring));
    drain();

    pbf_claim claim; /* not committed, and yet no reason to sleep */

    CHECK_EQUAL(pbf_ring_claim(ring, 0, &claim), PBF_OK);
    CHECK(!pbf_wake_arm(&wake, ring, 1));
    pbf_ring_commit(ring, &claim, 0);
    drain();
}

static void *produce(void *argument)
{
    (void)argument;
    for (int i = 0; i < RECORDS; i++) {
        pbf_claim claim;

        while (pbf_ring_claim(ring, 0, &claim) == PBF_FULL)
            sched_yield();
        pbf_ring_commit(ring, &claim, 0);
        if (pbf_wake_due(&wake, ring))
            sem_post(&wake_ups);
    }
    return NULL;
}

/* Hangs, and so fails, if a wake-up is lost. */
static void test_race(void)
{
    uint64_t before = pbf_ring_accepted(ring);
    uint64_t all = before + (uint64_t)PRODUCERS * RECORDS;
    pthread_t threads[PRODUCERS];

    for (int i = 0; i < PRODUCERS; i++)
        CHECK_EQUAL(pthread_create(&threads[i], NULL, produce, NULL), 0);
    while (pbf_ring_begin(ring).records < all) {
        if (pbf_wake_arm(&wake, ring, 1))
            sem_wait(&wake_ups);
        drain();
    }
    for (int i = 0; i < PRODUCERS; i++)
        CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
    ring = test_memory(sizeof *ring + CAPACITY);
    CHECK_EQUAL(sem_init(&wake_ups, 0, 0), 0);
    pbf_ring_init(ring, CAPACITY, 0);
    pbf_wake_init(&wake);
    test_one_by_one();
    test_race();
    CHECK_EQUAL(sem_destroy(&wake_ups), 0);
    test_free(ring, sizeof *ring + CAPACITY);
    return 0;
}
