/* The protobuf wire format: sizes, tags, and writing in places that were measured before.
 *
 * The bytes are those that protobuf itself makes: shortest varints, two's complement, zigzag for
 * sint64. Nothing here knows where a buffer ends: the caller has measured what is to be written.
 * Who has not uses the bounded encoder of pbf_encode.h, which writes its varints with this one.
 */
#ifndef PBF_WIRE_H
#define PBF_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "pbf_copy.h"

enum { PBF_WIRE_VARINT = 0, PBF_WIRE_BYTES = 2 };

/* The most that a varint takes. */
#define PBF_VARINT_MAX 10

/* Returns how many bytes the varint takes: 1 to PBF_VARINT_MAX. */
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

/* Writes a varint at `at`, and returns its end. */
static inline uint8_t *pbf_put_varint(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

/* Writes a length-delimited field (bytes, string, or a finished message) at `at`, and returns its
 * end. `bytes` may be NULL if there are none. */
static inline uint8_t *pbf_put_bytes_field(uint8_t *at, uint32_t field, const void *bytes,
                                           size_t length)
{
    at = pbf_put_varint(at, pbf_tag(field, PBF_WIRE_BYTES));
    at = pbf_put_varint(at, length);
    pbf_copy(at, bytes, length);
    return at + length;
}

#endif
