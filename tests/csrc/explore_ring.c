/* Scenarios of producers and a consumer, for the interleaving explorer; runs all others, too. */
#include <stdio.h>
#include <string.h>

#include "explore_ring.h"

enum { UNIT = 16, ITEMS = 3 };

static const char *chosen; /* the scenario to explore; NULL: all */

void run_scenario(const explore_scenario *scenario)
{
    if (chosen == NULL || strcmp(chosen, scenario->name) == 0)
        printf("%-24s %9lu states\n", scenario->name, explore(scenario));
}

typedef struct {
    uint64_t length;
    bool discarded;
} item;

/* What the threads do. The consumer is the last producer's successor, then comes the observer. */
static struct plan {
    int producers;
    uint64_t start;            /* position */
    item items[3][ITEMS];      /* of each producer; the counts are below */
    int counts[3];
    bool gives_up;             /* a producer that finds the ring full drops the item */
    int batch;                 /* records that the consumer reads before it releases */
    int rounds;                /* the consumer's; 0: until it has all */
    bool early_laps;           /* the consumer starts laps early, */
    uint64_t past;             /* from this index on */
    bool observed;             /* another thread looks at the figures */
    uint64_t reserved;         /* budget that is gone from the start */
    uint64_t block;            /* the first producer puts all that it has into a block of this size */
} plan;

/* What only the scenario knows. */
typedef struct {
    uint64_t used;             /* between claim and release, truly */
    uint64_t received, dropped, committed;
    uint64_t next[3];          /* the item that the consumer expects of each producer */
    uint64_t span[3];          /* what a producer tries to claim now, or 0 */
    uint64_t was_full[3];      /* whether there was a moment without room for that */
    uint64_t in_start_lap;
} ghost_state;

static ghost_state *ghost(void)
{
    return (ghost_state *)(void *)explore_ghost;
}

static uint32_t tag_of(int producer, uint64_t number)
{
    return (uint32_t)(producer << 8) | (uint32_t)number;
}

/* Each word of a payload would pass for the header of a committed record, with a tag of its own. */
static uint64_t hostile_word(uint32_t tag)
{
    return (UINT64_C(0x80000000) | tag) << 32 | 8 << 2 | 1;
}

/* Whether the item is to become a record. */
static bool is_sent(const item *item)
{
    return !item->discarded && item->length <= CAPACITY / 2 - 8;
}

static bool has_room(uint64_t span)
{
    uint64_t index = ring()->claim & (CAPACITY - 1) & ~(uint64_t)(UNIT - 1);
    uint64_t padding = span > CAPACITY - index ? CAPACITY - index : 0;

    return ghost()->used + padding + span <= CAPACITY &&
           ghost()->used + span <= CAPACITY - plan.reserved;
}

static void note_full(void)
{
    for (int p = 0; p < plan.producers; p++)
        ghost()->was_full[p] |= ghost()->span[p] > 0 && !has_room(ghost()->span[p]);
}

static void ring_changed(int thread, const uint64_t *word, uint64_t before, uint64_t after)
{
    uint64_t moved = after / UNIT * UNIT - before / UNIT * UNIT;

    if (thread == plan.producers && ghost()->in_start_lap)
        return; /* jumps over what is free */
    if (word == &ring()->claim) {
        EXPLORE_CHECK(ghost()->used + ghost()->span[thread] <= CAPACITY - plan.reserved);
        ghost()->used += moved;
    }
    if (word == &ring()->released)
        ghost()->used -= moved;
    EXPLORE_CHECK(ghost()->used <= CAPACITY);
    note_full();
}

static int ring_owner(const uint64_t *word)
{
    if (word == &ring()->limit)
        return EXPLORE_CONSTANT;
    if (word == &ring()->accepted)
        return plan.observed ? EXPLORE_SHARED : EXPLORE_COUNTER;
    if (word == &ring()->taken)
        return plan.observed ? plan.producers : EXPLORE_PRIVATE + plan.producers;
    return word == &ring()->released ? plan.producers : EXPLORE_SHARED;
}

static void check_place(const unsigned char *payload, uint64_t length)
{
    EXPLORE_CHECK(payload >= ring()->storage);
    EXPLORE_CHECK(payload + length <= ring()->storage + CAPACITY);
}

static void produce_block(int self)
{
    pbf_block block;
    pbf_status status;

    ghost()->span[self] = plan.block;
    while ((status = pbf_block_open(ring(), plan.block, &block)) == PBF_FULL)
        explore_await(&ring()->released);
    ghost()->span[self] = 0;
    EXPLORE_CHECK(status == PBF_OK);
    for (int i = 0; i < plan.counts[self]; i++) {
        uint64_t length = plan.items[self][i].length, word = hostile_word(tag_of(self, (uint64_t)i));
        unsigned char *payload = pbf_block_place(&block, length);

        check_place(payload, length);
        explore_plain_write(payload, length);
        for (uint64_t at = 0; at < length; at += 8)
            memcpy(payload + at, &word, 8);
        pbf_block_add(ring(), &block, length, tag_of(self, (uint64_t)i));
    }
    EXPLORE_CHECK(block.used == plan.block || pbf_block_place(&block, 24) == NULL);
    ghost()->committed += block.records;
    pbf_block_publish(ring(), &block);
}

