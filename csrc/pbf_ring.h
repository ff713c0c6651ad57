/* Bounded byte ring: many producers, one consumer, variable-length records, no lock.
 *
 *     producer   claim ──▶ write the payload ──▶ commit (or discard)
 *     consumer   next, next, … ──▶ release
 *
 * Control block and storage are one piece of memory, owned by the caller, without a pointer in it:
 * it may lie anywhere, a mapped file included.
 *
 * A position counts bytes since the start of time and never wraps in practice; the low bits of it
 * are the index into the storage. A record is a header word and the payload, rounded up to
 * PBF_RING_ALIGN, so that a payload of n bytes takes at most n + 23. It never straddles the end of
 * the storage: a rest that is too short for it becomes padding.
 *
 * A header word that is zero is not committed. Whatever a payload held, no stale byte can pass for
 * a header: release zeroes each word where one may start, before it gives the space back.
 */
#ifndef PBF_RING_H
#define PBF_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pbf_atomic.h"
#include "pbf_status.h"

#define PBF_RING_ALIGN UINT64_C(16)
#define PBF_RING_MIN_CAPACITY UINT64_C(64)
#define PBF_RING_MAX_CAPACITY (UINT64_C(1) << 40)

/* Two lines of most processors, since they are prefetched in pairs; one of some. */
#define PBF_CACHE_LINE 128

typedef struct {
    /* Written by producers. They pass `claim` between them anyway, and `accepted` rides along. */
    _Alignas(PBF_CACHE_LINE) pbf_atomic_u64 claim; /* end of what is claimed; flags: see ring.c */
    pbf_atomic_u64 accepted;                       /* records committed, for ever */

    /* Written by the consumer, once a batch; read by producers. */
    _Alignas(PBF_CACHE_LINE) pbf_atomic_u64 released; /* start of what is not yet given back */
    pbf_atomic_u64 taken;                             /* records released, for ever */
    pbf_atomic_u64 limit;                             /* capacity less what is reserved */
    uint64_t capacity;

    _Alignas(PBF_CACHE_LINE) unsigned char storage[];
} pbf_ring;

/* Space that a producer owns until it commits or discards it. */
typedef struct {
    unsigned char *payload;
    uint64_t length;
    uint64_t position;
} pbf_claim;

/* Space for several records, claimed at once by a producer that is not alone, so that it passes the
 * words that all producers write to the others once a block. */
typedef struct {
    pbf_claim claim;
    uint64_t used;    /* bytes of the records in it, headers included */
    uint64_t records; /* in it, none of them published yet */
    uint64_t first;   /* header of the first of them */
} pbf_block;

/* A place in the ring, and how many records lie before it, counted from the first one ever. */
typedef struct {
    uint64_t position;
    uint64_t records;
} pbf_cursor;

/* A committed record; `payload` is valid until it is released. */
typedef struct {
    const unsigned char *payload;
    uint64_t length;
    uint32_t tag;
} pbf_record;

/* -- Set-up ----------------------------------------------------------------------------------- */

/* Returns the capacity for a budget in bytes: the next power of two, at least
 * PBF_RING_MIN_CAPACITY; 0 if that exceeds PBF_RING_MAX_CAPACITY. */
uint64_t pbf_ring_capacity(uint64_t bytes) PBF_MUST_CHECK;

/* Makes an empty ring. The caller hands in sizeof(pbf_ring) + capacity bytes, aligned to
 * PBF_CACHE_LINE and all zero (fresh pages are; they stay untouched here). `capacity` comes from
 * pbf_ring_capacity. `position`, a multiple of PBF_RING_ALIGN, is where counting starts: 0, unless
 * one wants to see what happens at 2^63. */
void pbf_ring_init(pbf_ring *ring, uint64_t capacity, uint64_t position);

/* -- Producers: any number of threads --------------------------------------------------------- */

/* Returns the largest payload that an empty ring takes wherever it stands. */
uint64_t pbf_ring_largest(const pbf_ring *ring) PBF_MUST_CHECK;

/* Claims space for a payload of `length` bytes. PBF_FULL, PBF_TOO_LARGE and PBF_CLOSED
 * claim nothing.
 * The consumer cannot pass a claim: commit or discard it soon, and let nothing fail between. */
pbf_status pbf_ring_claim(pbf_ring *ring, uint64_t length, pbf_claim *claim)
    PBF_MUST_CHECK PBF_HOT_CODE;

