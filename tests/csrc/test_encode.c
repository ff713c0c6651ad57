/* The encoder: golden bytes, every buffer that is too short, text of each width, dates.
 *
 * Links: pbf_encode
 */
#include "pbf_encode.h"
#include "test.h"

static void test_varint(void)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t value = UINT64_C(1) << bit;
        size_t size = pbf_varint_size(value);

        for (size_t room = 0; room <= 11; room++) {
            uint8_t *buffer = test_memory(room);
            pbf_encoder encoder = pbf_encoder_on(buffer, room);
            bool fits = room >= size;

            CHECK_EQUAL(pbf_encode_varint(&encoder, value), fits ? PBF_OK : PBF_FULL);
            CHECK_EQUAL(pbf_encoded_length(&encoder), fits ? size : 0);
            for (size_t i = 0, v = value; fits && i < size; i++, v >>= 7)
                CHECK_EQUAL(encoder.at[i], (v & 0x7f) | (i + 1 < size ? 0x80 : 0));
            test_free(buffer, room);
        }
    }
}

/* What is written later stands in front; a prefix counts what was written since. */
static void test_nested(void)
{
    static const char golden[] = "\x0a\x05\x12\x03" "abc" "\x08\x96\x01";
    uint8_t *buffer = test_memory(sizeof golden - 1);
    pbf_encoder encoder = pbf_encoder_on(buffer, sizeof golden - 1);
    size_t before, inner;

    CHECK_EQUAL(pbf_encode_varint(&encoder, 150), PBF_OK);
    CHECK_EQUAL(pbf_encode_varint(&encoder, 0x08), PBF_OK);
    before = inner = pbf_encoded_length(&encoder);
    CHECK_EQUAL(pbf_encode_raw(&encoder, "abc", 3), PBF_OK);
    CHECK_EQUAL(pbf_encode_prefix(&encoder, 0x12, inner), PBF_OK);
    CHECK_EQUAL(pbf_encode_prefix(&encoder, 0x0a, before), PBF_OK);
    CHECK_EQUAL(pbf_encoded_length(&encoder), sizeof golden - 1);
    CHECK(memcmp(buffer, golden, sizeof golden - 1) == 0);
    CHECK_EQUAL(pbf_encode_raw(&encoder, NULL, 0), PBF_OK);
    CHECK_EQUAL(pbf_encode_raw(&encoder, "x", 1), PBF_FULL);
    CHECK_EQUAL(pbf_encode_prefix(&encoder, 0x0a, 0), PBF_FULL);
    test_free(buffer, sizeof golden - 1);
}

/* A field takes just the room that it needs. */
static void test_fields(void)
{
    static const char golden[] = "\x82\x01\x03" "abc" "\x08\x96\x01";
    enum { WHOLE = sizeof golden - 1 };

    for (size_t room = 0; room <= WHOLE + 20; room++) {
        uint8_t *buffer = test_memory(room);
        pbf_encoder encoder = pbf_encoder_on(buffer, room);

        CHECK_EQUAL(pbf_encode_varint_field(&encoder, 0x08, 150), room < 3 ? PBF_FULL : PBF_OK);
        if (room >= 3)
            CHECK_EQUAL(pbf_encode_bytes_field(&encoder, 16 << 3 | 2, "abc", 3),
                        room < WHOLE ? PBF_FULL : PBF_OK);
        CHECK_EQUAL(pbf_encoded_length(&encoder), room < 3 ? 0 : room < WHOLE ? 3 : WHOLE);
        CHECK(room < WHOLE || memcmp(encoder.at, golden, WHOLE) == 0);
        test_free(buffer, room);
    }
}

/* Every length on both sides of each way to copy, not a byte beside it. */
static void test_copy(void)
{
    uint8_t source[600];

    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (uint8_t)(i * 7 + 1);
    for (size_t length = 0; length < sizeof source; length++) {
        uint8_t *target = test_memory(length + 1);

        pbf_copy(target, source, length);
        CHECK(memcmp(target, source, length) == 0);
        CHECK_EQUAL(target[length], 0);
        test_free(target, length + 1);
    }
}

enum { TEXT = 6 };

typedef struct {
    uint32_t code;
    size_t size;
    const char *bytes; /* NULL: no character */
} golden_character;

