/* The scenario of a context that is retired, for the interleaving explorer.
 *
 * One slot for two contexts. A producer holds a reference to the first, which was interned before;
 * the consumer retires it, and interns the second as soon as the slot is free.
 */
#include "explore_ring.h"
#include "pbf_context.h"
#include "pbf_record.h"

typedef struct {
    pbf_context_table table;
    uint32_t bucket;
    pbf_context_slot slots[2];
} context_state;

typedef struct {
    pbf_context_ref first;
    uint64_t received;
    uint64_t settled[2]; /* how it went for each producer */
    uint64_t second;     /* whether the slot has the second context now */
} context_ghost;

static context_state *contexts(void)
{
    return (context_state *)(void *)(explore_memory + sizeof(pbf_ring) + CAPACITY);
}

static context_ghost *context_ghosts(void)
{
    return (context_ghost *)(void *)explore_ghost;
}

static const uint8_t FIRST[] = "first", SECOND[] = "second";

static void set_up_contexts(void)
{
    pbf_ring_init(ring(), CAPACITY, 0);
    ring()->limit = 2 * CAPACITY; /* the contexts are not what this is about */
    pbf_context_init(&contexts()->table, contexts()->slots, 2, &contexts()->bucket, 1);
    EXPLORE_CHECK(!pbf_context_find(&contexts()->table, FIRST, 1, &context_ghosts()->first));
    EXPLORE_CHECK(pbf_context_add(&contexts()->table, ring(), FIRST, 1,
                                  &context_ghosts()->first) == PBF_OK);
    contexts()->table.squeezed = true; /* retires what it can, at once */
}

/* All records are of the first context, whatever the slot has become. */
static void check_first(const pbf_record *record)
{
    uint32_t length, slot = pbf_record_slot(record->tag);

    EXPLORE_CHECK(pbf_context_slot_bytes(&contexts()->table, slot, &length) == FIRST);
    context_ghosts()->received++;
}

static void run_contexts(int thread)
{
    context_ghost *known = context_ghosts();

    if (thread < 2) { /* producers; the payload is too short to reach a word of the next header */
        static const uint8_t bytes[] = {0x08, 0x02}; /* event_ts: 1 */
        pbf_event event = {.bytes = bytes, .length = sizeof bytes, .common_length = sizeof bytes};
        pbf_status status =
            pbf_record_append(ring(), &contexts()->table, known->first, &event);

        EXPLORE_CHECK(status == PBF_OK || status == PBF_STALE);
        known->settled[thread] = status;
        return;
    }

    /* The consumer: what it has moved out of the ring waits for its batch until the next round. */
    for (int round = 0; round < 3; round++) {
        pbf_cursor cursor = pbf_ring_begin(ring());
        pbf_record record;
        uint32_t length, *group = &contexts()->slots[known->first.slot].group;

        if (*group != 0)
            EXPLORE_CHECK(pbf_context_slot_bytes(&contexts()->table, known->first.slot, &length) ==
                          FIRST);
        *group = 0;
        while (pbf_ring_next(ring(), &cursor, &record)) {
            check_first(&record);
            pbf_context_seen(&contexts()->table, ring(), pbf_record_slot(record.tag));
            *group = 1;
        }
        pbf_ring_release(ring(), &cursor);
        pbf_context_end_drain(&contexts()->table, ring());
        if (!known->second && pbf_context_reap(&contexts()->table, ring()) != 0) {
            pbf_context_ref ref;

            EXPLORE_CHECK(*group == 0);
            EXPLORE_CHECK(pbf_context_add(&contexts()->table, ring(), SECOND, 1, &ref) == PBF_OK);
            known->second = 1;
        }
    }
}

static int contexts_owner(const uint64_t *word)
{
    enum { CONSUMER = 2 };

    if (word == &ring()->accepted)
        return EXPLORE_COUNTER;
    if (word == &ring()->taken)
        return EXPLORE_PRIVATE + CONSUMER;
    return word == &ring()->released || word == &ring()->limit ? CONSUMER : EXPLORE_SHARED;
}

static void check_contexts(void)
{
    pbf_cursor cursor = pbf_ring_begin(ring());
    pbf_record record;

    while (pbf_ring_next(ring(), &cursor, &record))
        check_first(&record);
    EXPLORE_CHECK(context_ghosts()->received ==
                  (context_ghosts()->settled[0] == PBF_OK) +
                      (uint64_t)(context_ghosts()->settled[1] == PBF_OK));
}

void explore_retirement(void)
{
    run_scenario(&(explore_scenario){
        .name = "retirement",
        .threads = 3,
        .set_up = set_up_contexts,
        .run = run_contexts,
        .check = check_contexts,
        .owner = contexts_owner,
    });
}
