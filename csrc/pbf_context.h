/* Context versions: equal bytes are stored once, records name them by slot, nothing is counted.
 *
 * A reference is a slot and the version that was put there; versions are never repeated. It may go
 * stale at any time, so a producer uses it like this:
 *
 *     claim space in the ring ──▶ pbf_context_is_live? ──▶ yes: commit a record that names the slot
 *                                                      └─▶ no: discard, intern again
 *
 * A slot is freed in two steps. Retiring it makes its references stale, and notes the end of what
 * was claimed by then. Once the consumer has released everything up to there, no record names the
 * slot; once no event of it waits in a group either, it is reaped. So it is safe to retire any version at any time; which ones, is a policy.
 *
 * The policy: a version is kept while it is the newest, or was seen within the last two drains, or
 * while something is pending that was pending when it was last seen. After an interning that did
 * not fit the budget, only the last reason counts, until one fits again. Two contexts that are used
 * in turn stay in the table.
 *
 * The bytes belong to the caller, who keeps them unchanged until the slot is reaped. They and
 * PBF_CONTEXT_COST count toward the budget of the ring.
 *
 * Threads: any may call pbf_context_is_live, at any time. The consumer of the ring calls
 * pbf_context_seen and pbf_context_slot_bytes, and, under a lock, pbf_context_end_drain and
 * pbf_context_reap. Whoever interns (pbf_context_find, then pbf_context_add) holds the same lock
 * over both. No producer whose reference is live needs it. Threads may share a reference, if they
 * hand it on with the usual care (a lock, or release and acquire).
 */
#ifndef PBF_CONTEXT_H
#define PBF_CONTEXT_H

#include "pbf_ring.h"

/* Names a version. A zeroed reference names none, and is never live. */
typedef struct {
    uint64_t version;
    uint32_t slot;
} pbf_context_ref;

typedef struct {
    pbf_atomic_u64 version; /* 0 unless live */
    const uint8_t *bytes;
    uint64_t hash;
    uint64_t position;   /* live: may be pending before here; retired: freed from here on */
    uint64_t seen_drain; /* the last drain in which a batch used it */
    uint32_t length;
    uint32_t next_in_list;   /* live, retired or free: a slot is in one list */
    uint32_t next_in_bucket; /* live only */
    uint32_t group;          /* where its events wait, 0 if none does (pbf_group.h) */
} pbf_context_slot;

/* What a version costs beside its bytes. */
#define PBF_CONTEXT_COST sizeof(pbf_context_slot)

typedef struct {
    uint32_t first;
    uint32_t last;
} pbf_context_list;

typedef struct {
    pbf_context_slot *slots;
    uint32_t *buckets;
    uint32_t slot_count;
    uint32_t bucket_count;
    uint32_t untouched; /* the first slot that was never used */
    uint32_t newest;
    uint32_t live_count;
    pbf_context_list live, retired, free;
    uint64_t versions; /* interned so far */
    uint64_t drain;    /* the current one */
    bool squeezed;     /* the last interning did not fit */
} pbf_context_table;

/* Makes an empty table of slots 1 to slot_count - 1, in memory that the caller hands in all zero
 * and keeps: it is touched only as far as it is used. `bucket_count` is a power of two; a quarter
 * of `slot_count` is plenty. With slot_count = 1 + capacity / PBF_CONTEXT_COST, the budget of the
 * ring runs out before the slots do. At most PBF_CONTEXT_MAX_SLOTS. */
void pbf_context_init(pbf_context_table *table, pbf_context_slot *slots, uint32_t slot_count,
                      uint32_t *buckets, uint32_t bucket_count);

#define PBF_CONTEXT_MAX_SLOTS (UINT32_C(1) << 26)

/* Looks for a live version with these bytes, and makes it the newest. False if there is none. */
bool pbf_context_find(pbf_context_table *table, const uint8_t *bytes, uint32_t length,
                      pbf_context_ref *ref) PBF_MUST_CHECK;

/* Adds a version that pbf_context_find has just not found, and makes it the newest.
 * PBF_FULL: no budget or no slot now. PBF_TOO_LARGE: more than the whole ring. */
pbf_status pbf_context_add(pbf_context_table *table, pbf_ring *ring, const uint8_t *bytes,
                           uint32_t length, pbf_context_ref *ref) PBF_MUST_CHECK;

/* Ends a drain: retires the versions that have had their time. */
void pbf_context_end_drain(pbf_context_table *table, const pbf_ring *ring);

/* Frees one retired version that no record names; call it until it returns 0. Returns the slot,
 * whose bytes are the caller's again: pbf_context_slot_bytes returns them until the next add. */
uint32_t pbf_context_reap(pbf_context_table *table, pbf_ring *ring) PBF_MUST_CHECK;

/* Any thread, after it has claimed space: whether a record there may name the version. */
static inline bool pbf_context_is_live(const pbf_context_table *table, pbf_context_ref ref)
{
    /* Sequentially consistent, pairs with the store in `retire`: either we see it, or it comes
     * after our claim, which the retiring thread then sees (pbf_ring_claimed). */
    return pbf_load(&table->slots[ref.slot].version, seq_cst) == ref.version;
}

/* Consumer: notes that a batch used the version. */
void pbf_context_seen(pbf_context_table *table, const pbf_ring *ring, uint32_t slot);

/* Consumer: returns the bytes of a version that a record names which is not yet released. */
static inline const uint8_t *pbf_context_slot_bytes(const pbf_context_table *table, uint32_t slot,
                                                    uint32_t *length)
{
    *length = table->slots[slot].length;
    return table->slots[slot].bytes;
}

#endif
