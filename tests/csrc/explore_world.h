/* What the parts of the interleaving explorer share: explore.c runs the threads, explore_model.c is
 * the memory model, explore_search.c goes through all orders. */
#ifndef EXPLORE_WORLD_H
#define EXPLORE_WORLD_H

#include "explore.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

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

extern world_state world;
extern _Alignas(16) char stacks[T][STACK];
extern int current; /* the thread that runs; -1 outside of them */
extern const explore_scenario *scenario;

/* What was done on the way to this state. */
extern struct trace {
    int thread;
    operation done;
} trace[DEPTH_MAX];

static inline void join(vector_clock *clock, const vector_clock *other)
{
    for (int t = 0; t < T; t++) {
        if (other->of[t] > clock->of[t])
            clock->of[t] = other->of[t];
    }
}

static inline bool covers(const vector_clock *clock, const vector_clock *other)
{
    for (int t = 0; t < T; t++) {
        if (other->of[t] > clock->of[t])
            return false;
    }
    return true;
}

static inline uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* -- Of explore.c ----------------------------------------------------------------------------- */

void run_until_yield(int t);
void start(int t);

/* -- Of explore_model.c ----------------------------------------------------------------------- */

/* Returns the state of a word, which holds what memory holds until it is first touched. */
word_state *state_of(const void *address);

/* The oldest store that the thread may still read. */
int oldest_readable(const word_state *word, int t, int order);

/* Performs the pending operation of the thread; a load takes store number `choice`. */
void perform(int t, int choice);

/* Drops what can no more matter to anybody, so that states that differ in nothing else are one. */
void normalize(void);

#endif
