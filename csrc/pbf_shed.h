/* Load shedding: how producers drop events at little cost while a ring is full. Whoever drops one
 * with all that belongs to it, a warning say, opens a window; who finds the ring full within it
 * only counts. The window closes when its time is over, or when the consumer has made room.
 */
#ifndef PBF_SHED_H
#define PBF_SHED_H

#include "pbf_atomic.h"

#include <stdbool.h>

typedef struct {
    pbf_atomic_u64 opened_ms; /* when the window opened, by the clock of the caller */
    pbf_atomic_u64 window_ms; /* how long it is open; 0: closed */
    pbf_atomic_u64 count;     /* events dropped within windows, and not taken note of yet */
} pbf_shed;

/* All of these are relaxed: a window is a hint, which may be seen late by both sides, and the count
 * stands for itself. */

static inline void pbf_shed_open(pbf_shed *shed, uint64_t now_ms, uint64_t window_ms)
{
    pbf_store(&shed->opened_ms, now_ms, relaxed);
    pbf_store(&shed->window_ms, window_ms, relaxed);
}

static inline void pbf_shed_close(pbf_shed *shed)
{
    pbf_store(&shed->window_ms, 0, relaxed);
}

/* Producer, for an event that found the ring full: whether it is dropped with that. */
static inline bool pbf_shed_event(pbf_shed *shed, uint64_t now_ms)
{
    /* A clock that was set back makes a huge difference of this, too. */
    if (now_ms - pbf_load(&shed->opened_ms, relaxed) >= pbf_load(&shed->window_ms, relaxed))
        return false;
    (void)pbf_fetch_add(&shed->count, 1, relaxed);
    return true;
}

/* Consumer: takes the count, so that each event is in one count taken. */
static inline uint64_t pbf_shed_take(pbf_shed *shed)
{
    uint64_t count = pbf_load(&shed->count, relaxed);

    (void)pbf_fetch_add(&shed->count, -count, relaxed);
    return count;
}

#endif