static void produce(int self)
{
    if (self == 0 && plan.block > 0) {
        produce_block(self);
        return;
    }
    for (int i = 0; i < plan.counts[self];) {
        const item *item = &plan.items[self][i];
        uint64_t word = hostile_word(tag_of(self, (uint64_t)i));
        pbf_claim claim;

        explore_milestone((uint64_t)i);
        ghost()->span[self] = (8 + item->length + UNIT - 1) / UNIT * UNIT;
        ghost()->was_full[self] = 0;
        note_full();
        pbf_status status = pbf_ring_claim(ring(), item->length, &claim);

        ghost()->span[self] = 0;
        if (item->length > CAPACITY / 2 - 8) {
            EXPLORE_CHECK(status == PBF_TOO_LARGE);
            i++;
            continue;
        }
        if (status == PBF_FULL && plan.gives_up) {
            EXPLORE_CHECK(ghost()->was_full[self]);
            ghost()->dropped++;
            i++;
            continue;
        }
        if (status == PBF_FULL) {
            explore_await(&ring()->released);
            continue;
        }
        EXPLORE_CHECK(status == PBF_OK);
        check_place(claim.payload, claim.length);
        explore_plain_write(claim.payload, item->length);
        for (uint64_t at = 0; at < item->length; at += 8)
            memcpy(claim.payload + at, &word, 8);
        if (item->discarded) {
            pbf_ring_discard(ring(), &claim);
        } else {
            pbf_ring_commit(ring(), &claim, tag_of(self, (uint64_t)i));
            ghost()->committed++;
        }
        i++;
    }
}

static void receive(const pbf_record *record)
{
    uint32_t producer = record->tag >> 8, number = record->tag & 255;
    uint64_t word = hostile_word(record->tag);

    EXPLORE_CHECK(producer < (uint32_t)plan.producers);
    while (!is_sent(&plan.items[producer][ghost()->next[producer]]))
        ghost()->next[producer]++;
    if (plan.gives_up) /* what was dropped leaves a gap */
        EXPLORE_CHECK(number >= ghost()->next[producer]);
    else
        EXPLORE_CHECK(number == ghost()->next[producer]);
    EXPLORE_CHECK(number < (uint32_t)plan.counts[producer]);
    ghost()->next[producer] = number + 1;
    EXPLORE_CHECK(record->length == plan.items[producer][number].length);
    check_place(record->payload, record->length);
    explore_plain_read(record->payload, record->length);
    for (uint64_t at = 0; at < record->length; at += 8)
        EXPLORE_CHECK(memcmp(record->payload + at, &word, 8) == 0);
    ghost()->received++;
}

static uint64_t expected_records(void)
{
    uint64_t expected = 0;

    for (int p = 0; p < plan.producers; p++) {
        for (int i = 0; i < plan.counts[p]; i++)
            expected += is_sent(&plan.items[p][i]);
    }
    return expected;
}

static void consume(void)
{
    uint64_t expected = expected_records();

    for (int round = 0; plan.rounds ? round < plan.rounds : ghost()->received < expected; round++) {
        pbf_cursor cursor = pbf_ring_begin(ring());
        uint64_t start = cursor.position;

        explore_milestone(plan.rounds ? (uint64_t)round : 0);
        pbf_record record;

        EXPLORE_CHECK(cursor.records == ghost()->received);
        for (int i = 0; i < plan.batch && pbf_ring_next(ring(), &cursor, &record); i++)
            receive(&record);
        EXPLORE_CHECK(cursor.records == ghost()->received);
        if (cursor.position != start)
            pbf_ring_release(ring(), &cursor);
        if (plan.early_laps) {
            uint64_t index = cursor.position % CAPACITY;

            ghost()->in_start_lap = 1;
            bool begun = pbf_ring_start_lap(ring(), plan.past);

            ghost()->in_start_lap = 0;
            EXPLORE_CHECK(!begun || (index > 0 && index >= plan.past));
            start += begun;
        }
        if (cursor.position == start && plan.rounds == 0)
            explore_await(ring()->storage + cursor.position % CAPACITY);
    }
}

static void observe(void)
{
    EXPLORE_CHECK(pbf_ring_pending(ring()) <= expected_records());
    EXPLORE_CHECK(pbf_ring_used(ring()) <= CAPACITY);
}

