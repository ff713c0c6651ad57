/* What an event is in the ring: a finished `Event` message but for its sequence number.
 *
 * The payload of a record is the fields of EventCommon (event_ts, session_id), then the fields of
 * Event that follow `common` (header, payload), tags and lengths included. Its tag says how long
 * the first part is, whether there is a session, and which context slot the event has. So framing
 * reads no payload to measure it, and a buffered event takes at most 23 bytes more than it says.
 */
#ifndef PBF_RECORD_H
#define PBF_RECORD_H

#include "pbf_context.h"
#include "pbf_encode.h"
#include "pbf_ring.h"

/* The most that a body may have, and so an event. */
#define PBF_BATCH_MAX 524288

/* An event as it is tracked; `header` and `payload` are serialized messages, left out if empty. */
typedef struct {
    int64_t event_ts; /* Unix ms */
    int64_t session_id;
    bool has_session;
    const uint8_t *header;
    size_t header_length;
    const uint8_t *payload;
    size_t payload_length;
} pbf_event;

/* Puts the event into the ring, in one go: claim, validate the context, write, commit. No lock, no
 * allocation, no system call. Any thread.
 * PBF_FULL: no room now. PBF_TOO_LARGE: no ring space, or no batch, would ever hold it.
 * PBF_CLOSED: as pbf_ring_claim says it.
 * PBF_STALE: the context was retired; intern it again and repeat. None of them leaves a record. */
pbf_status pbf_record_append(pbf_ring *ring, const pbf_context_table *contexts,
                             pbf_context_ref context, const pbf_event *event) PBF_MUST_CHECK;

/* The same, of an event that is already a payload as this page has it (encoded, say, backwards). */
typedef struct {
    const uint8_t *bytes;
    size_t length;
    uint32_t common_length;
    bool has_session;
} pbf_encoded_event;

pbf_status pbf_record_append_encoded(pbf_ring *ring, const pbf_context_table *contexts,
                                     pbf_context_ref context, const pbf_encoded_event *event)
    PBF_MUST_CHECK;

/* Writes the fields of EventCommon in front of what is encoded, and tells their length. */
pbf_status pbf_encode_common(pbf_encoder *encoder, int64_t event_ts, bool has_session,
                             int64_t session_id, uint32_t *common_length) PBF_MUST_CHECK;

/* Field numbers of the wire contract. */
enum { PBF_EVENT_HEADER = 2, PBF_EVENT_PAYLOAD = 3 };

/* The parts of a tag. */

static inline uint32_t pbf_record_common_length(uint32_t tag)
{
    return tag & 31;
}

static inline bool pbf_record_has_session(uint32_t tag)
{
    return tag >> 5 & 1;
}

static inline uint32_t pbf_record_slot(uint32_t tag)
{
    return tag >> 6;
}

#endif
