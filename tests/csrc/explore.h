/* An interleaving explorer with the memory model of C11, for small scenarios.
 *
 * A scenario is a few threads that work on explore_memory. The explorer runs the program once for
 * each order of their atomic operations, and, at each load, once for each value that C11 allows it
 * to return: the newest one, or an older one that coherence, happens-before and the order of
 * sequentially consistent operations do not forbid. A state that was seen before (the same memory,
 * the same knowledge of each thread, the same results so far) is not explored again. No other
 * bound and no sampling: what it does not find cannot happen in the scenario, but for these
 * simplifications, which leave behaviours out:
 *   - threads see sequentially consistent operations in the order in which they are performed;
 *   - a failed exchange sees the newest value;
 *   - what a thread waits for (explore_await), it sees when it comes.
 *
 * Plain accesses are reported by the scenario. Two of them, or one and an atomic one, of which one
 * writes and neither happens before the other, are a data race and end the run, as does a thread
 * that waits for ever, a failed check, or an atomic access outside of explore_memory.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXPLORE_THREADS = 4, EXPLORE_MEMORY = 768, EXPLORE_GHOST = 256 };

typedef struct {
    const char *name;
    int threads;
    void (*set_up)(void);     /* outside of the threads */
    void (*run)(int thread);  /* in each thread */
    void (*check)(void);      /* at each end, outside of the threads */
    /* if set: after each change of an atomic word, outside of the threads */
    void (*changed)(int thread, const uint64_t *word, uint64_t before, uint64_t after);
    /* If set: what is known of an atomic word beforehand. It saves states; a thread that belies it
     * ends the run. */
    int (*owner)(const uint64_t *word);
    bool only_newest; /* loads return no older value than the newest */
} explore_scenario;

/* What `owner` may return: the number of the only thread that writes the word, or one of these. */
enum {
    EXPLORE_SHARED = -1,
    EXPLORE_CONSTANT = -2,    /* no thread writes it */
    EXPLORE_COUNTER = -3,     /* threads only add to it, and do not look at it */
    EXPLORE_PRIVATE = 1 << 8, /* plus a thread: no other accesses it */
};

/* What the threads work on, and what the scenario keeps for itself: both zero at the start, and
 * set back when the explorer goes back to try another way. No other state may be changed. */
extern unsigned char *const explore_memory;
extern unsigned char *const explore_ghost;

/* Explores the scenario; on failure says what happened, operation by operation, and exits with 1.
 * Returns the number of states. */
unsigned long explore(const explore_scenario *scenario);

#define EXPLORE_CHECK(condition) \
    do { \
        if (!(condition)) \
            explore_fail(#condition, __LINE__); \
    } while (0)

_Noreturn void explore_fail(const char *what, int line);

/* Reports a plain access that the thread is about to make. */
void explore_plain_write(const void *memory, size_t length);
void explore_plain_read(const void *memory, size_t length);

/* Waits until the word has a value that the thread has not seen yet. */
void explore_await(const void *word);

/* Says that, beside memory and ghost, the thread's future depends on `state` only, not on what it has
 * seen before. States that differ only there are then one. */
void explore_milestone(uint64_t state);

/* A lock; there is one. */
void explore_lock(void);
void explore_unlock(void);

#endif
