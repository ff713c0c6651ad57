/* The atomic operations that the core uses, under one name each, so that the interleaving explorer
 * can put its own in their place: it compiles the same sources with PBF_ATOMIC_SHIM naming a header.
 *
 * Each takes its memory order as the last word: relaxed, acquire, release, acq_rel or seq_cst.
 */
#ifndef PBF_ATOMIC_H
#define PBF_ATOMIC_H

#ifdef PBF_ATOMIC_SHIM
#include PBF_ATOMIC_SHIM
#else

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic(uint64_t) pbf_atomic_u64;

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics must be lock-free");
_Static_assert(sizeof(pbf_atomic_u64) == sizeof(uint64_t), "an atomic word is a plain word");

#define pbf_load(word, order) atomic_load_explicit(word, memory_order_##order)
#define pbf_store(word, value, order) atomic_store_explicit(word, value, memory_order_##order)
#define pbf_fetch_add(word, value, order) \
    atomic_fetch_add_explicit(word, value, memory_order_##order)

/* If `*word` is `*expected`, makes it `value` and is true. A failure is relaxed, always: whoever
 * fails looks again from the start. */
#define pbf_compare_exchange(word, expected, value, order) \
    atomic_compare_exchange_strong_explicit(word, expected, value, memory_order_##order, \
                                            memory_order_relaxed)

#endif
#endif
