/* Copying without a call: most of what the core copies is short. */
#ifndef PBF_COPY_H
#define PBF_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline void pbf_copy(uint8_t *to, const uint8_t *from, size_t length)
{
    enum { CHUNK = 16, LONG = 512 };

    if (length >= LONG) {
        memcpy(to, from, length);
    } else if (length >= CHUNK) {
        for (size_t at = 0; at + CHUNK < length; at += CHUNK)
            memcpy(to + at, from + at, CHUNK);
        memcpy(to + length - CHUNK, from + length - CHUNK, CHUNK); /* overlaps the one before */
    } else if (length >= 8) {
        memcpy(to, from, 8);
        memcpy(to + length - 8, from + length - 8, 8);
    } else if (length >= 4) {
        memcpy(to, from, 4);
        memcpy(to + length - 4, from + length - 4, 4);
    } else if (length > 0) {
        to[0] = from[0];
        to[length / 2] = from[length / 2];
        to[length - 1] = from[length - 1];
    }
}

#endif
