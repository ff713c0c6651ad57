/* The interleaving explorer: coroutines, the memory model, depth-first search; see explore.h. */
#define _DEFAULT_SOURCE

#include "explore.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "explore_shim.h"

enum { T = EXPLORE_THREADS, WORDS = EXPLORE_MEMORY / 8, STORES_MAX = 16, STACK = 8192 };
enum { DEPTH_MAX = 400, STATES_MAX = 1 << 21 };

typedef struct {
    uint8_t of[T]; /* an epoch of each thread */
} vector_clock;

/* A value in the modification order of a word. */
typedef struct {
    uint64_t value;
    vector_clock message; /* what an acquiring reader learns */
    uint8_t writer, time; /* which thread, and its epoch then */
    bool seq_cst;
} store;

/* With the epoch in which each thread last touched it; 0 is never. */
typedef struct {
    store stores[STORES_MAX];
    uint8_t count;
    uint8_t seen[T]; /* the newest store that the thread has read or made */
    vector_clock plain_reads, plain_writes, atomic_reads, atomic_writes;
} word_state;

typedef enum { LOAD, STORE, ADD, EXCHANGE, AWAIT, LOCK, UNLOCK, FINISHED } kind;

typedef struct {
    kind kind;
    int order;
    uint64_t *word;
    uint64_t value, expected, result;
    bool done;
} operation;

typedef struct {
    operation next;
    vector_clock clock; /* epochs that are known; a thread's own goes up after each release */
    uint64_t history; /* a hash of all results so far: with the program, the thread's state */
    jmp_buf resume;
    char *stack_low; /* what lies below is not in use */
} thread_state;

/* Everything that a step changes, but for the stacks. */
typedef struct {
    _Alignas(128) unsigned char memory[EXPLORE_MEMORY];
    _Alignas(16) unsigned char ghost[EXPLORE_GHOST];
    word_state words[WORDS];
    bool touched[WORDS];
    thread_state threads[T];
    vector_clock lock_message;
    bool locked;
    int depth;
} world_state;

static world_state world;

unsigned char *const explore_memory = world.memory;
unsigned char *const explore_ghost = world.ghost;

static _Alignas(16) char stacks[T][STACK];
static jmp_buf scheduler;
static int current = -1; /* the thread that runs; -1 outside of them */
static const explore_scenario *scenario;

/* -- Failure ---------------------------------------------------------------------------------- */

static struct {
    int thread;
    operation done;
} trace[DEPTH_MAX];

_Noreturn void explore_fail(const char *what, int line)
{
    static const char *const names[] = {"load",  "store", "add",    "exchange",
                                        "await", "lock",  "unlock", "finish"};

    fprintf(stderr, "%s: failed: %s (line %d, thread %d); it came like this:\n", scenario->name,
            what, line, current);
    for (int i = 0; i < world.depth; i++) {
        const operation *done = &trace[i].done;

        fprintf(stderr, "  thread %d: %-8s word %3d  order %d  value %llx  result %llx\n",
                trace[i].thread, names[done->kind],
                done->word ? (int)(done->word - (uint64_t *)(void *)world.memory) : -1,
                done->order, (unsigned long long)done->value, (unsigned long long)done->result);
    }
    exit(1);
}

/* -- The memory model ------------------------------------------------------------------------- */

static void join(vector_clock *clock, const vector_clock *other)
{
    for (int t = 0; t < T; t++) {
        if (other->of[t] > clock->of[t])
            clock->of[t] = other->of[t];
    }
}

/* Sets back what is known anyway. */
static void forget(vector_clock *clock, const vector_clock *known)
{
    for (int t = 0; t < T; t++) {
        if (clock->of[t] <= known->of[t])
            clock->of[t] = 0;
    }
}

static bool covers(const vector_clock *clock, const vector_clock *other)
{
    for (int t = 0; t < T; t++) {
        if (other->of[t] > clock->of[t])
            return false;
    }
    return true;
}