static void run_plan(int thread)
{
    if (thread < plan.producers)
        produce(thread);
    else if (thread == plan.producers)
        consume();
    else
        observe();
}

static void set_up_plan(void)
{
    pbf_ring_init(ring(), CAPACITY, plan.start);
    EXPLORE_CHECK(plan.reserved == 0 || pbf_ring_reserve(ring(), plan.reserved));
    EXPLORE_CHECK(!pbf_ring_reserve(ring(), CAPACITY - plan.reserved + 1));
}

static void check_plan(void)
{
    pbf_cursor cursor = pbf_ring_begin(ring());
    pbf_record record;
    uint64_t left = 0, word;

    EXPLORE_CHECK(pbf_ring_accepted(ring()) == ghost()->committed);
    EXPLORE_CHECK(pbf_ring_pending(ring()) == ghost()->committed - ghost()->received);
    EXPLORE_CHECK(pbf_ring_used(ring()) == ghost()->used);
    EXPLORE_CHECK(ghost()->committed + ghost()->dropped == expected_records());
    while (pbf_ring_next(ring(), &cursor, &record))
        EXPLORE_CHECK(++left <= expected_records());
    EXPLORE_CHECK(ghost()->received + left == ghost()->committed);
    pbf_ring_release(ring(), &cursor);
    EXPLORE_CHECK(pbf_ring_used(ring()) == 0);
    for (int at = 0; at < CAPACITY; at += UNIT) {
        memcpy(&word, ring()->storage + at, sizeof word);
        EXPLORE_CHECK(word == 0);
    }
}

static void explore_plan(const char *name, struct plan what, bool only_newest)
{
    plan = what;
    run_scenario(&(explore_scenario){
        .name = name,
        .threads = what.producers + 1 + what.observed,
        .set_up = set_up_plan,
        .run = run_plan,
        .check = check_plan,
        .changed = ring_changed,
        .owner = ring_owner,
        .only_newest = only_newest,
    });
}

/* Explores the scenario that the argument names, or all, the smallest ones first. */
int main(int count, char **arguments)
{
    static const uint64_t NEAR = (UINT64_C(1) << 63) - 32;

    chosen = count > 1 ? arguments[1] : NULL;
    explore_plan("too large",
                 (struct plan){.producers = 1, .items = {{{25, 0}, {24, 0}}}, .counts = {2},
                               .batch = 1}, false);
    explore_plan("reserved",
                 (struct plan){.producers = 1, .items = {{{24, 0}, {24, 0}}}, .counts = {2},
                               .batch = 1, .reserved = 32, .gives_up = true, .rounds = 2}, true);
    explore_plan("figures",
                 (struct plan){.producers = 1, .items = {{{8, 0}, {24, 0}}}, .counts = {2},
                               .batch = 1, .observed = true, .early_laps = true}, false);
    explore_plan("early laps",
                 (struct plan){.producers = 2, .items = {{{8, 0}, {24, 0}}, {{24, 0}}},
                               .counts = {2, 1}, .batch = 2, .early_laps = true, .past = 32},
                 false);
    explore_plan("three producers",
                 (struct plan){.producers = 3, .items = {{{8, 0}}, {{24, 1}}, {{8, 0}}},
                               .counts = {1, 1, 1}, .batch = 3, .start = NEAR}, false);
    explore_plan("room",
                 (struct plan){.producers = 2, .items = {{{24, 0}, {24, 0}}, {{24, 0}}},
                               .counts = {2, 1}, .batch = 1, .early_laps = true, .rounds = 3,
                               .gives_up = true}, true);
    explore_plan("laps",
                 (struct plan){.producers = 2, .items = {{{24, 0}, {24, 0}}, {{24, 0}, {24, 0}}},
                               .counts = {2, 2}, .batch = 2, .start = NEAR}, false);
    explore_plan("padding",
                 (struct plan){.producers = 2, .items = {{{8, 0}, {24, 0}}, {{24, 0}, {24, 0}}},
                               .counts = {2, 2}, .batch = 1}, false);
    explore_plan("full block",
                 (struct plan){.producers = 2, .items = {{{8, 0}, {8, 0}}, {{8, 0}, {24, 0}}},
                               .counts = {2, 2}, .batch = 2, .block = 32}, false);
    explore_plan("block with a rest",
                 (struct plan){.producers = 2, .items = {{{8, 0}}, {{24, 0}, {24, 0}}},
                               .counts = {1, 2}, .batch = 1, .block = 32}, false);
    explore_plan("figures of a block",
                 (struct plan){.producers = 1, .items = {{{8, 0}}}, .counts = {1}, .batch = 1,
                               .block = 32, .observed = true}, false);
    explore_retirement();
    explore_close();
    return 0;
}
