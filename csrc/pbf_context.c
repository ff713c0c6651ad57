/* Context versions; see pbf_context.h for the scheme and the contract. */
#include "pbf_context.h"

#include <string.h>

enum { DRAINS_KEPT = 2 };

/* How many live versions a drain may look at in vain; the next one goes on from there. */
enum { LOOKS_IN_VAIN = 64 };

static void append(pbf_context_table *table, pbf_context_list *list, uint32_t slot)
{
    table->slots[slot].next_in_list = 0;
    if (list->first == 0)
        list->first = slot;
    else
        table->slots[list->last].next_in_list = slot;
    list->last = slot;
}

static uint32_t take_first(const pbf_context_table *table, pbf_context_list *list)
{
    uint32_t slot = list->first;

    list->first = table->slots[slot].next_in_list; /* slot 0, of an empty list, leads to itself */
    return slot;
}

/* Spreads well enough for a table; equality is decided by the bytes. */
static uint64_t hash_of(const uint8_t *bytes, uint32_t length)
{
    uint64_t hash = length;

    while (length > 0) {
        uint64_t word = 0;
        uint32_t step = length < sizeof word ? length : sizeof word;

        memcpy(&word, bytes, step);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
        bytes += step;
        length -= step;
    }
    return hash;
}

static uint32_t *bucket_of(const pbf_context_table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static uint64_t cost_of(uint32_t length)
{
    return PBF_CONTEXT_COST + (uint64_t)length;
}

void pbf_context_init(pbf_context_table *table, pbf_context_slot *slots, uint32_t slot_count,
                      uint32_t *buckets, uint32_t bucket_count)
{
    *table = (pbf_context_table){
        .slots = slots,
        .slot_count = slot_count,
        .buckets = buckets,
        .bucket_count = bucket_count,
        .untouched = 1,
    };
    /* Relaxed: nobody else has the table yet. No reference has this version, so that none, a zeroed
     * one included, is ever live in slot 0. */
    pbf_store(&slots[0].version, UINT64_MAX, relaxed);
}

bool pbf_context_find(pbf_context_table *table, const uint8_t *bytes, uint32_t length,
                      pbf_context_ref *ref)
{
    uint64_t hash = hash_of(bytes, length);
    uint32_t next;

    for (uint32_t slot = *bucket_of(table, hash); slot != 0; slot = next) {
        const pbf_context_slot *found = &table->slots[slot];

        next = found->next_in_bucket;
        if (found->hash == hash && found->length == length &&
            (length == 0 || memcmp(found->bytes, bytes, length) == 0)) {
            /* Relaxed: written under the lock that the caller holds. */
            *ref = (pbf_context_ref){pbf_load(&found->version, relaxed), slot};
            table->newest = slot;
            return true;
        }
    }
    return false;
}

pbf_status pbf_context_add(pbf_context_table *table, pbf_ring *ring, const uint8_t *bytes,
                           uint32_t length, pbf_context_ref *ref)
{
    if (cost_of(length) > ring->capacity)
        return PBF_TOO_LARGE;

    bool has_slot = table->free.first != 0 || table->untouched < table->slot_count;

    table->squeezed = !has_slot || !pbf_ring_reserve(ring, cost_of(length));
    if (table->squeezed)
        return PBF_FULL;

    uint32_t index = take_first(table, &table->free);

    if (index == 0)
        index = table->untouched++;

    pbf_context_slot *slot = &table->slots[index];
    uint32_t *bucket;

    slot->bytes = bytes;
    slot->length = length;
    slot->hash = hash_of(bytes, length);
    slot->position = pbf_ring_claimed(ring);
    slot->seen_drain = table->drain;
    bucket = bucket_of(table, slot->hash);
    slot->next_in_bucket = *bucket;
    *bucket = index;
    append(table, &table->live, index);
    table->live_count++;
    table->newest = index;
    *ref = (pbf_context_ref){++table->versions, index};

    /* Relaxed: whoever has the reference has it from here, and so sees the slot filled. */
    pbf_store(&slot->version, ref->version, relaxed);
    return PBF_OK;
}

static void retire(pbf_context_table *table, const pbf_ring *ring, uint32_t index)
{
    pbf_context_slot *slot = &table->slots[index];
    uint32_t *link = bucket_of(table, slot->hash);

    while (*link != index)
        link = &table->slots[*link].next_in_bucket;
    *link = slot->next_in_bucket;

    /* Sequentially consistent, pairs with the load in pbf_context_is_live; before we look at the
     * claim, also sequentially consistent: who claims after that look finds the version gone. */
    pbf_store(&slot->version, 0, seq_cst);
    slot->position = pbf_ring_claimed(ring);
    append(table, &table->retired, index);
}

/* Positions are compared by difference, which holds across 2^64. */
static bool is_past(uint64_t position, uint64_t mark)
{
    return (int64_t)(position - mark) >= 0;
}

void pbf_context_end_drain(pbf_context_table *table, const pbf_ring *ring)
{
    uint64_t read = pbf_ring_begin(ring).position;
    uint32_t in_vain = 0;

    table->drain++;
    for (uint32_t n = table->live_count; n > 0 && in_vain < LOOKS_IN_VAIN; n--) {
        uint32_t index = take_first(table, &table->live);
        const pbf_context_slot *slot = &table->slots[index];
        bool in_use = index == table->newest || table->drain - slot->seen_drain <= DRAINS_KEPT;

        if (!is_past(read, slot->position) || (in_use && !table->squeezed)) {
            append(table, &table->live, index);
            in_vain++;
        } else {
            table->live_count--;
            retire(table, ring, index);
        }
    }
}

uint32_t pbf_context_reap(pbf_context_table *table, pbf_ring *ring)
{
    uint32_t index = table->retired.first;

    if (index == 0 || table->slots[index].group != 0 ||
        !is_past(pbf_ring_begin(ring).position, table->slots[index].position))
        return 0;

    index = take_first(table, &table->retired);
    pbf_ring_unreserve(ring, cost_of(table->slots[index].length));
    append(table, &table->free, index);
    return index;
}

void pbf_context_seen(pbf_context_table *table, const pbf_ring *ring, uint32_t slot)
{
    /* If it is retired by now, it is freed a little later for this, which does no harm. */
    table->slots[slot].seen_drain = table->drain;
    table->slots[slot].position = pbf_ring_claimed(ring);
}
