/* The context table: one version for equal bytes, retiring, budget, and producers racing it.
 *
 * Links: pbf_ring pbf_context
 */
#include <pthread.h>
#include <sched.h>

#include "pbf_context.h"
#include "test.h"

#ifndef SCALE
#define SCALE 1
#endif

typedef struct {
    pbf_ring *ring;
    pbf_context_slot *slots;
    uint32_t *buckets;
    uint32_t slot_count;
    pbf_context_table table;
    pthread_mutex_t lock;
} fixture;

enum { BUCKETS = 4 }; /* few, so that versions share one */

static void set_up(fixture *f, uint64_t capacity, uint32_t slot_count, uint64_t position)
{
    f->ring = test_memory(sizeof *f->ring + capacity);
    f->slots = test_memory(slot_count * sizeof *f->slots);
    f->buckets = test_memory(BUCKETS * sizeof *f->buckets);
    f->slot_count = slot_count;
    pbf_ring_init(f->ring, capacity, position);
    pbf_context_init(&f->table, f->slots, slot_count, f->buckets, BUCKETS);
    CHECK_EQUAL(pthread_mutex_init(&f->lock, NULL), 0);
}

static void tear_down(fixture *f)
{
    CHECK_EQUAL(pthread_mutex_destroy(&f->lock), 0);
    test_free(f->buckets, BUCKETS * sizeof *f->buckets);
    test_free(f->slots, f->slot_count * sizeof *f->slots);
    test_free(f->ring, sizeof *f->ring + f->ring->capacity);
}

static const uint8_t *text(const char *bytes)
{
    return (const uint8_t *)bytes;
}

static pbf_status intern(fixture *f, const char *bytes, pbf_context_ref *ref)
{
    uint32_t length = (uint32_t)strlen(bytes);

    if (pbf_context_find(&f->table, text(bytes), length, ref))
        return PBF_OK;
    return pbf_context_add(&f->table, f->ring, text(bytes), length, ref);
}

static pbf_context_ref must_intern(fixture *f, const char *bytes)
{
    pbf_context_ref ref = {0};

    CHECK_EQUAL(intern(f, bytes, &ref), PBF_OK);
    CHECK(pbf_context_is_live(&f->table, ref));
    return ref;
}

static void put(fixture *f, pbf_context_ref ref)
{
    pbf_claim claim;

    CHECK_EQUAL(pbf_ring_claim(f->ring, 8, &claim), PBF_OK);
    CHECK(pbf_context_is_live(&f->table, ref));
    memset(claim.payload, 0, 8);
    pbf_ring_commit(f->ring, &claim, ref.slot);
}

/* Reads up to `count` records, as a batch each, and ends the drain. */
static void drain(fixture *f, int count)
{
    pbf_cursor cursor = pbf_ring_begin(f->ring);
    pbf_record record;

    while (count-- > 0 && pbf_ring_next(f->ring, &cursor, &record)) {
        pbf_context_seen(&f->table, f->ring, record.tag);
        pbf_ring_release(f->ring, &cursor);
    }
    pbf_context_end_drain(&f->table, f->ring);
}

static void test_equal_bytes_are_one_version(void)
{
    fixture f;
    char again[] = "first";

    set_up(&f, 4096, 8, 0);
    pbf_context_ref first = must_intern(&f, "first"), second = must_intern(&f, "second"),
                    empty = must_intern(&f, ""), repeat = must_intern(&f, again);
    uint32_t length;

    CHECK(repeat.slot == first.slot && repeat.version == first.version);
    CHECK(first.slot != second.slot && first.slot != empty.slot && second.slot != empty.slot);
    CHECK(first.slot != 0 && second.slot != 0 && empty.slot != 0);
    CHECK(memcmp(pbf_context_slot_bytes(&f.table, second.slot, &length), "second", 6) == 0);
    CHECK_EQUAL(length, 6);
    (void)pbf_context_slot_bytes(&f.table, empty.slot, &length);
    CHECK_EQUAL(length, 0);
    CHECK(!pbf_context_is_live(&f.table, (pbf_context_ref){0}));
    tear_down(&f);
}