/* Both sides of each border of RFC 3629. */
static const golden_character CHARACTERS[] = {
    {0, 1, "\x00"},
    {0x7f, 1, "\x7f"},
    {0x80, 2, "\xc2\x80"},
    {0xff, 2, "\xc3\xbf"},
    {0x100, 2, "\xc4\x80"},
    {0x7ff, 2, "\xdf\xbf"},
    {0x800, 3, "\xe0\xa0\x80"},
    {0xd7ff, 3, "\xed\x9f\xbf"},
    {0xd800, 0, NULL},
    {0xdfff, 0, NULL},
    {0xe000, 3, "\xee\x80\x80"},
    {0xffff, 3, "\xef\xbf\xbf"},
    {0x10000, 4, "\xf0\x90\x80\x80"},
    {0x10ffff, 4, "\xf4\x8f\xbf\xbf"},
    {0x110000, 0, NULL},
    {UINT32_MAX, 0, NULL},
};

static pbf_status encode_text(pbf_encoder *encoder, const uint32_t *text, int width)
{
    uint8_t latin1[TEXT];
    uint16_t ucs2[TEXT];

    for (int i = 0; i < TEXT; i++) {
        latin1[i] = (uint8_t)text[i];
        ucs2[i] = (uint16_t)text[i];
    }
    return width == 1   ? pbf_encode_latin1(encoder, latin1, TEXT)
           : width == 2 ? pbf_encode_ucs2(encoder, ucs2, TEXT)
                        : pbf_encode_ucs4(encoder, text, TEXT);
}

/* The character between others, in each storage that holds it, in every room. */
static void test_text(const golden_character *character)
{
    uint32_t text[TEXT] = {'a', 'b', character->code, 'c', 0xe9, 'd'};

    for (int width = character->code > 0xffff ? 4 : character->code > 0xff ? 2 : 1; width <= 4;
         width *= 2) {
        size_t whole = 2 + character->size + 1 + 2 + 1;

        for (size_t room = 0; room <= whole + 1; room++) {
            uint8_t *buffer = test_memory(room);
            pbf_encoder encoder = pbf_encoder_on(buffer, room);
            pbf_status status = encode_text(&encoder, text, width);

            if (character->bytes == NULL)
                CHECK_EQUAL(status, room < 4 ? PBF_FULL : PBF_INVALID);
            else
                CHECK_EQUAL(status, room < whole ? PBF_FULL : PBF_OK);
            CHECK_EQUAL(pbf_encoded_length(&encoder), status == PBF_OK ? whole : 0);
            if (status == PBF_OK) {
                CHECK(memcmp(encoder.at, "ab", 2) == 0);
                CHECK(memcmp(encoder.at + 2, character->bytes, character->size) == 0);
                CHECK(memcmp(encoder.end - 4, "c\xc3\xa9" "d", 4) == 0);
            }
            test_free(buffer, room);
        }
    }
}

static int days_in(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return DAYS[month - 1] + (month == 2 && leap);
}

/* Every day from 0001-01-01 to 9999-12-31, counted one by one. */
static void test_every_day(void)
{
    int64_t day = -719162;

    for (int year = 1; year <= 9999; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int date = 1; date <= days_in(year, month); date++, day++) {
                pbf_wall_clock clock = {year, month, date, 0, 0, 0, 0};

                CHECK_EQUAL(pbf_wall_clock_ms(&clock, 0), day * 86400000);
            }
        }
    }
    CHECK_EQUAL(day, 2932897);
}

static void test_time(void)
{
    pbf_wall_clock before = {1969, 12, 31, 23, 59, 59, 998001}, after = {1970, 1, 1, 1, 1, 1, 1999};

    CHECK_EQUAL(pbf_wall_clock_ms(&before, 0), -1); /* -1.999 ms: toward zero */
    CHECK_EQUAL(pbf_wall_clock_ms(&after, 0), 3661001);
    CHECK_EQUAL(pbf_wall_clock_ms(&after, INT64_C(3661) * 1000000), 1);
    CHECK_EQUAL(pbf_wall_clock_ms(&after, INT64_C(3661) * 1000000 + 2000), 0);
    CHECK_EQUAL(pbf_wall_clock_ms(&after, INT64_C(3661) * 1000000 + 2999), -1);
    CHECK_EQUAL(pbf_wall_clock_ms(&after, INT64_C(-86400) * 1000000), 3661001 + 86400000);
}

int main(void)
{
    test_varint();
    test_nested();
    test_fields();
    test_copy();
    for (size_t i = 0; i < sizeof CHARACTERS / sizeof *CHARACTERS; i++)
        test_text(&CHARACTERS[i]);
    test_every_day();
    test_time();
    return 0;
}
