/* Lanes: how threads that run at once put records into one ring without passing its words to each
 * other for each of them.
 *
 * A thread keeps to one lane. As long as nobody else claims space, it appends as if there were no
 * lanes. Otherwise it claims a block, and fills it: nobody else writes there. The consumer cannot
 * pass a block that is not published. So whoever wants to know, or read, all that is accepted
 * publishes the blocks first (pbf_lanes_publish): they never hold anything up for longer.
 *
 * What holds for records that are claimed one by one, holds for those of blocks:
 *   - Those of one thread are in order, as its blocks are, and as it appends nothing past one that
 *     is not published.
 *   - A context is validated after the claim of the block, be that long ago; so pbf_context.h's
 *     argument is the same. Whoever retires it sees the claim, or the record is not made.
 *   - Space is claimed before it is used: to publish a block never fails.
 *   - Once pbf_lanes_publish has returned, all that was accepted before it began lies in front of
 *     the end that was claimed when it began, and all of that is committed: each lane's lock was
 *     ours after that. As the ring then counts at least these, the first records of the ring, as
 *     many as it counts, are those and perhaps some more.
 *   - Once it has returned, what is appended goes into blocks that were claimed after it began.
 *
 * A lane has a lock, for threads that share it and for those that publish. It is held for as long
 * as a record takes to be copied, and nothing is called meanwhile that could wait or run Python.
 */
#ifndef PBF_LANE_H
#define PBF_LANE_H

#include "pbf_record.h"
#include "pbf_ring.h"
#include "pbf_wake.h"

/* Some forty small events. */
#define PBF_BLOCK_BYTES UINT64_C(2048)

/* What is left of a block when it is published is of no use until it is read. So that it does not
 * fill the buffer where events are few, a lane opens none before it has appended so many times as
 * much; and each rest takes as many times its size off that. */
#define PBF_BLOCK_USE 8

/* All zero at the start. */
typedef struct {
    _Alignas(PBF_CACHE_LINE) pbf_atomic_u64 lock; /* 1 while it is held */
    uint64_t end; /* of what was claimed, when the lane last claimed: others have since, or not */
    uint64_t earned; /* bytes appended, less what the rests of blocks have cost of them */
    pbf_block block; /* open while it has records */
} pbf_lane;

typedef struct {
    pbf_lane *lanes;
    uint32_t count;
    bool always; /* blocks are claimed even if nobody else claims anything, and few are filled */
} pbf_lanes;

/* Does what pbf_record_append does, in the lane of the thread, which may have any number. If the
 * wake-up is near, the record is published at once. A wake-up for a later record than the first
 * may come as many records late as the other lanes hold. */
pbf_status pbf_lane_append(const pbf_lanes *lanes, uint32_t number, pbf_ring *ring,
                           const pbf_wake *wake, const pbf_context_table *contexts,
                           pbf_context_ref context, const pbf_event *event) PBF_MUST_CHECK;

/* Publishes the blocks of all lanes. Any thread. */
void pbf_lanes_publish(const pbf_lanes *lanes, pbf_ring *ring);

#endif
