/* Framing: golden bytes, and limits to the byte.
 *
 * Links: pbf_ring pbf_context pbf_encode pbf_record pbf_number pbf_group pbf_frame
 */
#include "frame.h"

static void test_golden(void)
{
    static const char body[] =
        "\x0a\x0d\x0a\x04inst\x12\x05" "batch" "\x12\x03" "ctx"
        "\x1a\x21\x0a\x10\x08\x80\xa0\xab\xfe\xf9\x62\x10\x82\xa0\xab\xfe\xf9\x62\x18\x02"
        "\x12\x04head\x1a\x07payload"
        "\x1a\x07\x0a\x02\x08\x01\x1a\x01p"
        "\x1a\x02\x0a\x00"
        "\x1a\x09\x0a\x04\x10\x00\x18\x04\x12\x01h"
        "\x1a\x9f\x01\x0a\x18\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
        "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x18\x06\x1a\x82\x01"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    char many_x[130];
    fixture f;

    memset(many_x, 'x', sizeof many_x);
    set_up(&f, 0);
    pbf_context_ref context = add_context(&f, "ctx", 3);

    append(&f, context, in_session(event_of(1700000000000, "head", "payload", 7), 1700000000001));
    append(&f, context, event_of(-1, "", "p", 1));
    append(&f, context, event_of(0, "", NULL, 0));
    append(&f, context, in_session(event_of(0, "h", NULL, 0), 0));
    append(&f, context, in_session(event_of(INT64_MIN, "", many_x, sizeof many_x), INT64_MIN));
    check_frame(&f, envelope_of("inst", "batch", PBF_BATCH_MAX), 5, 0, body, sizeof body - 1);
    check_frame(&f, envelope_of("inst", "batch", PBF_BATCH_MAX), 0, 0, NULL, 0);
    tear_down(&f);
}

static void test_golden_of_nothing(void)
{
    fixture f;

    set_up(&f, 0);
    append(&f, add_context(&f, NULL, 0), event_of(0, "", NULL, 0));
    check_frame(&f, envelope_of("", "", PBF_BATCH_MAX), 1, 0, "\x0a\x00\x1a\x02\x0a\x00", 6);
    tear_down(&f);
}

/* Numbers go on over batches and contexts, and count events that have a session. A restart is for
 * what is tracked after it, in the middle of a batch as well. */
static void test_context_change_and_numbers(void)
{
    fixture f;
    pbf_envelope envelope = envelope_of("", "", PBF_BATCH_MAX);

    set_up(&f, (UINT64_C(1) << 63) - 32);
    pbf_context_ref a = add_context(&f, "a", 1), b = add_context(&f, "b", 1);

    append(&f, a, in_session(event_of(0, "", NULL, 0), 1));
    append(&f, b, event_of(0, "", NULL, 0));
    append(&f, b, in_session(event_of(0, "", NULL, 0), 1));
    append(&f, a, in_session(event_of(0, "", NULL, 0), 1));
    check_frame(&f, envelope, 2, 0,
                "\x0a\x00\x12\x01" "a\x1a\x06\x0a\x04\x10\x02\x18\x02"
                "\x1a\x06\x0a\x04\x10\x02\x18\x06", 21);
    check_frame(&f, envelope, 2, 0,
                "\x0a\x00\x12\x01" "b\x1a\x02\x0a\x00\x1a\x06\x0a\x04\x10\x02\x18\x04", 17);

    append(&f, b, in_session(event_of(0, "", NULL, 0), 1));
    CHECK(pbf_number_restart(&f.numbering, f.ring, 0));
    append(&f, b, in_session(event_of(0, "", NULL, 0), 1));
    append(&f, a, in_session(event_of(0, "", NULL, 0), 1));
    CHECK(pbf_number_restart(&f.numbering, f.ring, 40));
    append(&f, a, in_session(event_of(0, "", NULL, 0), 1));
    check_frame(&f, envelope, 2, 0,
                "\x0a\x00\x12\x01" "b\x1a\x06\x0a\x04\x10\x02\x18\x08"
                "\x1a\x06\x0a\x04\x10\x02\x18\x02", 21);
    check_frame(&f, envelope, 2, 0,
                "\x0a\x00\x12\x01" "a\x1a\x06\x0a\x04\x10\x02\x18\x04"
                "\x1a\x06\x0a\x04\x10\x02\x18\x52", 21);
    tear_down(&f);
}

