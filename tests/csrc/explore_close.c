/* The scenario of a ring that is closed, for the interleaving explorer.
 *
 * A producer, a consumer, and a thread that closes the ring. Once that says that all is final,
 * nothing is claimed and nothing committed any more.
 */
#include "explore_ring.h"

typedef struct {
    uint64_t is_final, accepted;
} close_ghost;

static close_ghost *close_ghosts(void)
{
    return (close_ghost *)(void *)explore_ghost;
}

static void set_up_close(void)
{
    pbf_ring_init(ring(), CAPACITY, 0);
    EXPLORE_CHECK(!pbf_ring_is_final(ring()));
}

static int close_owner(const uint64_t *word)
{
    if (word == &ring()->limit)
        return EXPLORE_CONSTANT;
    if (word == &ring()->accepted)
        return 0;
    if (word == &ring()->taken)
        return EXPLORE_PRIVATE + 1;
    return word == &ring()->released ? 1 : EXPLORE_SHARED;
}

static void run_close(int thread)
{
    if (thread == 0) { /* the third record lies where the first did */
        for (uint64_t i = 0; i < 3; i++) {
            pbf_claim claim;
            pbf_status status = pbf_ring_claim(ring(), 24, &claim);

            if (status == PBF_CLOSED)
                return;
            if (status != PBF_OK)
                continue;
            EXPLORE_CHECK(!close_ghosts()->is_final);
            pbf_ring_commit(ring(), &claim, 0);
        }
    } else if (thread == 1) {
        for (int round = 0; round < 2; round++) {
            pbf_cursor cursor = pbf_ring_begin(ring());
            pbf_record record;

            if (pbf_ring_next(ring(), &cursor, &record))
                pbf_ring_release(ring(), &cursor);
            (void)pbf_ring_start_lap(ring(), 0);
        }
    } else {
        pbf_ring_close(ring());
        if (pbf_ring_is_final(ring())) {
            close_ghosts()->accepted = pbf_ring_accepted(ring());
            close_ghosts()->is_final = 1;
        }
    }
}

static void check_close(void)
{
    EXPLORE_CHECK(pbf_ring_is_final(ring()));
    EXPLORE_CHECK(!close_ghosts()->is_final ||
                  close_ghosts()->accepted == pbf_ring_accepted(ring()));
}

void explore_close(void)
{
    run_scenario(&(explore_scenario){
        .name = "close",
        .threads = 3,
        .set_up = set_up_close,
        .run = run_close,
        .check = check_close,
        .owner = close_owner,
    });
}