/* Returns the state of a word, which holds what memory holds until it is first touched. */
static word_state *state_of(const void *address)
{
    size_t index = (size_t)((const unsigned char *)address - world.memory) / 8;

    if ((const unsigned char *)address < world.memory || index >= WORDS)
        explore_fail("access outside of the memory", __LINE__);
    if (!world.touched[index]) {
        world.touched[index] = true;
        memset(&world.words[index], 0, sizeof world.words[index]);
        world.words[index].count = 1;
        memcpy(&world.words[index].stores[0].value, world.memory + index * 8, 8);
    }
    return &world.words[index];
}

/* The oldest store that the thread may still read. */
static int oldest_readable(const word_state *word, int t, int order)
{
    const vector_clock *clock = &world.threads[t].clock;
    int oldest = word->seen[t];

    for (int i = word->count - 1; i > oldest; i--) {
        const store *store = &word->stores[i];

        if (store->time <= clock->of[store->writer] ||
            (order == EXPLORE_seq_cst && store->seq_cst))
            return i;
    }
    return oldest;
}

static void note_read(word_state *word, int t, int order, int index)
{
    thread_state *self = &world.threads[t];

    if (!covers(&self->clock, &word->plain_writes))
        explore_fail("data race: atomic read, plain write", __LINE__);
    word->atomic_reads.of[t] = self->clock.of[t];
    word->seen[t] = (uint8_t)index;
    if (order & EXPLORE_acquire)
        join(&self->clock, &word->stores[index].message);
}

/* After each release: what comes now is not part of it. */
static void tick(thread_state *self)
{
    if (++self->clock.of[self - world.threads] == UINT8_MAX)
        explore_fail("scenario too long: clock", __LINE__);
}

/* Adds a store. `continued`, if set, is the store that a read-modify-write replaces, whose release
 * sequence it continues. */
static void note_write(word_state *word, const operation *op, int t, uint64_t value,
                       const store *continued)
{
    thread_state *self = &world.threads[t];
    uint64_t before = *op->word;
    vector_clock message = continued ? continued->message : (vector_clock){{0}};

    if (!covers(&self->clock, &word->plain_writes) || !covers(&self->clock, &word->plain_reads))
        explore_fail("data race: atomic write, plain access", __LINE__);
    if (word->count == STORES_MAX)
        explore_fail("scenario too long: STORES_MAX", __LINE__);
    if (op->order & EXPLORE_release)
        join(&message, &self->clock);
    word->atomic_writes.of[t] = self->clock.of[t];
    word->seen[t] = word->count;
    word->stores[word->count++] = (store){
        .value = value,
        .message = message,
        .writer = (uint8_t)t,
        .time = self->clock.of[t],
        .seq_cst = op->order == EXPLORE_seq_cst,
    };
    if (op->order & EXPLORE_release)
        tick(self);
    *op->word = value;
    if (scenario->changed)
        scenario->changed(t, op->word, before, value);
}

/* Performs the pending operation of the thread; a load takes store number `choice`. */
static void perform(int t, int choice)
{
    thread_state *self = &world.threads[t];
    operation *op = &self->next;
    word_state *word = op->word ? state_of(op->word) : NULL;
    store newest = word ? word->stores[word->count - 1] : (store){0};

    switch (op->kind) {
    case LOAD:
        op->result = word->stores[choice].value;
        note_read(word, t, op->order, choice);
        break;
    case STORE:
        note_write(word, op, t, op->value, NULL);
        break;
    case ADD:
        op->result = newest.value;
        note_read(word, t, op->order, word->count - 1);
        note_write(word, op, t, newest.value + op->value, &newest);
        break;
    case EXCHANGE:
        op->result = newest.value;
        op->done = newest.value == op->expected;
        note_read(word, t, op->done ? op->order : EXPLORE_relaxed, word->count - 1);
        if (op->done)
            note_write(word, op, t, op->value, &newest);
        break;
    case AWAIT:
        word->seen[t] = (uint8_t)(word->count - 1);
        break;
    case LOCK:
        world.locked = true;
        join(&self->clock, &world.lock_message);
        break;
    case UNLOCK:
        world.locked = false;
        world.lock_message = self->clock;
        tick(self);
        break;
    case FINISHED:
        break;
    }
}

