/* Session numbers: 1, 2, 3, … for the records that have a session, in ring order.
 *
 * The consumer gives the numbers as it reads, since it alone sees the records in their order.
 * Producers would have to share one more word that each of them writes. So the last number is
 * counted in the ring when somebody asks for it.
 *
 * A restart notes the end of what is claimed. Records before it keep the numbers that they would
 * have had; records behind it count from the restart. When they are read does not matter.
 *
 * One caller at a time, who may then act as the consumer of the ring.
 */
#ifndef PBF_NUMBER_H
#define PBF_NUMBER_H

#include "pbf_record.h"
#include "pbf_ring.h"

typedef struct {
    uint64_t position; /* from which on records are concerned */
    int64_t number;    /* the first of them with a session has the next one */
} pbf_restart;

/* All zero at the start. */
typedef struct {
    int64_t last;          /* number of the last record that was read and has one */
    pbf_restart *restarts; /* the caller's memory, with room for `restart_room` */
    size_t restart_room;
    size_t restart_count; /* noted, in the order of their positions */
    size_t restart_next;  /* the first one that no record was numbered by yet */
} pbf_numbering;

/* Has the next record that is claimed with a session take the number after this one. Returns false,
 * and does nothing, if there is no room for one more restart: the caller then gives more. Restarts
 * without a claim between them take up the room of one. */
bool pbf_number_restart(pbf_numbering *numbering, const pbf_ring *ring,
                        int64_t number) PBF_MUST_CHECK;

/* Tells the number of the last record with a session, read or not, of all that was claimed before
 * `end`, which pbf_ring_claimed has returned, or later. Returns false while a producer is between
 * such a claim and its commit, which is never for long. */
bool pbf_number_last(const pbf_numbering *numbering, const pbf_ring *ring, uint64_t end,
                     int64_t *number) PBF_MUST_CHECK;

/* Returns the last number as of a record, which is the record's own if it has a session. The cursor
 * is behind the record. The caller keeps the result as `last` once the record is not read again. */
static inline int64_t pbf_number_of(pbf_numbering *numbering, const pbf_cursor *cursor,
                                    const pbf_record *record)
{
    while (numbering->restart_next < numbering->restart_count &&
           numbering->restarts[numbering->restart_next].position < cursor->position)
        numbering->last = numbering->restarts[numbering->restart_next++].number;
    return numbering->last + pbf_record_has_session(record->tag);
}

#endif
