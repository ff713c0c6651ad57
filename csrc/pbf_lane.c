/* Lanes of a ring; see pbf_lane.h for the scheme and the contract. */
#include "pbf_lane.h"

#include <sched.h>

#include "pbf_copy.h"

/* A larger record is claimed by itself. */
#define MAX_IN_BLOCK (PBF_BLOCK_BYTES / 4)

static void lock(pbf_lane *lane)
{
    uint64_t held = 0;

    /* Acquire, pairs with the store in `unlock`. */
    while (!pbf_compare_exchange(&lane->lock, &held, 1, acquire)) {
        (void)sched_yield(); /* the holder may not have a processor */
        held = 0;
    }
}

static void unlock(pbf_lane *lane)
{
    /* Release, pairs with the exchange in `lock`: the lane is as we leave it. */
    pbf_store(&lane->lock, 0, release);
}

static void publish(pbf_lane *lane, pbf_ring *ring)
{
    uint64_t cost = PBF_BLOCK_USE * (PBF_BLOCK_BYTES - lane->block.used);

    pbf_block_publish(ring, &lane->block);
    lane->earned -= lane->earned < cost ? lane->earned : cost;
}

/* Puts the record into the block, which has room for it at `place`. */
static pbf_status add(const pbf_lanes *lanes, pbf_lane *lane, unsigned char *place, pbf_ring *ring,
                      const pbf_wake *wake, const pbf_context_table *contexts,
                      pbf_context_ref context, const pbf_event *event)
{
    pbf_block *block = &lane->block;

    if (!pbf_context_is_live(contexts, context)) {
        if (block->records == 0)
            pbf_ring_discard(ring, &block->claim);
        return PBF_STALE;
    }
    pbf_copy(place, event->bytes, event->length);
    pbf_block_add(ring, block, event->length, pbf_record_tag(event, context.slot));

    /* Sequentially consistent, pairs with the store in pbf_wake_arm, as in pbf_wake_due: either we
     * see the mark, or the consumer sees the claim of the block. */
    uint64_t mark = pbf_load(&wake->mark, seq_cst);

    /* Each lane may hold as many. For the first record, this is always true. */
    if (mark != UINT64_MAX && pbf_ring_accepted(ring) + block->records * lanes->count >= mark)
        publish(lane, ring);
    return PBF_OK;
}

pbf_status pbf_lane_append(const pbf_lanes *lanes, uint32_t number, pbf_ring *ring,
                           const pbf_wake *wake, const pbf_context_table *contexts,
                           pbf_context_ref context, const pbf_event *event)
{
    pbf_lane *lane = &lanes->lanes[number % lanes->count];
    pbf_block *block = &lane->block;
    unsigned char *place = NULL;
    pbf_status status;

    lock(lane);
    if (block->records > 0) {
        place = pbf_block_place(block, event->length);
        if (place == NULL)
            publish(lane, ring);
    }
    if (place == NULL && event->length <= MAX_IN_BLOCK &&
        (lanes->always ||
         (lane->earned >= PBF_BLOCK_USE * PBF_BLOCK_BYTES &&
          pbf_ring_claimed(ring) != lane->end)) &&
        pbf_block_open(ring, PBF_BLOCK_BYTES, block) == PBF_OK) {
        place = pbf_block_place(block, event->length);
        lane->end = pbf_ring_claimed(ring);
    }
    if (place != NULL) {
        status = add(lanes, lane, place, ring, wake, contexts, context, event);
    } else { /* there may be room for this one */
        status = pbf_record_append(ring, contexts, context, event);
        lane->end = pbf_ring_claimed(ring);
    }
    if (status == PBF_OK)
        lane->earned += event->length;
    unlock(lane);
    return status;
}

void pbf_lanes_publish(const pbf_lanes *lanes, pbf_ring *ring)
{
    for (uint32_t i = 0; i < lanes->count; i++) {
        lock(&lanes->lanes[i]);
        if (lanes->lanes[i].block.records > 0)
            publish(&lanes->lanes[i], ring);
        unlock(&lanes->lanes[i]);
    }
}