static uint64_t mixed(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static pbf_context_ref must_add(fixture *f, const uint64_t *words, uint32_t length)
{
    const uint8_t *bytes = (const uint8_t *)words;
    pbf_context_ref ref;

    CHECK(!pbf_context_find(&f->table, bytes, length, &ref));
    CHECK_EQUAL(pbf_context_add(&f->table, f->ring, bytes, length, &ref), PBF_OK);
    return ref;
}

/* Whoever chooses the bytes can choose the hash: it must not decide alone. */
static void test_equal_hashes_are_two_versions(void)
{
    fixture f;
    uint64_t longer[2] = {5, mixed(16, 5) ^ 8 ^ 5}; /* begins with the other, and has its hash */
    uint64_t even[2] = {1, 2}, odd[2] = {3, 2 ^ mixed(16, 1) ^ mixed(16, 3)};

    set_up(&f, 4096, 8, 0);
    uint32_t slots[] = {must_add(&f, longer, 16).slot, must_add(&f, longer, 8).slot,
                        must_add(&f, even, 16).slot, must_add(&f, odd, 16).slot};

    CHECK_EQUAL(f.slots[slots[0]].hash, f.slots[slots[1]].hash);
    CHECK_EQUAL(f.slots[slots[2]].hash, f.slots[slots[3]].hash);
    tear_down(&f);
}

/* The newest stays for ever; another two drains after it was seen, then its slot is another's. */
static void test_retired_when_unused(void)
{
    fixture f;

    set_up(&f, 4096, 3, 0);
    pbf_context_ref old = must_intern(&f, "old"), newest = must_intern(&f, "newest");

    put(&f, old);
    drain(&f, 9);
    CHECK(pbf_context_is_live(&f.table, old));
    drain(&f, 9);
    CHECK(pbf_context_is_live(&f.table, old));
    CHECK_EQUAL(pbf_context_reap(&f.table, f.ring), 0);
    drain(&f, 9);
    CHECK(!pbf_context_is_live(&f.table, old));
    CHECK_EQUAL(pbf_context_reap(&f.table, f.ring), old.slot);
    CHECK_EQUAL(pbf_context_reap(&f.table, f.ring), 0);
    for (int i = 0; i < 10; i++)
        drain(&f, 9);
    CHECK(pbf_context_is_live(&f.table, newest));

    pbf_context_ref next = must_intern(&f, "next");

    CHECK_EQUAL(next.slot, old.slot);
    CHECK(!pbf_context_is_live(&f.table, old));
    tear_down(&f);
}

/* While records may name a version, it is not retired; while they do, its slot is not freed. */
static void test_pending_records_keep_a_slot(void)
{
    fixture f;

    set_up(&f, 4096, 4, UINT64_MAX - 15); /* positions pass 2^64 */
    pbf_context_ref old = must_intern(&f, "old"), newest = must_intern(&f, "newest");

    for (int i = 0; i < 9; i++)
        put(&f, i == 4 ? newest : old);
    for (int i = 0; i < 8; i++) {
        drain(&f, 1); /* far from the end */
        CHECK(pbf_context_is_live(&f.table, old));
    }
    for (int i = 0; i < 6; i++)
        drain(&f, 0); /* not even a drain long ago will do */
    CHECK(pbf_context_is_live(&f.table, old));

    /* What is retired with a claim open waits for that claim, which may have seen it live. */
    pbf_claim claim;

    drain(&f, 1);
    CHECK_EQUAL(pbf_ring_claim(f.ring, 8, &claim), PBF_OK);
    CHECK(pbf_context_is_live(&f.table, old));
    for (int i = 0; i < 3; i++)
        drain(&f, 1);
    CHECK(!pbf_context_is_live(&f.table, old));
    CHECK_EQUAL(pbf_context_reap(&f.table, f.ring), 0);
    memset(claim.payload, 0, 8);
    pbf_ring_commit(f.ring, &claim, old.slot);
    CHECK_EQUAL(pbf_context_reap(&f.table, f.ring), 0);
    drain(&f, 1);
    f.slots[old.slot].group = 1; /* so does what waits for its batch */
    CHECK_EQUAL(pbf_context_reap(&f.table, f.ring), 0);
    f.slots[old.slot].group = 0;
    CHECK_EQUAL(pbf_context_reap(&f.table, f.ring), old.slot);
    tear_down(&f);
}

/* Versions share buckets: one leaves, the others are still found. */
static void test_retiring_leaves_the_others(void)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    enum { COUNT = sizeof names / sizeof *names };

    for (int gone = 0; gone < COUNT - 1; gone++) { /* the last is the newest, and stays */
        fixture f;
        pbf_context_ref refs[COUNT];

        set_up(&f, 4096, COUNT + 1, 0);
        for (int i = 0; i < COUNT; i++)
            refs[i] = must_intern(&f, names[i]);
        for (int n = 0; n < 3; n++) {
            for (int i = 0; i < COUNT; i++) {
                if (i != gone)
                    pbf_context_seen(&f.table, f.ring, refs[i].slot);
            }
            drain(&f, 0);
        }
        for (int i = 0; i < COUNT; i++) {
            CHECK_EQUAL(pbf_context_is_live(&f.table, refs[i]), i != gone);
            if (i != gone)
                CHECK_EQUAL(must_intern(&f, names[i]).version, refs[i].version);
        }
        tear_down(&f);
    }
}