/* -- Coroutines ------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* Whether the operation commutes with all that other threads can do, so that it may be performed at
 * once: no order of the two is worth a state of its own. */
static bool is_local(const operation *op)
{
    if (op->word == NULL || op->kind == AWAIT)
        return false;

    int owner = scenario->owner ? scenario->owner(op->word) : EXPLORE_SHARED;

    if (owner == EXPLORE_SHARED)
        return false;
    if (owner == EXPLORE_COUNTER) {
        if (op->kind != ADD)
            explore_fail("not just a counter", __LINE__);
        return true;
    }
    if (owner >= EXPLORE_PRIVATE) {
        if (owner - EXPLORE_PRIVATE != current)
            explore_fail("not private", __LINE__);
        return true;
    }
    if (owner != current && op->kind != LOAD)
        explore_fail("store to what another thread owns", __LINE__);
    return owner == EXPLORE_CONSTANT || (owner == current && op->kind == LOAD);
}

/* Hands the operation to the scheduler, and comes back when it is done. */
static void __attribute__((noinline)) yield(operation op)
{
    thread_state *self = &world.threads[current];

    self->next = op;
    self->stack_low = (char *)__builtin_frame_address(0) - 512;
    if (self->stack_low < stacks[current])
        explore_fail("stack too small", __LINE__);
    if (_setjmp(self->resume) == 0)
        _longjmp(scheduler, 1);
}

static uint64_t finish(operation op)
{
    if (is_local(&op)) {
        uint64_t before = *op.word;

        if (op.kind == ADD)
            *op.word += op.value;
        else if (op.kind == STORE)
            *op.word = op.value;
        return before;
    }
    yield(op);
    thread_state *self = &world.threads[current];
    self->history = mix(mix(self->history, self->next.result), self->next.done + 1U);
    return self->next.result;
}

static void coroutine(void)
{
    int self = current;

    scenario->run(self);
    yield((operation){.kind = FINISHED});
}

static void __attribute__((noinline)) run_until_yield(int t)
{
    current = t;
    if (_setjmp(scheduler) == 0)
        _longjmp(world.threads[t].resume, 1);
    current = -1;
}

static void __attribute__((noinline)) start(int t)
{
    ucontext_t context;

    getcontext(&context);
    context.uc_stack.ss_sp = stacks[t];
    context.uc_stack.ss_size = STACK;
    makecontext(&context, coroutine, 0);
    current = t;
    if (_setjmp(scheduler) == 0)
        setcontext(&context);
    current = -1;
}

/* -- What the program under test calls -------------------------------------------------------- */

uint64_t explore_load(const uint64_t *word, int order)
{
    if (current < 0)
        return *word;
    return finish((operation){.kind = LOAD, .word = (uint64_t *)(uintptr_t)word, .order = order});
}

void explore_store(uint64_t *word, uint64_t value, int order)
{
    if (current < 0)
        *word = value;
    else
        finish((operation){.kind = STORE, .word = word, .value = value, .order = order});
}

uint64_t explore_fetch_add(uint64_t *word, uint64_t value, int order)
{
    if (current < 0)
        return (*word += value) - value;
    return finish((operation){.kind = ADD, .word = word, .value = value, .order = order});
}

bool explore_compare_exchange(uint64_t *word, uint64_t *expected, uint64_t value, int order)
{
    operation op = {.kind = EXCHANGE, .word = word, .value = value, .expected = *expected,
                    .order = order};

    if (current < 0)
        explore_fail("exchange outside of the threads", __LINE__);
    *expected = finish(op);
    return world.threads[current].next.done;
}

