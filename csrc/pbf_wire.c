/* Bounded protobuf writer; see pbf_wire.h for the contract. */
#include "pbf_wire.h"

bool pbf_write_long_varint(pbf_writer *writer, uint64_t value)
{
    if (pbf_varint_size(value) > (size_t)(writer->end - writer->at))
        return false;

    while (value >= 0x80) {
        *writer->at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *writer->at++ = (uint8_t)value;
    return true;
}

bool pbf_write_varint_field(pbf_writer *writer, uint32_t field, uint64_t value)
{
    pbf_writer ahead = *writer; /* taken over only as a whole */

    if (!pbf_write_varint(&ahead, pbf_tag(field, PBF_WIRE_VARINT)) ||
        !pbf_write_varint(&ahead, value))
        return false;
    *writer = ahead;
    return true;
}

bool pbf_write_bytes_field(pbf_writer *writer, uint32_t field, const void *bytes, size_t length)
{
    pbf_writer ahead = *writer; /* taken over only as a whole */

    if (!pbf_write_varint(&ahead, pbf_tag(field, PBF_WIRE_BYTES)) ||
        !pbf_write_varint(&ahead, length) || !pbf_write_raw(&ahead, bytes, length))
        return false;
    *writer = ahead;
    return true;
}
