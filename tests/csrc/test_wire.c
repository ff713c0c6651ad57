/* The wire writer: golden bytes, and every buffer that is too short left as it was.
 *
 * Links: pbf_wire
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

        CHECK_EQUAL(pbf_varint_size(expected->value), expected->length);
        for (size_t room = 0; room <= 12; room++) {
            uint8_t *buffer = test_memory(room);
            pbf_writer writer = pbf_writer_on(buffer, room);
            bool fits = room >= expected->length;

            CHECK_EQUAL(pbf_write_varint(&writer, expected->value), fits);
            CHECK_EQUAL(writer.at - buffer, fits ? expected->length : 0);
            if (fits)
                CHECK(memcmp(buffer, expected->bytes, expected->length) == 0);
            test_free(buffer, room);
        }
    }
}

/* The size is that of the written bytes on both sides of each power of two. */
static void test_varint_size(void)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        for (uint64_t less = 0; less < 2; less++) {
            uint8_t buffer[10];
            pbf_writer writer = pbf_writer_on(buffer, sizeof buffer);
            uint64_t value = (UINT64_C(1) << bit) - less;

            CHECK(pbf_write_varint(&writer, value));
            CHECK_EQUAL(pbf_varint_size(value), writer.at - buffer);
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

/* Writes a varint field, then a bytes field, at each size of buffer. */
static void check_fields(uint32_t field, uint64_t value, const char *text, const void *bytes,
                         size_t length)
{
    size_t text_length = strlen(text);
    size_t second = pbf_bytes_field_size(field, text_length);

    for (size_t room = 0; room <= length + 2; room++) {
        uint8_t *buffer = test_memory(room);
        pbf_writer writer = pbf_writer_on(buffer, room);
        size_t first = length - second;

        CHECK_EQUAL(pbf_write_varint_field(&writer, field, value), room >= first);
        CHECK_EQUAL(writer.at - buffer, room >= first ? first : 0);
        if (room >= first) {
            CHECK_EQUAL(pbf_write_bytes_field(&writer, field, text, text_length), room >= length);
            CHECK_EQUAL(writer.at - buffer, room >= length ? length : first);
            CHECK(memcmp(buffer, bytes, (size_t)(writer.at - buffer)) == 0);
        }
        test_free(buffer, room);
    }
}

static void test_fields(void)
{
    static const uint8_t largest_tag[] = {0xf8, 0xff, 0xff, 0xff, 0x0f, 0x96, 0x01,
                                          0xfa, 0xff, 0xff, 0xff, 0x0f, 0x02, 'h',  'i'};

    check_fields(1, 150, "testing", "\x08\x96\x01\x0a\x07testing", 12);
    check_fields(16, 1, "", "\x80\x01\x01\x82\x01\x00", 6);
    check_fields((1 << 29) - 1, 150, "hi", largest_tag, sizeof largest_tag);
}

static void test_nothing_from_nowhere(void)
{
    uint8_t buffer[2];
    pbf_writer writer = pbf_writer_on(buffer, sizeof buffer);

    CHECK(pbf_write_raw(&writer, NULL, 0));
    CHECK(pbf_write_bytes_field(&writer, 1, NULL, 0));
    CHECK(memcmp(buffer, "\x0a\x00", 2) == 0);
}

int main(void)
{
    test_varint();
    test_varint_size();
    test_zigzag();
    test_fields();
    test_nothing_from_nowhere();
    return 0;
}
