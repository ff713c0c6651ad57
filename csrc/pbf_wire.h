/* Bounded writer of the protobuf wire format.
 *
 * Every write either fits and is done, or is false and leaves the writer as it was. The bytes are
 * those that protobuf itself makes: shortest varints, two's complement, zigzag for sint64.
 */
#ifndef PBF_WIRE_H
#define PBF_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "pbf_status.h"

enum { PBF_WIRE_VARINT = 0, PBF_WIRE_BYTES = 2 };

/* The free part of a buffer that the caller owns. */
typedef struct {
    uint8_t *at;
    uint8_t *end;
} pbf_writer;

static inline pbf_writer pbf_writer_on(uint8_t *buffer, size_t length)
{
    return (pbf_writer){buffer, buffer + length};
}

/* Returns how many bytes the varint takes: 1 to 10. */
static inline size_t pbf_varint_size(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);

    return (bits * 9 + 64) / 64; /* ceil(bits / 7), for 1 to 64 bits */
}

static inline uint64_t pbf_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static inline uint64_t pbf_tag(uint32_t field, uint32_t wire_type)
{
    return (uint64_t)field << 3 | wire_type;
}

/* Returns the bytes of a length-delimited field of `length` bytes, tag included. */
static inline size_t pbf_bytes_field_size(uint32_t field, size_t length)
{
    return pbf_varint_size(pbf_tag(field, PBF_WIRE_BYTES)) + pbf_varint_size(length) + length;
}

/* Writes a varint of any length. */
bool pbf_write_long_varint(pbf_writer *writer, uint64_t value) PBF_MUST_CHECK;

PBF_MUST_CHECK
static inline bool pbf_write_varint(pbf_writer *writer, uint64_t value)
{
    if (value >= 0x80 || writer->at == writer->end)
        return pbf_write_long_varint(writer, value);
    *writer->at++ = (uint8_t)value;
    return true;
}

/* Writes bytes as they are. `bytes` may be NULL if there are none. */
PBF_MUST_CHECK
static inline bool pbf_write_raw(pbf_writer *writer, const void *bytes, size_t length)
{
    if (length > (size_t)(writer->end - writer->at))
        return false;
    if (length > 0)
        memcpy(writer->at, bytes, length);
    writer->at += length;
    return true;
}

/* Writes a varint field: bool, enum, int32, int64, uint32, uint64 (signed ones as two's
 * complement of 64 bits), and sint64 through pbf_zigzag. */
bool pbf_write_varint_field(pbf_writer *writer, uint32_t field, uint64_t value)
    PBF_MUST_CHECK;

/* Writes a length-delimited field: bytes, string, or a finished message. */
bool pbf_write_bytes_field(pbf_writer *writer, uint32_t field, const void *bytes, size_t length)
    PBF_MUST_CHECK;

#endif
