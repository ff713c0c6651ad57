/* Framing of random events against a naive framer, which measures a batch by writing it.
 *
 * Links: pbf_ring pbf_context pbf_encode pbf_record pbf_number pbf_group pbf_frame
 */
#include "frame.h"

#ifndef SCALE
#define SCALE 1
#endif

static size_t naive_varint(uint8_t *out, uint64_t value)
{
    size_t length = 0;

    for (; value >= 128; value /= 128)
        out[length++] = (uint8_t)(value % 128 + 128);
    out[length++] = (uint8_t)value;
    return length;
}

static size_t naive_sint(uint8_t *out, uint8_t tag, int64_t value)
{
    out[0] = tag;
    return 1 + naive_varint(out + 1, value < 0 ? ~(uint64_t)value * 2 + 1 : (uint64_t)value * 2);
}

static size_t naive_bytes(uint8_t *out, uint8_t tag, const void *bytes, size_t length)
{
    size_t at = 0;

    out[at++] = tag;
    at += naive_varint(out + at, length);
    if (length > 0)
        memcpy(out + at, bytes, length);
    return at + length;
}

static size_t naive_event(uint8_t *out, const test_event *event, uint64_t number)
{
    static uint8_t message[8192];
    uint8_t common[64];
    size_t at = 0, length = 0;

    if (event->event_ts != 0)
        at += naive_sint(common + at, 0x08, event->event_ts);
    if (event->has_session) {
        at += naive_sint(common + at, 0x10, event->session_id);
        at += naive_sint(common + at, 0x18, (int64_t)number);
    }
    length += naive_bytes(message, 0x0a, common, at);
    if (event->header_length > 0)
        length += naive_bytes(message + length, 0x12, event->header, event->header_length);
    if (event->payload_length > 0)
        length += naive_bytes(message + length, 0x1a, event->payload, event->payload_length);
    return naive_bytes(out, 0x1a, message, length);
}

enum { RANDOM_EVENTS = 600, RANDOM_CONTEXTS = 4, LIMIT = 6000 };

/* Events of all shapes; batches are cut where the naive framer cuts them, with the same bytes. */
static void test_against_naive_framer(uint64_t seed)
{
    static uint8_t noise[5000], body[2 * LIMIT + 8192], contexts[RANDOM_CONTEXTS][300];
    static test_event events[RANDOM_EVENTS];
    static uint32_t context_of[RANDOM_EVENTS];
    static uint64_t numbers[RANDOM_EVENTS];
    pbf_context_ref refs[RANDOM_CONTEXTS];
    uint64_t state = seed, number = 0;
    pbf_envelope envelope = envelope_of("0190f8a4-0000-7000-8000-000000000000", "batch", LIMIT);
    fixture f;

    set_up(&f, (UINT64_C(1) << 63) - CAPACITY / 8);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)test_random(&state);
    for (uint32_t i = 0; i < RANDOM_CONTEXTS; i++) {
        memset(contexts[i], (int)i, sizeof contexts[i]);
        refs[i] = add_context(&f, contexts[i], i * 100);
    }
    for (int i = 0; i < RANDOM_EVENTS; i++) {
        uint64_t dice = test_random(&state);
        size_t most = dice % 32 == 0 ? sizeof noise : dice % 4 == 0 ? 300 : 20;

        events[i] = (test_event){
            .event_ts = (int64_t)(test_random(&state) >> dice % 64),
            .has_session = dice >> 20 & 1,
            .session_id = (int64_t)test_random(&state) >> (dice >> 8) % 64,
            .header = noise,
            .header_length = (dice >> 24) % 3 == 0 ? 0 : (dice >> 32) % 40,
            .payload = noise,
            .payload_length = test_random(&state) % most,
        };
        if (i > 0 && dice >> 58 != 0)
            context_of[i] = context_of[i - 1];
        else
            context_of[i] = (uint32_t)(dice >> 40) % RANDOM_CONTEXTS;
        if (dice >> 59 == 1) {
            number = test_random(&state) >> (dice >> 8) % 62 >> 2;
            CHECK(pbf_number_restart(&f.numbering, f.ring, (int64_t)number));
        }
        numbers[i] = events[i].has_session ? ++number : 0;
        append(&f, refs[context_of[i]], events[i]);
    }

    /* All that are marked at once: by contexts, in the order of their first events that fit, the
     * next one when the last one has no more. */
    static bool is_done[RANDOM_EVENTS];
    uint64_t left_out = 0, expected_left_out = 0, taken = 0;
    int context = -1;

    memset(is_done, 0, sizeof is_done);
    for (;;) {
        size_t size = 0;
        uint64_t count = 0;

        for (int next = 0; next < RANDOM_EVENTS; next++) {
            if (is_done[next])
                continue;

            static uint8_t event[8192];
            size_t length = naive_event(event, &events[next], numbers[next]);
            uint8_t common[64], head[512];
            size_t empty = naive_bytes(common, 0x0a, envelope.instance_id,
                                       envelope.instance_id_length);

            empty += naive_bytes(common + empty, 0x12, envelope.batch_id, envelope.batch_id_length);
            empty = naive_bytes(head, 0x0a, common, empty);
            if (context_of[next] > 0)
                empty += naive_bytes(head + empty, 0x12, contexts[context_of[next]],
                                     context_of[next] * 100);
            if (empty + length > LIMIT) {
                expected_left_out++;
                is_done[next] = true;
                continue;
            }
            if (context < 0)
                context = (int)context_of[next];
            if ((int)context_of[next] != context)
                continue;
            if (count == 0) {
                memcpy(body, head, empty);
                size = empty;
            }
            if (size + length > LIMIT)
                break;
            memcpy(body + size, event, length);
            size += length;
            count++;
            is_done[next] = true;
        }
        if (count == 0 && context < 0)
            break;
        if (count == 0) {
            context = -1;
            continue;
        }

        size_t room = bound(&f, &envelope);
        uint8_t *written = test_memory(room);
        pbf_frame frame;

        take(&f, &envelope, written, room, &frame);
        CHECK_EQUAL(frame.events, count);
        CHECK_EQUAL(frame.size, size);
        CHECK(memcmp(written, body, size) == 0);
        test_free(written, room);
        left_out += frame.too_large;
        taken += frame.events;
        CHECK_EQUAL(pbf_frame_taken(f.ring, &f.framing), taken + left_out);
    }
    CHECK_EQUAL(left_out, expected_left_out);
    CHECK(pbf_frame_is_done(f.ring, &f.framing));
    CHECK_EQUAL(f.framing.groups.used, 0);
    CHECK_EQUAL(pbf_ring_used(f.ring), 0);
    check_frame(&f, envelope, 0, 0, NULL, 0);
    tear_down(&f);
}

int main(void)
{
    for (uint64_t seed = 1; seed <= 100 / SCALE; seed++)
        test_against_naive_framer(seed * 0x9e3779b97f4a7c15);
    return 0;
}
