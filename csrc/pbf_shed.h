/* Load shedding: how producers drop events at little cost while a ring is full.
 *
 * A producer that drops an event, and reports that, opens a window. Within the window, producers
 * that find the ring full only count the event as dropped. The window closes when its time is over,
 * or when the consumer has made room.
 */
#ifndef PBF_SHED_H
#define PBF_SHED_H

#include "pbf_atomic.h"

#include <stdbool.h>

typedef struct {
    pbf_atomic_u64 opened_ms; /* when the window opened, by the clock of the caller */
    pbf_atomic_u64 window_ms; /* how long it is open; 0: closed */
    pbf_atomic_u64 count;     /* events dropped within windows since pbf_shed_take */
} pbf_shed;

/* All operations are relaxed: both sides may see a window late, which does no harm, and no other
 * memory depends on the count. */

static inline void pbf_shed_open(pbf_shed *shed, uint64_t now_ms, uint64_t window_ms)
{
    pbf_store(&shed->opened_ms, now_ms, relaxed);
    pbf_store(&shed->window_ms, window_ms, relaxed);
}

static inline void pbf_shed_close(pbf_shed *shed)
{
    pbf_store(&shed->window_ms, 0, relaxed);
}

/* Producer, for an event that found the ring full: whether a window is open. Then the event is
 * counted as dropped, and there is nothing else to do. */
static inline bool pbf_shed_event(pbf_shed *shed, uint64_t now_ms)
{
    /* If the clock was set back, the difference wraps around and is huge: the window is over. */
    if (now_ms - pbf_load(&shed->opened_ms, relaxed) >= pbf_load(&shed->window_ms, relaxed))
        return false;
    (void)pbf_fetch_add(&shed->count, 1, relaxed);
    return true;
}

/* Consumer: returns the count and sets it to 0, so that no event is in two counts. */
static inline uint64_t pbf_shed_take(pbf_shed *shed)
{
    uint64_t count = pbf_load(&shed->count, relaxed);

    (void)pbf_fetch_add(&shed->count, -count, relaxed);
    return count;
}

#endif