/* What is older than a version, and still to be read, keeps it too. */
static void test_new_version_is_not_retired_at_once(void)
{
    fixture f;

    set_up(&f, 4096, 4, 0);
    put(&f, must_intern(&f, "first"));
    pbf_context_ref second = must_intern(&f, "second");

    f.table.squeezed = true;
    drain(&f, 0);
    CHECK(pbf_context_is_live(&f.table, second));
    drain(&f, 1);
    CHECK(!pbf_context_is_live(&f.table, second));
    tear_down(&f);
}

static void test_two_in_turn_do_not_thrash(void)
{
    fixture f;

    set_up(&f, 4096, 8, 0);
    pbf_context_ref even = must_intern(&f, "even"), odd = must_intern(&f, "odd");

    for (int i = 0; i < 20; i++) {
        pbf_context_ref ref = must_intern(&f, i % 2 ? "odd" : "even");

        CHECK_EQUAL(ref.version, i % 2 ? odd.version : even.version);
        put(&f, ref);
        drain(&f, 9);
    }
    tear_down(&f);
}

static void test_budget(void)
{
    fixture f;
    static char large[4096], other[4096], whole[4096];
    uint64_t held = 3000 + PBF_CONTEXT_COST;
    pbf_context_ref first, second = {0};

    memset(large, 'x', 3000);
    memset(other, 'z', 3000);
    memset(whole, 'y', sizeof whole - PBF_CONTEXT_COST);
    set_up(&f, 4096, 8, 0);
    CHECK_EQUAL(intern(&f, whole, &second), PBF_OK); /* the whole budget, to the byte */
    CHECK_EQUAL(pbf_ring_claim(f.ring, 0, &(pbf_claim){0}), PBF_FULL);
    tear_down(&f);

    set_up(&f, 2048, 8, 0);
    CHECK_EQUAL(intern(&f, large, &first), PBF_TOO_LARGE);
    tear_down(&f);

    set_up(&f, 4096, 8, 0);
    first = must_intern(&f, large);
    put(&f, first);
    put(&f, first);
    CHECK(!pbf_ring_reserve(f.ring, 4096 - held - 32 + 1)); /* 32 are the records' */
    drain(&f, 1);
    CHECK_EQUAL(intern(&f, other, &second), PBF_FULL);

    /* The newest gives way to what does not fit, but not while it is known to be pending. */
    drain(&f, 0);
    CHECK(pbf_context_is_live(&f.table, first));
    drain(&f, 1);
    CHECK(!pbf_context_is_live(&f.table, first));
    CHECK_EQUAL(intern(&f, other, &second), PBF_FULL); /* retired, not reaped */
    CHECK_EQUAL(pbf_context_reap(&f.table, f.ring), first.slot);
    CHECK_EQUAL(intern(&f, other, &second), PBF_OK);
    drain(&f, 0);
    CHECK(pbf_context_is_live(&f.table, second)); /* no longer under pressure */
    tear_down(&f);
}

static void test_out_of_slots(void)
{
    fixture f;
    pbf_context_ref ref;

    set_up(&f, 4096, 3, 0);
    must_intern(&f, "one");
    must_intern(&f, "two");
    CHECK_EQUAL(intern(&f, "three", &ref), PBF_FULL);
    CHECK(pbf_ring_reserve(f.ring, 4096 - 2 * (3 + PBF_CONTEXT_COST))); /* and no budget was lost */
    pbf_ring_unreserve(f.ring, 4096 - 2 * (3 + PBF_CONTEXT_COST));
    drain(&f, 0);
    CHECK(pbf_context_reap(&f.table, f.ring) != 0);
    CHECK_EQUAL(intern(&f, "three", &ref), PBF_OK);
    tear_down(&f);
}

/* Far more versions than a drain looks at in vain: all but those in use go, the budget returns. */
static void test_many_versions(void)
{
    enum { COUNT = 500 };
    static char names[COUNT][12];
    fixture f;
    int reaped = 0;

    set_up(&f, 1 << 16, COUNT + 2, 0);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < COUNT; i++) {
            snprintf(names[i], sizeof names[i], "%d", i);
            must_intern(&f, names[i]);
        }
        for (int i = 0; i < 20; i++) {
            drain(&f, 0);
            while (pbf_context_reap(&f.table, f.ring) != 0)
                reaped++;
        }
    }
    CHECK_EQUAL(reaped, 20 * (COUNT - 1));
    tear_down(&f);
}