static void test_limit_to_the_byte(void)
{
    fixture f;
    pbf_context_ref context, large;
    static uint8_t bytes[PBF_BATCH_MAX];
    const char *one = "\x0a\x00\x1a\x05\x0a\x00\x1a\x01p";

    set_up(&f, 0);
    context = add_context(&f, NULL, 0);
    append(&f, context, event_of(0, "", "p", 1));
    append(&f, context, event_of(0, "", "p", 1));
    check_frame(&f, envelope_of("", "", 15), 1, 0, one, 9);
    append(&f, context, event_of(0, "", "p", 1));
    check_frame(&f, envelope_of("", "", 16), 2, 0, "\x0a\x00\x1a\x05\x0a\x00\x1a\x01p"
                                                   "\x1a\x05\x0a\x00\x1a\x01p", 16);

    /* Too large: in front, between, at the end, for its own context only; each has its number. */
    large = add_context(&f, "0123456789", 10);
    append(&f, context, in_session(event_of(0, "", "large", 5), 1));
    append(&f, context, event_of(0, "", "p", 1));
    append(&f, large, in_session(event_of(0, "", "p", 1), 1));
    append(&f, context, event_of(0, "", "large", 5));
    append(&f, context, in_session(event_of(0, "", NULL, 0), 1));
    append(&f, context, event_of(0, "", "large", 5));
    check_frame(&f, envelope_of("", "", 10), 1, 3, one, 9);
    check_frame(&f, envelope_of("", "", 10), 1, 1,
                "\x0a\x00\x1a\x06\x0a\x04\x10\x02\x18\x06", 10);
    append(&f, large, event_of(0, "", NULL, 0));
    check_frame(&f, envelope_of("", "", 17), 0, 1, NULL, 0);
    CHECK_EQUAL(pbf_ring_used(f.ring), 0);
    CHECK_EQUAL(pbf_ring_accepted(f.ring), 10);

    /* A batch of exactly PBF_BATCH_MAX. */
    memset(bytes, 'q', sizeof bytes);
    append(&f, context, event_of(0, "", bytes, PBF_BATCH_MAX - 2 - 4 - 2 - 4));
    append(&f, context, event_of(0, "", bytes, PBF_BATCH_MAX - 2 - 4 - 2 - 4 + 1));
    pbf_envelope envelope = envelope_of("", "", PBF_BATCH_MAX);
    pbf_frame frame;
    uint8_t *body = test_memory(PBF_BATCH_MAX);

    CHECK_EQUAL(bound(&f, &envelope), PBF_BATCH_MAX);
    take(&f, &envelope, body, PBF_BATCH_MAX, &frame);
    CHECK_EQUAL(frame.size, PBF_BATCH_MAX);
    CHECK_EQUAL(frame.events, 1);
    CHECK_EQUAL(frame.too_large, 1);
    test_free(body, PBF_BATCH_MAX);
    tear_down(&f);
}

/* Telemetry comes last, and only if it fits beside the first event, to the byte. */
static void test_telemetry(void)
{
    static const char with[] = "\x0a\x00\x1a\x05\x0a\x00\x1a\x01p\x22\x02\x08\x0e";
    static const char with_two[] = "\x0a\x00\x1a\x05\x0a\x00\x1a\x01p"
                                   "\x1a\x05\x0a\x00\x1a\x01p\x22\x02\x08\x0e";
    pbf_envelope envelope = envelope_of("", "", PBF_BATCH_MAX);
    fixture f;

    envelope.telemetry = (const uint8_t *)"\x08\x0e";
    envelope.telemetry_length = 2;
    set_up(&f, 0);
    pbf_context_ref context = add_context(&f, NULL, 0);

    check_frame(&f, envelope, 0, 0, NULL, 0);
    append(&f, context, event_of(0, "", "p", 1));
    check_frame(&f, envelope, 1, 0, with, 13);

    append(&f, context, event_of(0, "", "p", 1));
    append(&f, context, event_of(0, "", "p", 1));
    envelope.limit = 19; /* an event goes to the next batch rather than the telemetry */
    check_frame(&f, envelope, 1, 0, with, 13);
    envelope.limit = 13;
    check_frame(&f, envelope, 1, 0, with, 13);
    append(&f, context, event_of(0, "", "p", 1));
    envelope.limit = 12; /* it is left out rather than the event, which would be too large */
    check_frame(&f, envelope, 1, 0, with, 9);

    append(&f, context, event_of(0, "", "p", 1));
    append(&f, context, event_of(0, "", "p", 1));
    envelope.limit = 20;
    check_frame(&f, envelope, 2, 0, with_two, 20);
    append(&f, context, event_of(0, "", "large for this limit", 20));
    check_frame(&f, envelope, 0, 1, NULL, 0);
    tear_down(&f);
}

