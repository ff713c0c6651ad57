/* The wire format: golden bytes, sizes on both sides of each power of two.
 *
 * Links:
 */
#include "pbf_wire.h"
#include "test.h"

typedef struct {
    uint64_t value;
    size_t length;
    uint8_t bytes[10];
} golden;

static const golden VARINTS[] = {
    {0, 1, {0}},
    {1, 1, {1}},
    {127, 1, {0x7f}},
    {128, 2, {0x80, 0x01}},
    {300, 2, {0xac, 0x02}},
    {16383, 2, {0xff, 0x7f}},
    {16384, 3, {0x80, 0x80, 0x01}},
    {UINT32_MAX, 5, {0xff, 0xff, 0xff, 0xff, 0x0f}},
    {INT64_MAX, 9, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}},
    {UINT64_C(1) << 63, 10, {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}},
    {UINT64_MAX, 10, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}},
};
enum { VARINT_COUNT = sizeof VARINTS / sizeof *VARINTS };

static void test_varint(void)
{
    for (int i = 0; i < VARINT_COUNT; i++) {
        const golden *expected = &VARINTS[i];
        uint8_t *buffer = test_memory(expected->length);

        CHECK_EQUAL(pbf_varint_size(expected->value), expected->length);
        CHECK_EQUAL(pbf_put_varint(buffer, expected->value) - buffer, expected->length);
        CHECK(memcmp(buffer, expected->bytes, expected->length) == 0);
        test_free(buffer, expected->length);
    }
}

/* The size is that of the written bytes on both sides of each power of two. */
static void test_varint_size(void)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        for (uint64_t less = 0; less < 2; less++) {
            uint8_t buffer[PBF_VARINT_MAX];
            uint64_t value = (UINT64_C(1) << bit) - less;

            CHECK_EQUAL(pbf_varint_size(value), pbf_put_varint(buffer, value) - buffer);
        }
    }
}

static void test_zigzag(void)
{
    CHECK_EQUAL(pbf_zigzag(0), 0);
    CHECK_EQUAL(pbf_zigzag(-1), 1);
    CHECK_EQUAL(pbf_zigzag(1), 2);
    CHECK_EQUAL(pbf_zigzag(INT64_MAX), UINT64_MAX - 1);
    CHECK_EQUAL(pbf_zigzag(INT64_MIN), UINT64_MAX);
}

static void check_bytes_field(uint32_t field, const char *text, const void *bytes, size_t length)
{
    uint8_t *buffer = test_memory(length);

    CHECK_EQUAL(pbf_bytes_field_size(field, strlen(text)), length);
    CHECK_EQUAL(pbf_put_bytes_field(buffer, field, text, strlen(text)) - buffer, length);
    CHECK(memcmp(buffer, bytes, length) == 0);
    test_free(buffer, length);
}

static void test_bytes_field(void)
{
    static const uint8_t largest_tag[] = {0xfa, 0xff, 0xff, 0xff, 0x0f, 0x02, 'h', 'i'};
    uint8_t buffer[2];

    check_bytes_field(1, "testing", "\x0a\x07testing", 9);
    check_bytes_field(16, "", "\x82\x01\x00", 3);
    check_bytes_field((1 << 29) - 1, "hi", largest_tag, sizeof largest_tag);
    CHECK_EQUAL(pbf_put_bytes_field(buffer, 1, NULL, 0) - buffer, 2);
    CHECK(memcmp(buffer, "\x0a\x00", 2) == 0);
}

int main(void)
{
    test_varint();
    test_varint_size();
    test_zigzag();
    test_bytes_field();
    return 0;
}
