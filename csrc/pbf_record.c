/* Events into the ring; see pbf_record.h for the layout and the contract. */
#include "pbf_record.h"

#include "pbf_copy.h"
#include "pbf_wire.h"

/* Field numbers of the wire contract. */
enum { COMMON_EVENT_TS = 1, COMMON_SESSION_ID = 2 };

static uint32_t tag_of(uint32_t common_length, bool has_session, uint32_t slot)
{
    return slot << 6 | (uint32_t)has_session << 5 | common_length;
}

/* A varint field as small as these two has a tag of one byte. */
static size_t sint64_field_size(int64_t value)
{
    return 1 + pbf_varint_size(pbf_zigzag(value));
}

static size_t optional_bytes_size(uint32_t field, size_t length)
{
    return length > 0 ? pbf_bytes_field_size(field, length) : 0;
}

static bool write_optional_bytes(pbf_writer *writer, uint32_t field, const uint8_t *bytes,
                                 size_t length)
{
    return length == 0 || pbf_write_bytes_field(writer, field, bytes, length);
}

static bool write_event(pbf_writer *writer, const pbf_event *event)
{
    return (event->event_ts == 0 ||
            pbf_write_varint_field(writer, COMMON_EVENT_TS, pbf_zigzag(event->event_ts))) &&
           (!event->has_session ||
            pbf_write_varint_field(writer, COMMON_SESSION_ID, pbf_zigzag(event->session_id))) &&
           write_optional_bytes(writer, PBF_EVENT_HEADER, event->header, event->header_length) &&
           write_optional_bytes(writer, PBF_EVENT_PAYLOAD, event->payload, event->payload_length);
}

/* Claims space for a record that names the context. */
static pbf_status claim_in_context(pbf_ring *ring, const pbf_context_table *contexts,
                                   pbf_context_ref context, size_t length, pbf_claim *claim)
{
    pbf_status status = pbf_ring_claim(ring, length, claim);

    if (status != PBF_OK || pbf_context_is_live(contexts, context))
        return status;
    pbf_ring_discard(ring, claim);
    return PBF_STALE;
}

pbf_status pbf_record_append(pbf_ring *ring, const pbf_context_table *contexts,
                             pbf_context_ref context, const pbf_event *event)
{
    if (event->header_length > PBF_BATCH_MAX ||
        event->payload_length > PBF_BATCH_MAX - event->header_length)
        return PBF_TOO_LARGE;

    size_t common = (event->event_ts != 0 ? sint64_field_size(event->event_ts) : 0) +
                    (event->has_session ? sint64_field_size(event->session_id) : 0);
    size_t length = common + optional_bytes_size(PBF_EVENT_HEADER, event->header_length) +
                    optional_bytes_size(PBF_EVENT_PAYLOAD, event->payload_length);

    pbf_claim claim;
    pbf_status status = claim_in_context(ring, contexts, context, length, &claim);

    if (status != PBF_OK)
        return status;

    pbf_writer writer = pbf_writer_on(claim.payload, length);

    if (!write_event(&writer, event)) { /* cannot be: `length` is its measure */
        pbf_ring_discard(ring, &claim);
        return PBF_TOO_LARGE;
    }
    pbf_ring_commit(ring, &claim, tag_of((uint32_t)common, event->has_session, context.slot));
    return PBF_OK;
}

pbf_status pbf_record_append_encoded(pbf_ring *ring, const pbf_context_table *contexts,
                                     pbf_context_ref context, const pbf_encoded_event *event)
{
    pbf_claim claim;
    pbf_status status;

    if (event->length > PBF_BATCH_MAX)
        return PBF_TOO_LARGE;
    status = claim_in_context(ring, contexts, context, event->length, &claim);
    if (status != PBF_OK)
        return status;
    pbf_copy(claim.payload, event->bytes, event->length);
    pbf_ring_commit(ring, &claim, tag_of(event->common_length, event->has_session, context.slot));
    return PBF_OK;
}

pbf_status pbf_encode_common(pbf_encoder *encoder, int64_t event_ts, bool has_session,
                             int64_t session_id, uint32_t *common_length)
{
    size_t before = pbf_encoded_length(encoder);
    pbf_status status = PBF_OK;

    if (has_session)
        status = pbf_encode_varint_field(encoder, pbf_tag(COMMON_SESSION_ID, PBF_WIRE_VARINT),
                                         pbf_zigzag(session_id));
    if (status == PBF_OK && event_ts != 0)
        status = pbf_encode_varint_field(encoder, pbf_tag(COMMON_EVENT_TS, PBF_WIRE_VARINT),
                                         pbf_zigzag(event_ts));
    *common_length = (uint32_t)(pbf_encoded_length(encoder) - before);
    return status;
}
