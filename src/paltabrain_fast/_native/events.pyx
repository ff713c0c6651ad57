"""Events: encoded as their plans say, and compared with what their own methods make of them."""

cimport cython
from cpython.dict cimport PyDict_CheckExact
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from . cimport pbf
from .base cimport EventBase, is_values
from .classes cimport EventPlan, event_plan, is_same, mark_verified, recall_plan, reject_class
from .encode cimport (
    MAX_OBSERVATIONS,
    Encoding,
    Observation,
    begin,
    encode_message,
)
from .plan cimport is_groups
from .python cimport pbf_raise_set

from ..sdk_pb2 import Event


cdef extern from *:
    """
    PBF_HOT(pbf_status, 6events_encode_event);
    """


cdef inline uint64_t tag_of(uint32_t field) noexcept:
    return pbf.pbf_tag(field, pbf.PBF_WIRE_BYTES)


cdef pbf.pbf_status encode_event(EventPlan plan, EventBase event, Encoding *encoding) noexcept:
    """Write header and payload as the fields of ``Event`` that they are."""
    cdef object header, payload
    cdef size_t before
    cdef pbf.pbf_status status = pbf.PBF_OK

    with cython.critical_section(event):
        header = event.header
        payload = event.payload
    if payload is not None:
        if not PyDict_CheckExact(payload) and not is_values(payload):
            return pbf.PBF_FALL_BACK
        encoding.deterministic = plan.sorts_payload
        status = encode_message(plan.payload, payload, encoding)
        if status != pbf.PBF_OK:
            return status
    if (
        pbf.pbf_encode_prefix(&encoding.out, plan.member_tag, 0) != pbf.PBF_OK
        or pbf.pbf_encode_prefix(&encoding.out, tag_of(pbf.PBF_EVENT_PAYLOAD), 0) != pbf.PBF_OK
    ):
        return pbf.PBF_FULL
    if header is None:
        return pbf.PBF_OK
    if not is_groups(header) and not is_values(header):
        return pbf.PBF_FALL_BACK
    before = pbf.pbf_encoded_length(&encoding.out)
    encoding.deterministic = plan.sorts_header
    status = encode_message(plan.header, header, encoding)
    if status != pbf.PBF_OK or pbf.pbf_encoded_length(&encoding.out) == before:
        return status
    if pbf.pbf_encode_prefix(&encoding.out, tag_of(pbf.PBF_EVENT_HEADER), before) != pbf.PBF_OK:
        return pbf.PBF_FULL
    return pbf.PBF_OK


cdef int verify_event(EventPlan plan, EventBase event, bytes header, bytes payload) except -1:
    """Compare with what the event's own methods made: trust what is observed, or reject its class.

    Args:
        header: what ``serialize_header()`` returned.
        payload: what ``serialize_payload()`` returned.
    """
    cdef Observation observations[MAX_OBSERVATIONS]
    cdef int count = 0

    encoded = encode_parts(plan, event, observations, &count)
    if encoded is None:
        return 0
    if all(map(is_same, plan.messages, encoded, (header, payload))):
        mark_verified(observations, count)
        return 0
    again = event.serialize_header(), event.serialize_payload()
    if encode_parts(plan, event, NULL, NULL) != encoded:
        return 0  # somebody changes it meanwhile
    if not all(map(is_same, plan.messages, encoded, again)):
        reject_class(type(event))
    return 0


cdef object encode_parts(
    EventPlan plan, EventBase event, Observation *observations, int *count
):
    """Header and payload as encoded here, None if they are not."""
    cdef Encoding encoding
    cdef uint8_t *scratch = <uint8_t *>malloc(pbf.PBF_BATCH_MAX)
    cdef pbf.pbf_status status

    if scratch == NULL:
        raise MemoryError
    try:
        begin(&encoding, scratch, pbf.PBF_BATCH_MAX)
        encoding.observations = observations
        status = encode_event(plan, event, &encoding)
        if status == pbf.PBF_INTERRUPTED:
            pbf_raise_set()
        if status != pbf.PBF_OK:
            return None
        if count != NULL:
            count[0] = encoding.observation_count
        message = Event.FromString(
            encoding.out.at[: pbf.pbf_encoded_length(&encoding.out)]
        )
        return message.header, message.payload
    finally:
        free(scratch)


def encoded_event(event):
    """Encode an event here, whether its encoding is verified or not.

    Returns:
        Its header and payload; ``None`` if it is left to its own methods.
    """
    cdef EventPlan plan

    recall_plan(event)
    plan = event_plan(event)
    return None if plan is None else encode_parts(plan, event, NULL, NULL)
