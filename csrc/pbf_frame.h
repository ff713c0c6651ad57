/* Framing: committed records in, the body of one `Batch` out, byte for byte as protobuf makes it.
 *
 * Two passes over the ring, so that the body has its exact size from the start and every event is
 * copied once: measure, then write into a buffer of frame.size bytes, then release to frame.end.
 *
 *     pbf_frame_measure(ring, contexts, &envelope, &frame);
 *     if (frame.events > 0) … pbf_frame_write(ring, contexts, &envelope, &frame, body) …
 *     pbf_ring_release(ring, &frame.end);
 *
 * A batch ends at the first record with another context, at the limit, or where nothing more is
 * committed. Events are numbered in ring order from 1 on, over all batches, evicted and dropped
 * events included; the number is sent with events that have a session.
 *
 * Both passes belong to the consumer of the ring. They take no lock, and nothing changes between
 * them: what is committed stays until it is released.
 */
#ifndef PBF_FRAME_H
#define PBF_FRAME_H

#include "pbf_context.h"
#include "pbf_record.h"
#include "pbf_ring.h"

/* What a batch has beside context and events. The same in both passes. */
typedef struct {
    const char *instance_id; /* UTF-8, left out if empty */
    size_t instance_id_length;
    const char *batch_id;
    size_t batch_id_length;
    const uint8_t *telemetry; /* a serialized BatchTelemetry, left out if empty or without room */
    size_t telemetry_length;
    size_t limit; /* of the body, in bytes: PBF_BATCH_MAX or less */
} pbf_envelope;

/* A batch, measured. */
typedef struct {
    pbf_cursor end;     /* release to here */
    size_t size;        /* of the body; 0 if there is no event for it */
    uint64_t events;    /* in the body */
    uint64_t too_large; /* left out, since with its context no batch of this limit can hold it */
    uint32_t slot;      /* of the context */
    bool telemetry;     /* there is room for it beside the first event, which goes first */
} pbf_frame;

/* Measures the next batch. */
void pbf_frame_measure(const pbf_ring *ring, const pbf_context_table *contexts,
                       const pbf_envelope *envelope, pbf_frame *frame);

/* Writes the measured body to frame.size bytes, and notes that its context was seen. False if it
 * does not come out at that size, which only another envelope can cause. */
bool pbf_frame_write(const pbf_ring *ring, pbf_context_table *contexts,
                     const pbf_envelope *envelope, const pbf_frame *frame,
                     uint8_t *body) PBF_MUST_CHECK;

#endif
