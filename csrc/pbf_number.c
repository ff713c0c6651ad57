/* Session numbers; see pbf_number.h for the contract. */
#include "pbf_number.h"

#include <string.h>

bool pbf_number_restart(pbf_numbering *numbering, const pbf_ring *ring, int64_t number)
{
    uint64_t position = pbf_ring_claimed(ring);

    /* Nothing was tracked since the last one, which then concerns no record. */
    if (numbering->restart_count > 0 &&
        numbering->restarts[numbering->restart_count - 1].position == position)
        numbering->restart_count--;
    if (numbering->restart_count == numbering->restart_room) {
        /* Fewer are moved than places are gained: a restart is moved less than once on average. */
        if (numbering->restart_next <= numbering->restart_room / 2)
            return false;
        numbering->restart_count -= numbering->restart_next;
        memmove(numbering->restarts, numbering->restarts + numbering->restart_next,
                numbering->restart_count * sizeof *numbering->restarts);
        numbering->restart_next = 0;
    }
    numbering->restarts[numbering->restart_count++] = (pbf_restart){position, number};
    return true;
}

bool pbf_number_last(const pbf_numbering *numbering, const pbf_ring *ring, uint64_t end,
                     int64_t *number)
{
    pbf_numbering ahead = *numbering;
    pbf_cursor cursor = pbf_ring_begin(ring);
    pbf_record record;

    while (pbf_ring_next(ring, &cursor, &record))
        ahead.last = pbf_number_of(&ahead, &cursor, &record);
    if (cursor.position < end)
        return false;

    /* What is left came after all of them. */
    *number = ahead.restart_next < ahead.restart_count
                  ? ahead.restarts[ahead.restart_count - 1].number
                  : ahead.last;
    return true;
}
