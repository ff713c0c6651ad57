/* Framing: committed records in, the body of one `Batch` out, byte for byte as protobuf makes it.
 *
 * What is in the ring up to a mark becomes one batch a context, or as many as its size needs, in
 * the order of the first events. One pass over the ring moves all of it out, in ring order: the
 * events of the context whose turn it is go straight to their places in the body, which is the only
 * copy of them; those of other contexts wait in groups (pbf_group.h). Space is given back while it
 * is still in the processor's caches. The pass stops where the body is full, or the memory for
 * groups, and goes on with the next batch.
 *
 *     framing.mark = …
 *     size_t room = pbf_frame_bound(ring, contexts, &framing, &envelope);
 *     … pbf_frame_take(ring, contexts, &numbering, &framing, &envelope, body, room, &frame) …
 *
 * Events that have a session carry the numbers that pbf_number.h gives them, those of the ring's
 * order; an event that is too large takes up a number as well.
 *
 * All functions belong to the consumer of the ring, and take no lock.
 */
#ifndef PBF_FRAME_H
#define PBF_FRAME_H

#include "pbf_context.h"
#include "pbf_group.h"
#include "pbf_number.h"
#include "pbf_record.h"
#include "pbf_ring.h"

/* What a batch has beside context and events. */
typedef struct {
    const char *instance_id; /* UTF-8, left out if empty */
    size_t instance_id_length;
    const char *batch_id;
    size_t batch_id_length;
    const uint8_t *telemetry; /* a serialized BatchTelemetry, left out if empty or without room */
    size_t telemetry_length;
    size_t limit; /* of the body, in bytes: PBF_BATCH_MAX or less */
} pbf_envelope;

/* Where framing stands. All zero at the start, but for the groups. */
typedef struct {
    pbf_groups groups;
    uint64_t mark; /* how many records, of all ever, are to be framed; once they are, it may go up */
    uint32_t slot; /* of the context whose turn it is, if its last body was full */
} pbf_framing;

/* A batch that was taken. */
typedef struct {
    size_t size;        /* of the body; 0 if there is no event for it */
    uint64_t events;    /* in the body */
    uint64_t too_large; /* left out, since with its context no batch of this limit can hold it */
    uint64_t first;     /* no event of the batch was accepted before this one; counted from 0 */
    bool telemetry;     /* there is room for it beside the first event, which goes first */
} pbf_frame;

/* Whether all up to the mark has left ring and groups. */
static inline bool pbf_frame_is_done(const pbf_ring *ring, const pbf_framing *framing)
{
    return framing->groups.first == 0 && pbf_ring_begin(ring).records >= framing->mark;
}

/* Returns how many events have left ring and groups. */
static inline uint64_t pbf_frame_taken(const pbf_ring *ring, const pbf_framing *framing)
{
    return pbf_ring_begin(ring).records - framing->groups.events;
}

/* Returns the number of the first event, in the order of acceptance, that may not have left them;
 * all before it have. */
static inline uint64_t pbf_frame_watermark(const pbf_ring *ring, const pbf_framing *framing)
{
    const pbf_groups *groups = &framing->groups;

    return groups->first != 0 ? pbf_group_at(groups, groups->first)->first
                              : pbf_ring_begin(ring).records;
}

/* Returns how many bytes the next body takes at the most, never more than the limit; 0 if nothing
 * is to be framed. */
size_t pbf_frame_bound(const pbf_ring *ring, const pbf_context_table *contexts,
                       const pbf_framing *framing, const pbf_envelope *envelope) PBF_MUST_CHECK;

/* Takes the next batch, and notes that its context was seen. `body` has room for `capacity` bytes,
 * at most envelope->limit. The batch ends early where the room does; with less than the bound, it
 * may be empty. */
void pbf_frame_take(pbf_ring *ring, pbf_context_table *contexts, pbf_numbering *numbering,
                    pbf_framing *framing, const pbf_envelope *envelope, uint8_t *body,
                    size_t capacity, pbf_frame *frame);

/* Drops the oldest events, first those in groups, until so many bytes are free; they keep their
 * numbers. Returns how many that were: fewer, if the next one in the ring is not committed. */
uint64_t pbf_frame_evict(pbf_ring *ring, pbf_context_table *contexts, pbf_numbering *numbering,
                         pbf_framing *framing, uint64_t bytes) PBF_MUST_CHECK;

#endif
