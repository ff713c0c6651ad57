/* UUIDv7 generation; see pbf_uuid7.h for the layout and the contract. */
#include "pbf_uuid7.h"

#include <string.h>

#define MS_MASK ((UINT64_C(1) << 48) - 1)
#define COUNTER_MAX ((UINT64_C(1) << 42) - 1)
#define COUNTER_SEED_MASK ((UINT64_C(1) << 41) - 1)

enum { SEED_LEN = 6, TAIL_LEN = 4 };

_Static_assert(COUNTER_SEED_MASK < UINT64_C(1) << 8 * SEED_LEN, "a seed fills the counter");
_Static_assert(SEED_LEN + TAIL_LEN <= PBF_UUID7_ENTROPY_LEN, "a refill is enough for a UUID");

void pbf_uuid7_init(pbf_uuid7 *state)
{
    memset(state, 0, sizeof *state);
    state->counter = COUNTER_MAX; /* the first UUID seeds the counter, whatever its time */
}

void pbf_uuid7_reset(pbf_uuid7 *state)
{
    uint64_t last_ms = state->last_ms;

    pbf_uuid7_init(state);
    state->last_ms = last_ms;
}

void pbf_uuid7_refill(pbf_uuid7 *state, const uint8_t *random)
{
    memcpy(state->entropy, random, PBF_UUID7_ENTROPY_LEN);
    state->entropy_left = PBF_UUID7_ENTROPY_LEN;
}

/* Takes `len` bytes; each is used once and then wiped. */
static uint64_t take_entropy(pbf_uuid7 *state, size_t len)
{
    uint8_t *bytes = state->entropy + (PBF_UUID7_ENTROPY_LEN - state->entropy_left);
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        value = value << 8 | bytes[i];
        bytes[i] = 0;
    }
    state->entropy_left -= len;
    return value;
}

/* The eight hexadecimal digits of a word, without a branch: its nibbles are spread over the bytes of
 * a 64-bit word, most significant first in memory, and turned into characters all at once. */
static void write_hex(char *text, uint32_t word)
{
    uint64_t nibbles = word;
    uint64_t letters;

    nibbles = (nibbles | nibbles << 16) & UINT64_C(0x0000ffff0000ffff);
    nibbles = (nibbles | nibbles << 8) & UINT64_C(0x00ff00ff00ff00ff);
    nibbles = (nibbles | nibbles << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    letters = ((nibbles + UINT64_C(0x0606060606060606)) >> 4) & UINT64_C(0x0101010101010101);
    nibbles += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
    for (int i = 0; i < 8; i++)
        text[i] = (char)(nibbles >> (56 - 8 * i));
}

static void write_text(char *text, uint64_t high, uint64_t low)
{
    char hex[32];

    write_hex(hex, (uint32_t)(high >> 32));
    write_hex(hex + 8, (uint32_t)high);
    write_hex(hex + 16, (uint32_t)(low >> 32));
    write_hex(hex + 24, (uint32_t)low);
    memcpy(text, hex, 8);
    memcpy(text + 9, hex + 8, 4);
    memcpy(text + 14, hex + 12, 4);
    memcpy(text + 19, hex + 16, 4);
    memcpy(text + 24, hex + 20, 12);
    text[8] = text[13] = text[18] = text[23] = '-';
}

bool pbf_uuid7_next(pbf_uuid7 *state, uint64_t now_ms, char *text)
{
    if (state->entropy_left < SEED_LEN + TAIL_LEN)
        return false;

    now_ms &= MS_MASK;
    if (now_ms > state->last_ms || state->last_ms - now_ms > PBF_UUID7_MAX_STEP_MS) {
        state->last_ms = now_ms;
        state->counter = take_entropy(state, SEED_LEN) & COUNTER_SEED_MASK;
    } else if (state->counter < COUNTER_MAX) {
        state->counter++;
    } else { /* used up, or never seeded: borrow from the next millisecond */
        state->last_ms = (state->last_ms + 1) & MS_MASK;
        state->counter = take_entropy(state, SEED_LEN) & COUNTER_SEED_MASK;
    }

    uint64_t tail = take_entropy(state, TAIL_LEN);
    uint64_t high = state->last_ms << 16 | UINT64_C(0x7000) | state->counter >> 30;
    uint64_t low = UINT64_C(2) << 62 | (state->counter & 0x3fffffff) << 32 | tail;

    write_text(text, high, low);
    return true;
}
