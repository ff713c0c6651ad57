/* Session numbers: 1, 2, 3, … for the records that have a session, in ring order.
 *
 * The consumer numbers what it reads: it alone sees the records in their order, and producers would
 * have to share one more word, which each of them writes. So how far the numbers have come is
 * counted when somebody asks.
 *
 * A restart notes the end of what is claimed. What was tracked before lies before it, and keeps its
 * numbers; what is tracked later lies behind, whenever either is read.
 *
 * One caller at a time, who may then act as the consumer of the ring.
 */
#ifndef PBF_NUMBER_H
#define PBF_NUMBER_H

#include "pbf_record.h"
#include "pbf_ring.h"

typedef struct {
    uint64_t position; /* records before it are not concerned */
    int64_t number;    /* the one after it comes next */
} pbf_restart;

/* All zero at the start. */
typedef struct {
    int64_t last;          /* number of the last record that was read and has one */
    pbf_restart *restarts; /* the caller's memory, with room for `restart_room` */
    size_t restart_room;
    size_t restart_count; /* noted, in the order of their positions */
    size_t restart_next;  /* the first one that no record was read behind */
} pbf_numbering;

/* Lets the next record that is claimed, and has a session, have the number after this one. False,
 * and nothing done, without room for one more restart. Each but the last has a claim of its own that
 * comes after what was read. */
bool pbf_number_restart(pbf_numbering *numbering, const pbf_ring *ring,
                        int64_t number) PBF_MUST_CHECK;

/* Tells the last number that a record in the ring has, or had. False while a producer is between
 * its claim and its commit, which is never for long. */
bool pbf_number_last(const pbf_numbering *numbering, const pbf_ring *ring,
                     int64_t *number) PBF_MUST_CHECK;

/* Returns what is the last number when the record is read that lies before the cursor: its own if it
 * has a session. The caller keeps it as `last` once the record is not read again. */
static inline int64_t pbf_number_of(pbf_numbering *numbering, const pbf_cursor *cursor,
                                    const pbf_record *record)
{
    while (numbering->restart_next < numbering->restart_count &&
           numbering->restarts[numbering->restart_next].position < cursor->position)
        numbering->last = numbering->restarts[numbering->restart_next++].number;
    return numbering->last + pbf_record_has_session(record->tag);
}

#endif
