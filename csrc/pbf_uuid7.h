/* UUIDv7 (RFC 9562): unique, and increasing for each generator.
 *
 * Layout: 48 bits of Unix ms, version, 42 bits of counter, variant, 32 random bits. The counter
 * starts at a random 41-bit value in each new millisecond and goes up by one within it, so that a
 * generator can make 2^41 identifiers in a millisecond before it has to borrow from the next.
 * A clock that stands still, or is set back by up to PBF_UUID7_MAX_STEP_MS, does not disturb the
 * order. A clock that is set back further is followed: identifiers then carry the right time rather
 * than stay in order, and the counter's new random start keeps them unique.
 */
#ifndef PBF_UUID7_H
#define PBF_UUID7_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pbf_status.h"

#define PBF_UUID7_TEXT_LEN 36
#define PBF_UUID7_ENTROPY_LEN 4096
#define PBF_UUID7_MAX_STEP_MS 10000

/* A generator, owned by the caller. Not thread-safe: one caller at a time. */
typedef struct {
    uint64_t last_ms;
    uint64_t counter;
    size_t entropy_left; /* unused bytes, at the end of `entropy` */
    uint8_t entropy[PBF_UUID7_ENTROPY_LEN];
} pbf_uuid7;

/* Makes a generator without entropy. */
void pbf_uuid7_init(pbf_uuid7 *state);

/* Forgets all entropy and the counter, as a forked child must: it then shares no bits with its
 * parent. The last millisecond stays, so that the order goes on. */
void pbf_uuid7_reset(pbf_uuid7 *state);

/* Hands in PBF_UUID7_ENTROPY_LEN bytes from the operating system's generator. */
void pbf_uuid7_refill(pbf_uuid7 *state, const uint8_t *random);

/* Writes one UUID as 36 lower-case characters with hyphens, no terminating NUL.
 * Returns false, and writes nothing, if entropy is used up: refill, then call again. */
bool pbf_uuid7_next(pbf_uuid7 *state, uint64_t now_ms, char *text) PBF_MUST_CHECK;

#endif
