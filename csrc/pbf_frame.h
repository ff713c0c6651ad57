/* Framing: committed records in, the body of one `Batch` out, byte for byte as protobuf makes it.
 *
 * One pass over the ring, one copy: each event goes straight to its place in the body, and its
 * space is given back while it is still in the processor's caches.
 *
 *     size_t room = pbf_frame_bound(ring, contexts, &envelope);
 *     if (room > 0) … pbf_frame_take(ring, contexts, &numbering, &envelope, body, room, &frame) …
 *
 * A batch ends at the first record with another context, at the limit, or where nothing more is
 * committed. Events that have a session carry the numbers that pbf_number.h gives them; an event
 * that is too large takes up a number as well.
 *
 * Both functions belong to the consumer of the ring, and take no lock.
 */
#ifndef PBF_FRAME_H
#define PBF_FRAME_H

#include "pbf_context.h"
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

/* A batch that was taken. */
typedef struct {
    pbf_cursor end;     /* all before is released */
    size_t size;        /* of the body; 0 if there is no event for it */
    uint64_t events;    /* in the body */
    uint64_t too_large; /* left out, since with its context no batch of this limit can hold it */
    bool telemetry;     /* there is room for it beside the first event, which goes first */
} pbf_frame;

/* Returns how many bytes the next body takes at the most, never more than the limit; 0 if nothing
 * is committed. */
size_t pbf_frame_bound(const pbf_ring *ring, const pbf_context_table *contexts,
                       const pbf_envelope *envelope) PBF_MUST_CHECK;

/* Takes the next batch out of the ring, and notes that its context was seen. `body` has room for
 * `capacity` bytes, at most envelope->limit. The batch ends early where the room does; with less
 * than the bound, it may be empty. */
void pbf_frame_take(pbf_ring *ring, pbf_context_table *contexts, pbf_numbering *numbering,
                    const pbf_envelope *envelope, uint8_t *body, size_t capacity,
                    pbf_frame *frame);

#endif