/* -- Race ------------------------------------------------------------------------------------- */

enum { PRODUCERS = 3, PER_PRODUCER = 40000 / SCALE, CONTEXTS = 7 };

static void *produce(void *argument)
{
    fixture *f = argument;
    pbf_context_ref cached[CONTEXTS] = {{0}};
    uint64_t state = (uint64_t)(uintptr_t)&state | 1;

    for (int n = 0; n < PER_PRODUCER; n++) {
        uint32_t which = (uint32_t)(test_random(&state) % CONTEXTS);
        pbf_claim claim;

        for (;;) {
            if (pbf_ring_claim(f->ring, sizeof which, &claim) != PBF_OK) {
                sched_yield();
                continue;
            }
            if (pbf_context_is_live(&f->table, cached[which]))
                break;
            pbf_ring_discard(f->ring, &claim);

            CHECK_EQUAL(pthread_mutex_lock(&f->lock), 0);
            if (!pbf_context_find(&f->table, (uint8_t *)&which, sizeof which, &cached[which])) {
                uint32_t *bytes = malloc(sizeof *bytes);

                CHECK(bytes != NULL);
                *bytes = which;
                if (pbf_context_add(&f->table, f->ring, (uint8_t *)bytes, sizeof *bytes,
                                    &cached[which]) != PBF_OK)
                    free(bytes);
            }
            CHECK_EQUAL(pthread_mutex_unlock(&f->lock), 0);
        }
        memcpy(claim.payload, &which, sizeof which);
        pbf_ring_commit(f->ring, &claim, cached[which].slot);
    }
    return NULL;
}

/* Four slots for seven contexts: they are retired, freed and used again all the time. Each record
 * must find the bytes that its producer meant, and no freed ones. */
static void test_race(void)
{
    fixture f;
    pthread_t threads[PRODUCERS];
    uint64_t received = 0, reaped = 0;
    uint32_t slot, length;

    set_up(&f, 1024, 5, (UINT64_C(1) << 63) - 4096);
    for (int i = 0; i < PRODUCERS; i++)
        CHECK_EQUAL(pthread_create(&threads[i], NULL, produce, &f), 0);
    while (received < (uint64_t)PRODUCERS * PER_PRODUCER) {
        pbf_cursor cursor = pbf_ring_begin(f.ring);
        pbf_record record;
        uint64_t before = received;

        while (received - before < 8 && pbf_ring_next(f.ring, &cursor, &record)) {
            const uint8_t *bytes = pbf_context_slot_bytes(&f.table, record.tag, &length);

            CHECK_EQUAL(length, record.length);
            CHECK(memcmp(bytes, record.payload, length) == 0);
            pbf_context_seen(&f.table, f.ring, record.tag);
            received++;
        }
        pbf_ring_release(f.ring, &cursor);
        pbf_ring_start_lap(f.ring, 256);
        CHECK_EQUAL(pthread_mutex_lock(&f.lock), 0);
        pbf_context_end_drain(&f.table, f.ring);
        while ((slot = pbf_context_reap(&f.table, f.ring)) != 0) {
            free((void *)(uintptr_t)pbf_context_slot_bytes(&f.table, slot, &length));
            reaped++;
        }
        CHECK_EQUAL(pthread_mutex_unlock(&f.lock), 0);
        sched_yield();
    }
    for (int i = 0; i < PRODUCERS; i++)
        CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    CHECK(reaped > 100);
    f.table.squeezed = true; /* hands back the rest */
    pbf_context_end_drain(&f.table, f.ring);
    while ((slot = pbf_context_reap(&f.table, f.ring)) != 0)
        free((void *)(uintptr_t)pbf_context_slot_bytes(&f.table, slot, &length));
    CHECK_EQUAL(f.table.live_count, 0);
    CHECK(pbf_ring_reserve(f.ring, 1024)); /* the whole budget is back, */
    CHECK(!pbf_ring_reserve(f.ring, 1));   /* and no more */
    tear_down(&f);
}

int main(void)
{
    test_equal_bytes_are_one_version();
    test_equal_hashes_are_two_versions();
    test_retired_when_unused();
    test_pending_records_keep_a_slot();
    test_retiring_leaves_the_others();
    test_new_version_is_not_retired_at_once();
    test_two_in_turn_do_not_thrash();
    test_budget();
    test_out_of_slots();
    test_many_versions();
    test_race();
    return 0;
}
