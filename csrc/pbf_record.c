/* Events into the ring; see pbf_record.h for the layout and the contract. */
#include "pbf_record.h"

#include "pbf_copy.h"
#include "pbf_wire.h"

/* Field numbers of the wire contract. */
enum { COMMON_EVENT_TS = 1, COMMON_SESSION_ID = 2 };

static pbf_status encode_optional_bytes(pbf_encoder *encoder, uint32_t field, const uint8_t *bytes,
                                        size_t length)
{
    if (length == 0)
        return PBF_OK;
    return pbf_encode_bytes_field(encoder, pbf_tag(field, PBF_WIRE_BYTES), bytes, length);
}

pbf_status pbf_encode_parts(pbf_encoder *encoder, const uint8_t *header, size_t header_length,
                            const uint8_t *payload, size_t payload_length)
{
    pbf_encoder ahead = *encoder; /* taken over only as a whole */
    pbf_status status;

    if (header_length > PBF_BATCH_MAX || payload_length > PBF_BATCH_MAX - header_length)
        return PBF_TOO_LARGE;
    status = encode_optional_bytes(&ahead, PBF_EVENT_PAYLOAD, payload, payload_length);
    if (status == PBF_OK)
        status = encode_optional_bytes(&ahead, PBF_EVENT_HEADER, header, header_length);
    if (status == PBF_OK)
        *encoder = ahead;
    return status;
}

static pbf_status encode_sint64(pbf_encoder *encoder, uint32_t field, int64_t value)
{
    return pbf_encode_varint_field(encoder, pbf_tag(field, PBF_WIRE_VARINT), pbf_zigzag(value));
}

pbf_status pbf_encode_common(pbf_encoder *encoder, int64_t event_ts, bool has_session,
                             int64_t session_id, pbf_event *event)
{
    size_t before = pbf_encoded_length(encoder);
    pbf_status status = PBF_OK;

    if (has_session)
        status = encode_sint64(encoder, COMMON_SESSION_ID, session_id);
    if (status == PBF_OK && event_ts != 0)
        status = encode_sint64(encoder, COMMON_EVENT_TS, event_ts);
    *event = (pbf_event){
        .bytes = encoder->at,
        .length = pbf_encoded_length(encoder),
        .common_length = (uint32_t)(pbf_encoded_length(encoder) - before),
        .has_session = has_session,
    };
    return status;
}

pbf_status pbf_record_append(pbf_ring *ring, const pbf_context_table *contexts,
                             pbf_context_ref context, const pbf_event *event)
{
    pbf_claim claim;
    pbf_status status = pbf_ring_claim(ring, event->length, &claim);

    if (status != PBF_OK)
        return status;
    if (!pbf_context_is_live(contexts, context)) {
        pbf_ring_discard(ring, &claim);
        return PBF_STALE;
    }
    pbf_copy(claim.payload, event->bytes, event->length);
    pbf_ring_commit(ring, &claim, pbf_record_tag(event, context.slot));
    return PBF_OK;
}
