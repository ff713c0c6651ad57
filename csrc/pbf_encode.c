/* Text and time for the encoder; see pbf_encode.h for the contract. */
#include "pbf_encode.h"

/* Returns the bytes of a code point as UTF-8 (RFC 3629), 0 if there are none. */
static size_t utf8_size(uint32_t code)
{
    if (code < 0x80)
        return 1;
    if (code < 0x800)
        return 2;
    if (code < 0x10000)
        return code < 0xd800 || code > 0xdfff ? 3 : 0;
    return code < 0x110000 ? 4 : 0;
}

/* Writes a code point in front. Inlined into each width, where the compiler drops what is out of
 * range for it. */
static inline pbf_status encode_code_point(pbf_encoder *encoder, uint32_t code)
{
    static const uint8_t LEAD[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t size = utf8_size(code);

    if (size == 0)
        return PBF_INVALID;
    if ((size_t)(encoder->at - encoder->start) < size)
        return PBF_FULL;
    for (size_t n = size; n > 1; n--) {
        *--encoder->at = (uint8_t)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    *--encoder->at = (uint8_t)(LEAD[size] | code);
    return PBF_OK;
}

#define ENCODE_TEXT(encoder, text, length) \
    do { \
        uint8_t *end = (encoder)->at; \
\
        while ((length) > 0) { \
            pbf_status status = encode_code_point(encoder, (text)[--(length)]); \
\
            if (status != PBF_OK) { \
                (encoder)->at = end; \
                return status; \
            } \
        } \
        return PBF_OK; \
    } while (0)

pbf_status pbf_encode_latin1(pbf_encoder *encoder, const uint8_t *text, size_t length)
{
    ENCODE_TEXT(encoder, text, length);
}

pbf_status pbf_encode_ucs2(pbf_encoder *encoder, const uint16_t *text, size_t length)
{
    ENCODE_TEXT(encoder, text, length);
}

pbf_status pbf_encode_ucs4(pbf_encoder *encoder, const uint32_t *text, size_t length)
{
    ENCODE_TEXT(encoder, text, length);
}

/* Days from 1970-01-01. Years are counted from March, so that the leap day ends one. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t months = month > 2 ? month - 3 : month + 9;
    int64_t leap_days = y / 4 - y / 100 + y / 400; /* y is not negative */

    return y * 365 + leap_days + (153 * months + 2) / 5 + day - 1 - 719468;
}

int64_t pbf_wall_clock_ms(const pbf_wall_clock *clock, int64_t offset_us)
{
    int64_t minutes = (days_of(clock->year, clock->month, clock->day) * 24 + clock->hour) * 60 +
                      clock->minute;
    int64_t us = (minutes * 60 + clock->second) * 1000000 + clock->microsecond - offset_us;

    return us / 1000; /* C truncates toward zero */
}