void explore_await(const void *word)
{
    finish((operation){.kind = AWAIT, .word = (uint64_t *)(uintptr_t)word});
}

void explore_milestone(uint64_t state)
{
    world.threads[current].history = mix(UINT64_MAX, state);
}

void explore_lock(void)
{
    finish((operation){.kind = LOCK});
}

void explore_unlock(void)
{
    finish((operation){.kind = UNLOCK});
}

void explore_plain_write(const void *memory, size_t length)
{
    const vector_clock *clock = &world.threads[current].clock;
    const unsigned char *from = memory;

    for (size_t at = 0; at < length; at += 8) {
        word_state *word = state_of(from + at);

        if (!covers(clock, &word->plain_reads) || !covers(clock, &word->plain_writes) ||
            !covers(clock, &word->atomic_reads) || !covers(clock, &word->atomic_writes))
            explore_fail("data race: plain write", __LINE__);
        memset(word, 0, sizeof *word);
        word->plain_writes.of[current] = clock->of[current];
    }
}

void explore_plain_read(const void *memory, size_t length)
{
    thread_state *self = &world.threads[current];
    const unsigned char *from = memory;

    for (size_t at = 0; at < length; at += 8) {
        word_state *word = state_of(from + at);
        uint64_t value;

        if (!covers(&self->clock, &word->plain_writes) ||
            !covers(&self->clock, &word->atomic_writes))
            explore_fail("data race: plain read", __LINE__);
        word->plain_reads.of[current] = self->clock.of[current];
        memcpy(&value, from + at, sizeof value);
        self->history = mix(self->history, value);
    }
}

/* -- The search ------------------------------------------------------------------------------- */

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

/* Drops what can no more matter to anybody, so that states that differ in nothing else are one. */
static void normalize(void)
{
    vector_clock known; /* by all that still run */

    memset(&known, UINT8_MAX, sizeof known);
    for (int t = 0; t < scenario->threads; t++) {
        if (world.threads[t].next.kind == FINISHED)
            continue;
        for (int u = 0; u < T; u++) {
            if (world.threads[t].clock.of[u] < known.of[u])
                known.of[u] = world.threads[t].clock.of[u];
        }
    }
    for (int w = 0; w < WORDS; w++) {
        word_state *word = &world.words[w];

        if (!world.touched[w])
            continue;
        if (word->count == 0) { /* plainly written, after the operation before: look again */
            memcpy(&word->stores[0].value, world.memory + w * 8, 8);
            word->count = 1;
            for (int t = 0; t < T; t++) {
                if (word->plain_writes.of[t] > 0) {
                    word->stores[0].writer = (uint8_t)t;
                    word->stores[0].time = word->plain_writes.of[t];
                }
            }
        }

        int oldest = word->count - 1;

        for (int t = 0; t < scenario->threads; t++) {
            if (world.threads[t].next.kind == FINISHED)
                word->seen[t] = (uint8_t)(word->count - 1);
            else
                word->seen[t] = (uint8_t)oldest_readable(word, t, EXPLORE_relaxed);
            if (word->seen[t] < oldest)
                oldest = word->seen[t];
        }
        word->count = (uint8_t)(word->count - oldest);
        memmove(word->stores, word->stores + oldest, word->count * sizeof *word->stores);
        for (int t = 0; t < scenario->threads; t++)
            word->seen[t] = (uint8_t)(word->seen[t] - oldest);
        forget(&word->plain_reads, &known);
        forget(&word->plain_writes, &known);
        forget(&word->atomic_reads, &known);
        forget(&word->atomic_writes, &known);
        for (int i = 0; i < word->count; i++) {
            store *store = &word->stores[i];

            forget(&store->message, &known);
            if (store->time <= known.of[store->writer])
                store->time = store->writer = 0;
        }
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
