/* Records: the room that an event takes, and what is refused.
 *
 * Links: pbf_ring pbf_context pbf_encode pbf_record pbf_number pbf_group pbf_frame
 */
#include "frame.h"

static void check_encoded(test_event from, const char *golden, size_t length, uint32_t common)
{
    for (size_t room = 0; room <= length + 1; room++) {
        uint8_t *buffer = test_memory(room);
        pbf_event event;

        CHECK_EQUAL(encode(buffer, room, &from, &event), room < length ? PBF_FULL : PBF_OK);
        if (room >= length) {
            CHECK_EQUAL(event.length, length);
            CHECK_EQUAL(event.common_length, common);
            CHECK_EQUAL(event.has_session, from.has_session);
            CHECK(memcmp(event.bytes, golden, length) == 0);
        }
        test_free(buffer, room);
    }
}

static void test_encoding_takes_the_room_that_it_needs(void)
{
    check_encoded(in_session(event_of(-1, "head", "payload", 7), INT64_MIN),
                  "\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                  "\x12\x04head\x1a\x07payload", 28, 13);
    check_encoded(event_of(0, "h", "payload", 7), "\x12\x01h\x1a\x07payload", 12, 0);
}

/* The limit is that of a body, for header and payload together. */
static void test_encoding_refuses_what_is_too_large(void)
{
    static uint8_t bytes[PBF_BATCH_MAX + 1], buffer[PBF_BATCH_MAX + PBF_EVENT_OVERHEAD];
    test_event from = event_of(1, "", bytes, sizeof bytes);
    pbf_event event;

    CHECK_EQUAL(encode(buffer, sizeof buffer, &from, &event), PBF_TOO_LARGE);
    from.payload_length = PBF_BATCH_MAX;
    CHECK_EQUAL(encode(buffer, sizeof buffer, &from, &event), PBF_OK);
    from.header = bytes;
    from.header_length = 1;
    CHECK_EQUAL(encode(buffer, sizeof buffer, &from, &event), PBF_TOO_LARGE);
    from.payload_length = PBF_BATCH_MAX - 1;
    CHECK_EQUAL(encode(buffer, sizeof buffer, &from, &event), PBF_OK);
    from.payload_length = 0;
    from.header_length = SIZE_MAX;
    CHECK_EQUAL(encode(buffer, sizeof buffer, &from, &event), PBF_TOO_LARGE);
}

static void test_append_refuses(void)
{
    fixture f;
    static const uint8_t bytes[CAPACITY];
    pbf_event event = {.bytes = bytes, .length = sizeof bytes};

    set_up(&f, 0);
    pbf_context_ref context = add_context(&f, "ctx", 3), stale = {context.version + 1, context.slot};

    CHECK_EQUAL(pbf_record_append(f.ring, &f.contexts, context, &event), PBF_TOO_LARGE);
    event.length = 3;
    CHECK_EQUAL(pbf_record_append(f.ring, &f.contexts, stale, &event), PBF_STALE);
    CHECK_EQUAL(pbf_record_append(f.ring, &f.contexts, (pbf_context_ref){0}, &event), PBF_STALE);
    CHECK_EQUAL(pbf_ring_accepted(f.ring), 0);
    CHECK(pbf_ring_reserve(f.ring, CAPACITY - pbf_ring_used(f.ring) - 3 - PBF_CONTEXT_COST));
    CHECK_EQUAL(pbf_record_append(f.ring, &f.contexts, context, &event), PBF_FULL);
    CHECK_EQUAL(pbf_record_append(f.ring, &f.contexts, stale, &event), PBF_FULL);

    /* What was discarded is released when something is looked for. */
    CHECK_EQUAL(pbf_frame_evict(f.ring, &f.contexts, &f.numbering, &f.framing, 1), 0);
    CHECK_EQUAL(pbf_ring_used(f.ring), 0);
    tear_down(&f);
}

int main(void)
{
    test_encoding_takes_the_room_that_it_needs();
    test_encoding_refuses_what_is_too_large();
    test_append_refuses();
    return 0;
}
