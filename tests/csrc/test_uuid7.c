/* pbf_uuid7: layout, order, entropy, and the bounds of what it writes.
 * Links: pbf_uuid7
 */
#include "pbf_uuid7.h"

#include <string.h>

#include "test.h"

enum { CANARY = 0x5a };

static uint8_t random_bytes[PBF_UUID7_ENTROPY_LEN];

static void next(pbf_uuid7 *state, uint64_t now_ms, char text[PBF_UUID7_TEXT_LEN + 1])
{
    text[PBF_UUID7_TEXT_LEN] = CANARY;
    if (!pbf_uuid7_next(state, now_ms, text)) {
        pbf_uuid7_refill(state, random_bytes);
        CHECK(pbf_uuid7_next(state, now_ms, text));
    }
    CHECK(text[PBF_UUID7_TEXT_LEN] == CANARY);
    text[PBF_UUID7_TEXT_LEN] = '\0';
}

static void fill_random(uint8_t value)
{
    memset(random_bytes, value, sizeof random_bytes);
}

static void test_golden_text(void)
{
    pbf_uuid7 state;
    char text[PBF_UUID7_TEXT_LEN + 1];

    for (size_t i = 0; i < sizeof random_bytes; i++)
        random_bytes[i] = (uint8_t)i;
    pbf_uuid7_init(&state);
    /* seed: bytes 00..05, tail: 06..09; then the counter goes up, tail: 0a..0d */
    next(&state, UINT64_C(0x0123456789ab), text);
    CHECK(strcmp(text, "01234567-89ab-7004-8203-040506070809") == 0);
    next(&state, UINT64_C(0x0123456789ab), text);
    CHECK(strcmp(text, "01234567-89ab-7004-8203-04060a0b0c0d") == 0);
}

static void test_all_bits_set(void)
{
    pbf_uuid7 state;
    char text[PBF_UUID7_TEXT_LEN + 1];

    fill_random(0xff);
    pbf_uuid7_init(&state);
    next(&state, UINT64_MAX, text); /* only 48 bits of time are there */
    CHECK(strcmp(text, "ffffffff-ffff-77ff-bfff-ffffffffffff") == 0);
}

static void test_order_whatever_the_clock_does(void)
{
    static const uint64_t clock[] = {5, 5, 5, 6, 4, 0, 6, 7, 7, 1000, 999, 1000};
    pbf_uuid7 state;
    char before[PBF_UUID7_TEXT_LEN + 1] = "", text[PBF_UUID7_TEXT_LEN + 1];

    fill_random(0x77);
    pbf_uuid7_init(&state);
    for (int i = 0; i < 100000; i++) {
        next(&state, clock[i % 12], text);
        CHECK(strcmp(before, text) < 0);
        memcpy(before, text, sizeof text);
    }
}

static void test_clock_that_is_set_back_far_is_followed(void)
{
    static const uint64_t kept = UINT64_C(0x0123456789ab), step = PBF_UUID7_MAX_STEP_MS;
    pbf_uuid7 state;
    char before[PBF_UUID7_TEXT_LEN + 1], text[PBF_UUID7_TEXT_LEN + 1];

    fill_random(0x77);
    pbf_uuid7_init(&state);
    next(&state, kept, before);
    next(&state, kept - step, text); /* waited for */
    CHECK(strncmp(text, "01234567-89ab-7", 15) == 0);
    next(&state, kept - step - 1, text);
    CHECK(strncmp(text, "01234567-629a-7", 15) == 0);
    CHECK(strcmp(text, before) < 0);
    next(&state, kept - step - 1, before); /* in order from there on */
    CHECK(strncmp(before, "01234567-629a-7", 15) == 0);
    CHECK(strcmp(text, before) < 0);
}

static void test_used_up_counter_borrows_a_millisecond(void)
{
    pbf_uuid7 state;
    char before[PBF_UUID7_TEXT_LEN + 1], text[PBF_UUID7_TEXT_LEN + 1];

    fill_random(0x77);
    pbf_uuid7_init(&state);
    next(&state, 5, text);
    state.counter = (UINT64_C(1) << 42) - 2;
    next(&state, 5, before);
    CHECK(strncmp(before, "00000000-0005-7fff-bfff-ffff", 28) == 0);
    next(&state, 5, text);
    CHECK(strncmp(text, "00000000-0006-7", 15) == 0);
    next(&state, 5, before);
    CHECK(strcmp(text, before) < 0);
}

static void test_without_entropy_nothing_is_written(void)
{
    pbf_uuid7 state;
    char text[PBF_UUID7_TEXT_LEN];
    int made = 0;

    pbf_uuid7_init(&state);
    memset(text, CANARY, sizeof text);
    CHECK(!pbf_uuid7_next(&state, 5, text));
    for (size_t i = 0; i < sizeof text; i++)
        CHECK(text[i] == CANARY);

    fill_random(1);
    pbf_uuid7_refill(&state, random_bytes);
    while (pbf_uuid7_next(&state, 5, text))
        made++;
    /* ten bytes for the first, four for each that follows, until fewer than ten are left */
    CHECK(made == 1 + (PBF_UUID7_ENTROPY_LEN - 10 - 10) / 4 + 1);
}

static void test_entropy_is_wiped_when_used_and_when_reset(void)
{
    pbf_uuid7 state;
    char before[PBF_UUID7_TEXT_LEN + 1], text[PBF_UUID7_TEXT_LEN + 1];

    fill_random(0xff);
    pbf_uuid7_init(&state);
    next(&state, 5, before);
    for (int i = 0; i < 10; i++)
        CHECK(state.entropy[i] == 0);
    CHECK(state.entropy[10] == 0xff);

    pbf_uuid7_reset(&state);
    for (size_t i = 0; i < sizeof state.entropy; i++)
        CHECK(state.entropy[i] == 0);
    CHECK(!pbf_uuid7_next(&state, 9, text));
    fill_random(0);
    next(&state, 5, text);
    CHECK(strcmp(before, text) < 0); /* the order goes on */
}

int main(void)
{
    test_golden_text();
    test_all_bits_set();
    test_order_whatever_the_clock_does();
    test_clock_that_is_set_back_far_is_followed();
    test_used_up_counter_borrows_a_millisecond();
    test_without_entropy_nothing_is_written();
    test_entropy_is_wiped_when_used_and_when_reset();
    return 0;
}
