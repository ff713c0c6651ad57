/* What an event is in the ring: a finished `Event` message but for its sequence number.
 *
 * The payload of a record is the fields of EventCommon (event_ts, session_id), then the fields of
 * Event that follow `common` (header, payload), tags and lengths included. The tag of the record
 * says how long the first part is, whether there is a session, and which context slot the event
 * has. So framing reads no payload to measure it, and a buffered event takes at most 23 bytes more
 * than its payload.
 *
 * A payload is encoded from its end to its start (pbf_encode.h): header and payload of the event
 * first, by pbf_encode_parts or by whoever knows their fields, then pbf_encode_common in front.
 */
#ifndef PBF_RECORD_H
#define PBF_RECORD_H

#include "pbf_context.h"
#include "pbf_encode.h"
#include "pbf_ring.h"

/* The most that a body may have, and header and payload of an event together. */
#define PBF_BATCH_MAX 524288

/* Field numbers of the wire contract. */
enum { PBF_EVENT_HEADER = 2, PBF_EVENT_PAYLOAD = 3 };

/* The most that the fields of EventCommon take in a record: two tags, two varints. */
#define PBF_COMMON_MAX (2 * (1 + PBF_VARINT_MAX))

/* The most that an event takes in a record beside its header and payload: EventCommon, and a tag
 * and a length for each of the two. */
#define PBF_EVENT_OVERHEAD (PBF_COMMON_MAX + 2 * (1 + PBF_VARINT_MAX))

/* An encoded event: the payload of a record, and what the tag says of it. */
typedef struct {
    const uint8_t *bytes;
    size_t length;
    uint32_t common_length;
    bool has_session;
} pbf_event;

/* Writes serialized messages as the fields of Event that they are; an empty one is left out.
 * PBF_TOO_LARGE: no body would ever hold them; nothing is written. PBF_FULL: the buffer is too
 * short; one with room for both and PBF_EVENT_OVERHEAD is long enough for the whole event. */
pbf_status pbf_encode_parts(pbf_encoder *encoder, const uint8_t *header, size_t header_length,
                            const uint8_t *payload, size_t payload_length) PBF_MUST_CHECK;

/* Writes the fields of EventCommon in front of what is encoded, which is then the event, in the
 * memory of the encoder. `event_ts` is in Unix ms. PBF_FULL: as for the other functions that
 * encode; `event` is then of no use. */
pbf_status pbf_encode_common(pbf_encoder *encoder, int64_t event_ts, bool has_session,
                             int64_t session_id, pbf_event *event) PBF_MUST_CHECK PBF_HOT_CODE;

/* Puts the event into the ring, in one go: claim, validate the context, copy, commit. No lock, no
 * allocation, no system call. Any thread.
 * PBF_FULL: no room now. PBF_TOO_LARGE: the ring would never hold it. PBF_CLOSED: as pbf_ring_claim
 * says it. PBF_STALE: the context was retired; intern it again and repeat. None of them leaves a
 * record. */
pbf_status pbf_record_append(pbf_ring *ring, const pbf_context_table *contexts,
                             pbf_context_ref context, const pbf_event *event)
    PBF_MUST_CHECK PBF_HOT_CODE;

/* The tag of a record, from its low bits up: length of EventCommon, session or none, slot. */
enum { PBF_COMMON_LENGTH_BITS = 5, PBF_SLOT_SHIFT = PBF_COMMON_LENGTH_BITS + 1 };

_Static_assert(PBF_BATCH_MAX <= UINT32_MAX - PBF_EVENT_OVERHEAD, "lengths have 32 bits");
_Static_assert(PBF_COMMON_MAX < 1 << PBF_COMMON_LENGTH_BITS, "a tag holds the length of common");
_Static_assert(PBF_CONTEXT_MAX_SLOTS <= UINT64_C(1) << (32 - PBF_SLOT_SHIFT),
               "a tag holds each slot");

static inline uint32_t pbf_record_tag(const pbf_event *event, uint32_t slot)
{
    return slot << PBF_SLOT_SHIFT | (uint32_t)event->has_session << PBF_COMMON_LENGTH_BITS |
           event->common_length;
}

static inline uint32_t pbf_record_common_length(uint32_t tag)
{
    return tag & ((1 << PBF_COMMON_LENGTH_BITS) - 1);
}

static inline bool pbf_record_has_session(uint32_t tag)
{
    return tag >> PBF_COMMON_LENGTH_BITS & 1;
}

static inline uint32_t pbf_record_slot(uint32_t tag)
{
    return tag >> PBF_SLOT_SHIFT;
}

#endif
