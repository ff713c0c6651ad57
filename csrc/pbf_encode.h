/* Encoding: a message is written from its last byte to its first.
 *
 * Backwards, the length of a part is known by the time it is to be written in front of it, so that
 * nested messages need neither a measuring pass nor a second copy. Fields are given in descending
 * order of their numbers, the elements of a repeated one from the last to the first.
 *
 * Every function either has room and writes, or writes nothing and says PBF_FULL: begin again with
 * a larger buffer. The bytes are those that protobuf itself makes.
 */
#ifndef PBF_ENCODE_H
#define PBF_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pbf_copy.h"
#include "pbf_status.h"
#include "pbf_wire.h"

/* What is written so far is at[0] to end[-1]; the buffer belongs to the caller. */
typedef struct {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
} pbf_encoder;

static inline pbf_encoder pbf_encoder_on(uint8_t *buffer, size_t length)
{
    return (pbf_encoder){buffer, buffer + length, buffer + length};
}

/* Returns how many bytes are written so far. */
static inline size_t pbf_encoded_length(const pbf_encoder *encoder)
{
    return (size_t)(encoder->end - encoder->at);
}

/* Writes a varint in front of `at`, where there is room for it, and returns its start. */
static inline uint8_t *pbf_put_varint_before(uint8_t *at, uint64_t value)
{
    if (value < 0x80) { /* most tags */
        *--at = (uint8_t)value;
        return at;
    }
    at -= pbf_varint_size(value);
    (void)pbf_put_varint(at, value);
    return at;
}

/* Returns whether there is room for `length` bytes. */
static inline bool pbf_has_room(const pbf_encoder *encoder, size_t length)
{
    return (size_t)(encoder->at - encoder->start) >= length;
}

PBF_MUST_CHECK
static inline pbf_status pbf_encode_varint(pbf_encoder *encoder, uint64_t value)
{
    if (!pbf_has_room(encoder, PBF_VARINT_MAX) && !pbf_has_room(encoder, pbf_varint_size(value)))
        return PBF_FULL;
    encoder->at = pbf_put_varint_before(encoder->at, value);
    return PBF_OK;
}

/* Writes bytes as they are. `bytes` may be NULL if there are none. */
PBF_MUST_CHECK
static inline pbf_status pbf_encode_raw(pbf_encoder *encoder, const void *bytes, size_t length)
{
    if (!pbf_has_room(encoder, length))
        return PBF_FULL;
    encoder->at -= length;
    pbf_copy(encoder->at, bytes, length);
    return PBF_OK;
}

/* Writes `length` characters as UTF-8, whose storage has 1, 2 or 4 bytes for each: code points to
 * U+00FF, to U+FFFF, or all. PBF_INVALID: a surrogate or no code point is among them. */
pbf_status pbf_encode_latin1(pbf_encoder *encoder, const uint8_t *text, size_t length)
    PBF_MUST_CHECK;
pbf_status pbf_encode_ucs2(pbf_encoder *encoder, const uint16_t *text, size_t length)
    PBF_MUST_CHECK;
pbf_status pbf_encode_ucs4(pbf_encoder *encoder, const uint32_t *text, size_t length)
    PBF_MUST_CHECK;

/* Writes what stands in front of a length-delimited field that ended when pbf_encoded_length was
 * `before`: its length and its tag. */
PBF_MUST_CHECK
static inline pbf_status pbf_encode_prefix(pbf_encoder *encoder, uint64_t tag, size_t before)
{
    size_t length = pbf_encoded_length(encoder) - before;

    if (!pbf_has_room(encoder, 2 * PBF_VARINT_MAX) &&
        !pbf_has_room(encoder, pbf_varint_size(length) + pbf_varint_size(tag)))
        return PBF_FULL;
    encoder->at = pbf_put_varint_before(pbf_put_varint_before(encoder->at, length), tag);
    return PBF_OK;
}

/* Writes a length-delimited field. */
PBF_MUST_CHECK
static inline pbf_status pbf_encode_bytes_field(pbf_encoder *encoder, uint64_t tag,
                                                const void *bytes, size_t length)
{
    if (!pbf_has_room(encoder, length + 2 * PBF_VARINT_MAX) &&
        !pbf_has_room(encoder, length + pbf_varint_size(length) + pbf_varint_size(tag)))
        return PBF_FULL;
    encoder->at -= length;
    pbf_copy(encoder->at, bytes, length);
    encoder->at = pbf_put_varint_before(pbf_put_varint_before(encoder->at, length), tag);
    return PBF_OK;
}

/* Writes a varint field. */
PBF_MUST_CHECK
static inline pbf_status pbf_encode_varint_field(pbf_encoder *encoder, uint64_t tag,
                                                 uint64_t value)
{
    if (!pbf_has_room(encoder, 2 * PBF_VARINT_MAX) &&
        !pbf_has_room(encoder, pbf_varint_size(value) + pbf_varint_size(tag)))
        return PBF_FULL;
    encoder->at = pbf_put_varint_before(pbf_put_varint_before(encoder->at, value), tag);
    return PBF_OK;
}

/* A date of the proleptic Gregorian calendar and a time, as read off a clock. */
typedef struct {
    int year, month, day, hour, minute, second, microsecond;
} pbf_wall_clock;

/* Returns Unix milliseconds, truncated toward zero, of a clock that is `offset_us` ahead of UTC. */
int64_t pbf_wall_clock_ms(const pbf_wall_clock *clock, int64_t offset_us) PBF_MUST_CHECK;

#endif