/* What is recorded after the bound was asked for may not fit; then it waits. A context that is
 * larger than the one before may not fit either. */
static void test_room_ends_the_batch(void)
{
    fixture f;
    pbf_envelope envelope = envelope_of("", "", PBF_BATCH_MAX);
    pbf_frame frame;

    set_up(&f, 0);
    pbf_context_ref small = add_context(&f, NULL, 0), large = add_context(&f, "0123456789", 10);

    append(&f, small, event_of(0, "", NULL, 0));
    append(&f, small, event_of(0, "", NULL, 0));
    for (size_t room = 6; room < 10; room++) {
        uint8_t *body = test_memory(room);

        take(&f, &envelope, body, room, &frame);
        CHECK_EQUAL(frame.events, 1);
        CHECK_EQUAL(frame.size, 6);
        CHECK(memcmp(body, "\x0a\x00\x1a\x02\x0a\x00", 6) == 0);
        test_free(body, room);
        append(&f, small, event_of(0, "", NULL, 0));
    }
    check_frame(&f, envelope, 2, 0, "\x0a\x00\x1a\x02\x0a\x00\x1a\x02\x0a\x00", 10);
    append(&f, large, event_of(0, "", NULL, 0));
    for (size_t room = 0; room < 18; room++) {
        uint8_t *body = test_memory(room);

        take(&f, &envelope, body, room, &frame);
        CHECK_EQUAL(frame.events, 0);
        CHECK_EQUAL(frame.size, 0);
        CHECK_EQUAL(pbf_ring_pending(f.ring), 1);
        test_free(body, room);
    }
    check_frame(&f, envelope, 1, 0, "\x0a\x00\x12\x0a" "0123456789\x1a\x02\x0a\x00", 18);
    tear_down(&f);
}

/* The bound has room for a context that is larger than what is reserved for its event. */
static void test_bound_of_a_large_context(void)
{
    static uint8_t bytes[300], expected[400];
    fixture f;

    memset(bytes, 'c', sizeof bytes);
    memcpy(expected, "\x0a\x00\x12\xac\x02", 5);
    memcpy(expected + 5, bytes, sizeof bytes);
    memcpy(expected + 5 + sizeof bytes, "\x1a\x02\x0a\x00", 4);
    set_up(&f, 0);
    append(&f, add_context(&f, bytes, sizeof bytes), event_of(0, "", NULL, 0));
    check_frame(&f, envelope_of("", "", PBF_BATCH_MAX), 1, 0, expected, 5 + sizeof bytes + 4);
    tear_down(&f);
}

/* A batch of many portions; what was given back early is zero for the next lap. */
static void test_space_comes_back(void)
{
    fixture f;
    pbf_envelope envelope = envelope_of("", "", PBF_BATCH_MAX);
    static uint8_t bytes[1000], expected[PBF_BATCH_MAX];
    size_t size = 2;

    set_up(&f, 0);
    pbf_context_ref context = add_context(&f, NULL, 0);

    memset(bytes, 0xff, sizeof bytes);
    memcpy(expected, "\x0a\x00", 2);
    for (int i = 0; i < 500; i++) {
        append(&f, context, event_of(0, "", bytes, sizeof bytes));
        memcpy(expected + size, "\x1a\xed\x07\x0a\x00\x1a\xe8\x07", 8);
        memcpy(expected + size + 8, bytes, sizeof bytes);
        size += 8 + sizeof bytes;
    }
    check_frame(&f, envelope, 500, 0, expected, size);
    CHECK_EQUAL(pbf_ring_used(f.ring), 0);
    for (size_t at = 0; at < CAPACITY; at += PBF_RING_ALIGN)
        CHECK(memcmp(f.ring->storage + at, "\0\0\0\0\0\0\0", 8) == 0);
    tear_down(&f);
}

int main(void)
{
    test_golden();
    test_golden_of_nothing();
    test_context_change_and_numbers();
    test_limit_to_the_byte();
    test_telemetry();
    test_room_ends_the_batch();
    test_bound_of_a_large_context();
    test_space_comes_back();
    return 0;
}
