/* How the consumer of a ring sleeps without polling: it says how many records must be there, and
 * the one producer that finds them there wakes it, in whatever way the caller has.
 *
 *     consumer   arm ──▶ true: sleep      producer   commit ──▶ due? ──▶ true: wake the consumer
 *
 * A wake-up for the first record is never lost. A wake-up for a later record may come one record
 * late, if that record is committed while the consumer arms. So a consumer that arms for more than
 * one record sleeps with a time limit.
 */
#ifndef PBF_WAKE_H
#define PBF_WAKE_H

#include "pbf_ring.h"

typedef struct {
    pbf_atomic_u64 mark; /* wake when as many were accepted; UINT64_MAX: nobody waits */
} pbf_wake;

/* The first record wakes. */
static inline void pbf_wake_init(pbf_wake *wake)
{
    /* Relaxed: nobody else has it yet. */
    pbf_store(&wake->mark, 1, relaxed);
}

/* Consumer: asks to be woken, once, when so many records are pending. False if they are pending
 * already, or the first of them is claimed: no wake-up may come, so look again soon. */
PBF_MUST_CHECK
static inline bool pbf_wake_arm(pbf_wake *wake, const pbf_ring *ring, uint64_t records)
{
    pbf_cursor begin = pbf_ring_begin(ring);
    uint64_t mark = begin.records + records;

    /* Sequentially consistent, pairs with the load in pbf_wake_due; between the two stand the
     * exchange in pbf_ring_claim and the load in pbf_ring_claimed, which are so as well: either
     * the producer sees the mark, or we see its claim. */
    pbf_store(&wake->mark, mark, seq_cst);
    if (records == 1)
        return pbf_ring_claimed(ring) == begin.position;
    return pbf_ring_accepted(ring) < mark;
}

/* Producer, after each commit: whether it is its turn to wake the consumer. */
PBF_MUST_CHECK
static inline bool pbf_wake_due(pbf_wake *wake, const pbf_ring *ring)
{
    /* Sequentially consistent, pairs with the store in pbf_wake_arm. */
    uint64_t mark = pbf_load(&wake->mark, seq_cst);

    /* The count, which other producers write, is looked at only if somebody waits. Relaxed: only
     * one gets it, and the wake-up itself orders what it is about. */
    return mark != UINT64_MAX && pbf_ring_accepted(ring) >= mark &&
           pbf_compare_exchange(&wake->mark, &mark, UINT64_MAX, relaxed);
}

#endif