/* Makes the claimed record visible to the consumer, with the payload as written, and counts it as
 * accepted. `tag` is the caller's. */
void pbf_ring_commit(pbf_ring *ring, const pbf_claim *claim, uint32_t tag) PBF_HOT_CODE;

/* Gives the claim up. No record appears; the space comes back in its turn. */
void pbf_ring_discard(pbf_ring *ring, const pbf_claim *claim);

/* -- Producers: blocks. A block belongs to one thread at a time ---------------------------------- */

/* Claims a block of so many bytes, a multiple of PBF_RING_ALIGN; otherwise as pbf_ring_claim. */
pbf_status pbf_block_open(pbf_ring *ring, uint64_t bytes, pbf_block *block) PBF_MUST_CHECK;

/* Returns where the payload of the next record goes; NULL if the block has no room for it. */
unsigned char *pbf_block_place(const pbf_block *block, uint64_t length) PBF_MUST_CHECK;

/* Adds the record whose payload is written there. */
void pbf_block_add(pbf_ring *ring, pbf_block *block, uint64_t length, uint32_t tag);

/* Makes the records visible to the consumer, which cannot pass the block before, and counts them
 * as accepted. There is at least one, or else the claim is discarded instead. What is left of the
 * block comes back in its turn; `records` is 0 then. */
void pbf_block_publish(pbf_ring *ring, pbf_block *block);

/* -- Close: any thread ------------------------------------------------------------------------ */

/* Lets no claim succeed from now on. Those that did before go on; see pbf_ring_is_final. */
void pbf_ring_close(pbf_ring *ring);

/* After pbf_ring_close, in the same thread: whether all that was claimed is now committed or
 * discarded, so that no record appears any more, and pbf_ring_accepted has its last value. A claim is
 * never held for long: repeat until it is true. */
bool pbf_ring_is_final(const pbf_ring *ring) PBF_MUST_CHECK;

/* -- Consumer: one thread at a time ----------------------------------------------------------- */

/* Returns a cursor at the oldest record that is not released. */
pbf_cursor pbf_ring_begin(const pbf_ring *ring) PBF_MUST_CHECK;

/* Reads the record at the cursor and moves past it. False at the end of what is committed, in an
 * unbroken row, so far; the cursor may then have moved past padding, and can be used again. */
bool pbf_ring_next(const pbf_ring *ring, pbf_cursor *cursor, pbf_record *record) PBF_MUST_CHECK;

/* Gives back all that lies before the cursor, read or not. */
void pbf_ring_release(pbf_ring *ring, const pbf_cursor *cursor);

/* If all is released and the ring stands at index `past` or further, goes on from index 0; returns
 * whether it did. So a large ring that never holds much touches only its first pages. Producers
 * find as much room as ever, at each moment. */
bool pbf_ring_start_lap(pbf_ring *ring, uint64_t past);

/* -- Budget: one caller at a time ------------------------------------------------------------- */

/* Takes `bytes` of the ring's budget for what is kept elsewhere on its behalf; false if records
 * hold too much of it now. A claim that runs at the same time may still go by the old budget. */
bool pbf_ring_reserve(pbf_ring *ring, uint64_t bytes) PBF_MUST_CHECK;

/* Takes `bytes` of the ring's budget, even if records hold them now: then no claim succeeds until
 * enough is released. Returns how many it took: all, unless there is less budget left. */
uint64_t pbf_ring_charge(pbf_ring *ring, uint64_t bytes) PBF_MUST_CHECK;

/* Gives back what was reserved or charged. */
void pbf_ring_unreserve(pbf_ring *ring, uint64_t bytes);

/* -- Figures: any thread ---------------------------------------------------------------------- */

/* Returns how many records were ever committed. */
uint64_t pbf_ring_accepted(const pbf_ring *ring) PBF_MUST_CHECK PBF_HOT_CODE;

/* Returns how many records are committed and not released. Never negative; it may be too many
 * while others run, and is exact when they do not. */
uint64_t pbf_ring_pending(const pbf_ring *ring) PBF_MUST_CHECK;

/* Returns how many bytes are claimed and not released, headers and padding included. Never more
 * than the capacity; otherwise as above. */
uint64_t pbf_ring_used(const pbf_ring *ring) PBF_MUST_CHECK;

/* Returns the end of what is claimed: all that is tracked by now lies before it. Sequentially
 * consistent with the claims (pbf_context.h needs that). */
uint64_t pbf_ring_claimed(const pbf_ring *ring) PBF_MUST_CHECK;

#endif
