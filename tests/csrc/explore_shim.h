/* Stands in for <stdatomic.h> under pbf_atomic.h: each atomic operation becomes a choice point of
 * the interleaving explorer (explore.h). */
#ifndef EXPLORE_SHIM_H
#define EXPLORE_SHIM_H

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t pbf_atomic_u64;

enum explore_order {
    EXPLORE_relaxed = 0,
    EXPLORE_acquire = 1,
    EXPLORE_release = 2,
    EXPLORE_acq_rel = 3,
    EXPLORE_seq_cst = 7, /* acquire, release, and more */
};

uint64_t explore_load(const uint64_t *word, int order);
void explore_store(uint64_t *word, uint64_t value, int order);
uint64_t explore_fetch_add(uint64_t *word, uint64_t value, int order);
bool explore_compare_exchange(uint64_t *word, uint64_t *expected, uint64_t value, int order);

#define pbf_load(word, order) explore_load(word, EXPLORE_##order)
#define pbf_store(word, value, order) explore_store(word, value, EXPLORE_##order)
#define pbf_fetch_add(word, value, order) explore_fetch_add(word, value, EXPLORE_##order)
#define pbf_compare_exchange(word, expected, value, order) \
    explore_compare_exchange(word, expected, value, EXPLORE_##order)

#endif
