/* The search of the interleaving explorer: depth first, through each state once. */
#include "explore_world.h"

static uint64_t visited[STATES_MAX];
static unsigned long states;

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
    const unsigned char *from = bytes;

    for (size_t at = 0; at + 8 <= length; at += 8) {
        uint64_t value;

        memcpy(&value, from + at, sizeof value);
        hash = mix(hash, value);
    }
    return hash;
}

static uint64_t hash_clock(uint64_t hash, const vector_clock *clock)
{
    uint32_t value;

    memcpy(&value, clock, sizeof value);
    return mix(hash, value);
}

/* Whether the state is new. By a hash of 64 bits: for the millions of states here, two with the
 * same are not to be expected. */
static bool is_new(void)
{
    uint64_t hash = hash_bytes(1, world.memory, sizeof world.memory);

    hash = hash_bytes(hash, world.ghost, sizeof world.ghost);
    for (int t = 0; t < scenario->threads; t++) {
        const thread_state *thread = &world.threads[t];

        hash = mix(hash, thread->next.kind == FINISHED);
        if (thread->next.kind != FINISHED)
            hash = hash_clock(mix(hash, thread->history), &thread->clock);
    }
    hash = hash_clock(mix(hash, world.locked), &world.lock_message);
    for (int w = 0; w < WORDS; w++) {
        const word_state *word = &world.words[w];
        uint32_t seen;

        if (!world.touched[w])
            continue;
        memcpy(&seen, word->seen, sizeof seen);
        hash = mix(hash, (uint64_t)w << 40 | (uint64_t)word->count << 32 | seen);
        hash = hash_clock(hash_clock(hash, &word->plain_reads), &word->plain_writes);
        hash = hash_clock(hash_clock(hash, &word->atomic_reads), &word->atomic_writes);
        for (int i = 0; i < word->count; i++) {
            const store *store = &word->stores[i];

            hash = mix(hash, store->value);
            hash = mix(hash, (uint64_t)store->writer << 16 | store->time << 1 | store->seq_cst);
            hash = hash_clock(hash, &store->message);
        }
    }
    hash |= 1; /* 0 is a free place */

    for (uint64_t at = hash >> 20;; at++) {
        uint64_t *place = &visited[at % STATES_MAX];

        if (*place == hash)
            return false;
        if (*place == 0) {
            *place = hash;
            if (++states > STATES_MAX / 2)
                explore_fail("too many states", __LINE__);
            return true;
        }
    }
}

typedef struct {
    world_state world;
    char stacks[T][STACK];
} snapshot;

static void copy_stacks(char to[T][STACK], char from[T][STACK])
{
    for (int t = 0; t < scenario->threads; t++) {
        size_t low = (size_t)(world.threads[t].stack_low - stacks[t]);

        memcpy(to[t] + low, from[t] + low, STACK - low);
    }
}

static bool is_enabled(int t)
{
    const operation *op = &world.threads[t].next;

    switch (op->kind) {
    case AWAIT: {
        const word_state *word = state_of(op->word);

        return word->seen[t] != word->count - 1;
    }
    case LOCK:
        return !world.locked;
    case FINISHED:
        return false;
    default:
        return true;
    }
}

static void search(void)
{
    bool stuck = true, unfinished = false;
    static snapshot saved[DEPTH_MAX];
    snapshot *here = &saved[world.depth];

    normalize();
    if (!is_new())
        return;
    if (world.depth == DEPTH_MAX - 1)
        explore_fail("no end in sight", __LINE__);

    for (int t = 0; t < scenario->threads; t++) {
        operation op = world.threads[t].next;
        int newest = 0, oldest = 0;

        unfinished |= op.kind != FINISHED;
        if (!is_enabled(t))
            continue;
        if (stuck) {
            here->world = world;
            copy_stacks(here->stacks, stacks);
        }
        stuck = false;
        if (op.kind == LOAD) {
            newest = state_of(op.word)->count - 1;
            oldest = scenario->only_newest ? newest
                                           : oldest_readable(state_of(op.word), t, op.order);
        }
        for (int choice = newest; choice >= oldest; choice--) {
            world = here->world;
            copy_stacks(stacks, here->stacks);
            trace[world.depth].thread = t;
            trace[world.depth].done = op;
            world.depth++;
            perform(t, choice);
            trace[world.depth - 1].done = world.threads[t].next;
            run_until_yield(t);
            search();
        }
        world = here->world;
        copy_stacks(stacks, here->stacks);
    }
    if (stuck && unfinished)
        explore_fail("a thread waits for ever", __LINE__);
    if (stuck)
        scenario->check();
}

unsigned long explore(const explore_scenario *explored)
{
    scenario = explored;
    states = 0;
    memset(visited, 0, sizeof visited);
    memset(&world, 0, sizeof world);
    scenario->set_up();
    for (int t = 0; t < scenario->threads; t++) {
        world.threads[t].clock.of[t] = 1;
        start(t);
    }
    search();
    return states;
}
