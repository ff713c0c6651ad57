/* Session numbers: which records they count, what a restart concerns, and its memory.
 *
 * Links: pbf_ring pbf_number
 */
#include "pbf_number.h"
#include "test.h"

enum { CAPACITY = 1 << 12, SESSION = 1 << 5 };

typedef struct {
    pbf_ring *ring;
    pbf_numbering numbering;
} fixture;

static void set_up(fixture *f, size_t room)
{
    f->ring = test_memory(sizeof *f->ring + CAPACITY);
    pbf_ring_init(f->ring, CAPACITY, (UINT64_C(1) << 63) - CAPACITY / 2);
    f->numbering = (pbf_numbering){.restart_room = room,
                                   .restarts = test_memory(room * sizeof(pbf_restart))};
}

static void tear_down(fixture *f)
{
    test_free(f->numbering.restarts, f->numbering.restart_room * sizeof(pbf_restart));
    test_free(f->ring, sizeof *f->ring + CAPACITY);
}

static pbf_claim claim(fixture *f)
{
    pbf_claim found;

    CHECK_EQUAL(pbf_ring_claim(f->ring, 8, &found), PBF_OK);
    return found;
}

static void put(fixture *f, uint32_t tag)
{
    pbf_claim record = claim(f);

    pbf_ring_commit(f->ring, &record, tag);
}

static void discard(fixture *f)
{
    pbf_claim record = claim(f);

    pbf_ring_discard(f->ring, &record);
}

static void restart(fixture *f, int64_t number)
{
    CHECK(pbf_number_restart(&f->numbering, f->ring, number));
}

/* Reads so many records and gives them back; returns the number after the last. */
static int64_t take(fixture *f, int count)
{
    pbf_cursor cursor = pbf_ring_begin(f->ring);
    pbf_record record;

    for (; count > 0; count--) {
        CHECK(pbf_ring_next(f->ring, &cursor, &record));
        f->numbering.last = pbf_number_of(&f->numbering, &cursor, &record);
    }
    pbf_ring_release(f->ring, &cursor);
    return f->numbering.last;
}

static int64_t last(fixture *f)
{
    int64_t number;

    CHECK(pbf_number_last(&f->numbering, f->ring, pbf_ring_claimed(f->ring), &number));
    return number;
}

static void test_sessions_only(void)
{
    fixture f;

    set_up(&f, 1);
    CHECK_EQUAL(last(&f), 0);
    put(&f, 0);
    CHECK_EQUAL(last(&f), 0);
    put(&f, SESSION);
    put(&f, 0);
    discard(&f);
    put(&f, SESSION);
    CHECK_EQUAL(last(&f), 2); /* read or not */
    CHECK_EQUAL(take(&f, 2), 1);
    CHECK_EQUAL(last(&f), 2);
    CHECK_EQUAL(take(&f, 2), 2);
    CHECK_EQUAL(last(&f), 2);
    tear_down(&f);
}

/* Records before it keep their numbers, whenever they are read; discarded ones are none. */
static void test_restart(void)
{
    fixture f;

    set_up(&f, 4);
    restart(&f, 6); /* on an empty ring */
    CHECK_EQUAL(last(&f), 6);
    put(&f, SESSION);
    put(&f, SESSION);
    discard(&f);
    restart(&f, 0);
    discard(&f);
    put(&f, SESSION);
    restart(&f, 100);
    CHECK_EQUAL(last(&f), 100);
    CHECK_EQUAL(take(&f, 1), 7);
    CHECK_EQUAL(last(&f), 100);
    CHECK_EQUAL(take(&f, 1), 8);
    CHECK_EQUAL(take(&f, 1), 1);
    CHECK_EQUAL(last(&f), 100);
    put(&f, 0);
    put(&f, SESSION);
    CHECK_EQUAL(last(&f), 101);
    CHECK_EQUAL(take(&f, 2), 101);
    CHECK_EQUAL(last(&f), 101);
    tear_down(&f);
}

/* A full ring, and a record that is at the start of it after padding. */
static void test_edges_of_the_ring(void)
{
    fixture f;
    int count = 0;
    pbf_claim large;

    set_up(&f, 2);
    for (int i = 0; i < CAPACITY / 16; i++)
        put(&f, SESSION);
    CHECK_EQUAL(last(&f), CAPACITY / 16);
    restart(&f, 0);
    CHECK_EQUAL(take(&f, CAPACITY / 16), CAPACITY / 16);
    CHECK_EQUAL(last(&f), 0);
    for (; count < CAPACITY / 32 - 1; count++)
        put(&f, SESSION);
    restart(&f, 1000);
    CHECK_EQUAL(pbf_ring_claim(f.ring, 40, &large), PBF_OK); /* does not fit before the end */
    pbf_ring_commit(f.ring, &large, SESSION);
    CHECK_EQUAL(last(&f), 1001);
    CHECK_EQUAL(take(&f, count), count);
    CHECK_EQUAL(take(&f, 1), 1001);
    tear_down(&f);
}

/* While a claim is neither committed nor discarded, what follows it cannot be counted. */
static void test_open_claim(void)
{
    fixture f;
    int64_t number;

    set_up(&f, 1);
    for (int discarded = 0; discarded < 2; discarded++) {
        pbf_claim open = claim(&f);

        put(&f, SESSION);
        CHECK(!pbf_number_last(&f.numbering, f.ring, pbf_ring_claimed(f.ring), &number));
        if (discarded)
            pbf_ring_discard(f.ring, &open);
        else
            pbf_ring_commit(f.ring, &open, SESSION);
        CHECK_EQUAL(last(&f), discarded ? 3 : 2);
    }
    tear_down(&f);
}

/* A restart that concerns no record makes way; memory that was used up is used again. */
static void test_memory_of_restarts(void)
{
    fixture f;

    set_up(&f, 0);
    CHECK(!pbf_number_restart(&f.numbering, f.ring, 5));
    CHECK_EQUAL(last(&f), 0);
    tear_down(&f);

    set_up(&f, 4);
    for (int i = 0; i < 10; i++)
        restart(&f, i);
    CHECK_EQUAL(last(&f), 9);
    put(&f, SESSION);
    CHECK_EQUAL(take(&f, 1), 10);
    for (int i = 1; i < 4; i++) {
        restart(&f, 10 * i);
        put(&f, SESSION);
    }
    CHECK(!pbf_number_restart(&f.numbering, f.ring, 40)); /* one of four is free: not worth it */
    CHECK_EQUAL(last(&f), 31);
    CHECK_EQUAL(take(&f, 2), 21);
    restart(&f, 40);
    restart(&f, 50);
    put(&f, SESSION);
    CHECK_EQUAL(last(&f), 51);
    CHECK_EQUAL(take(&f, 1), 31);
    CHECK_EQUAL(take(&f, 1), 51);
    tear_down(&f);

    /* What lies before that memory is none of its business. */
    set_up(&f, 2);
    f.numbering.restarts[0].position = pbf_ring_claimed(f.ring);
    f.numbering.restarts++;
    f.numbering.restart_room = 1;
    restart(&f, 7);
    CHECK_EQUAL(f.numbering.restart_count, 1);
    f.numbering.restarts--;
    f.numbering.restart_room = 2;
    tear_down(&f);
}

int main(void)
{
    test_sessions_only();
    test_restart();
    test_edges_of_the_ring();
    test_open_claim();
    test_memory_of_restarts();
    return 0;
}
