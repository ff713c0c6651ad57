/* Bounded byte ring; see pbf_ring.h for the layout and the contract. */
#include "pbf_ring.h"

#include <assert.h>

/* A header word: what it is, how long the payload is, and the caller's tag. */
enum { KIND_RECORD = 1, KIND_PADDING = 2 };

#define KIND_MASK UINT64_C(3)
#define LENGTH_SHIFT 2
#define LENGTH_MASK ((UINT64_C(1) << 30) - 1)
#define TAG_SHIFT 32
#define HEADER_LEN UINT64_C(8)

_Static_assert(KIND_PADDING <= KIND_MASK && KIND_MASK >> LENGTH_SHIFT == 0,
               "kind and length do not overlap");
_Static_assert(LENGTH_MASK << LENGTH_SHIFT >> TAG_SHIFT == 0, "nor do length and tag");
_Static_assert(HEADER_LEN <= PBF_RING_ALIGN, "padding has room for a header");

/* Bit 0 of `claim`: the lap in which the position lies was begun early, on an empty ring, so that
 * all before it is free, even if `released` does not say so yet. Without it, a producer that comes
 * between the two stores of pbf_ring_start_lap would take an empty ring for a full one. */
#define EARLY_LAP UINT64_C(1)

/* Bit 1 of `claim`: the ring is closed. In the word that a claim exchanges, so that each claim comes
 * wholly before the close or not at all. */
#define CLOSED UINT64_C(2)

#define FLAGS (EARLY_LAP | CLOSED)

_Static_assert(FLAGS < PBF_RING_ALIGN, "positions leave the bits of the flags free");
_Static_assert(PBF_RING_MIN_CAPACITY / 2 >= PBF_RING_ALIGN, "half of a ring holds a record");

static uint64_t header_word(uint64_t kind, uint64_t length, uint32_t tag)
{
    return (uint64_t)tag << TAG_SHIFT | length << LENGTH_SHIFT | kind;
}

static uint64_t span_of(uint64_t length)
{
    return (HEADER_LEN + length + PBF_RING_ALIGN - 1) & ~(PBF_RING_ALIGN - 1);
}

static unsigned char *bytes_at(const pbf_ring *ring, uint64_t position)
{
    return (unsigned char *)ring->storage + (position & (ring->capacity - 1));
}

static pbf_atomic_u64 *header_at(const pbf_ring *ring, uint64_t position)
{
    return (pbf_atomic_u64 *)(void *)bytes_at(ring, position);
}

/* Returns the bytes between `released` and the claim, both loaded before, in this order: the
 * claim is then the later one, and the difference cannot be negative. */
static uint64_t used_bytes(const pbf_ring *ring, uint64_t released, uint64_t claim)
{
    uint64_t position = claim & ~FLAGS;
    uint64_t in_lap = position & (ring->capacity - 1);
    uint64_t used = position - released;

    return (claim & EARLY_LAP) && in_lap < used ? in_lap : used;
}

uint64_t pbf_ring_capacity(uint64_t bytes)
{
    uint64_t capacity = PBF_RING_MIN_CAPACITY;

    if (bytes > PBF_RING_MAX_CAPACITY)
        return 0;
    while (capacity < bytes)
        capacity *= 2;
    return capacity;
}

void pbf_ring_init(pbf_ring *ring, uint64_t capacity, uint64_t position)
{
    assert(capacity >= PBF_RING_MIN_CAPACITY && (capacity & (capacity - 1)) == 0);
    assert(position % PBF_RING_ALIGN == 0);

    /* Relaxed, all five: nobody else has the ring yet. */
    pbf_store(&ring->claim, position, relaxed);
    pbf_store(&ring->accepted, 0, relaxed);
    pbf_store(&ring->released, position, relaxed);
    pbf_store(&ring->taken, 0, relaxed);
    pbf_store(&ring->limit, capacity, relaxed);
    ring->capacity = capacity;
}

uint64_t pbf_ring_largest(const pbf_ring *ring)
{
    /* Half: what is left before the end is then either enough, or small enough to be padded. */
    uint64_t half = ring->capacity / 2;

    return (half > LENGTH_MASK ? LENGTH_MASK + 1 : half) - HEADER_LEN;
}

pbf_status pbf_ring_claim(pbf_ring *ring, uint64_t length, pbf_claim *claim)
{
    if (length > pbf_ring_largest(ring))
        return PBF_TOO_LARGE;

    uint64_t mask = ring->capacity - 1;
    uint64_t span = span_of(length);
    uint64_t position, padding;

    for (;;) {
        /* Acquire, pairs with the release store in pbf_ring_release: the consumer has read and
         * zeroed what we overwrite. First, so that the claim is not older: see used_bytes. */
        uint64_t released = pbf_load(&ring->released, acquire);

        /* Relaxed: the exchange below fails if this is out of date. */
        uint64_t word = pbf_load(&ring->claim, relaxed);

        if (word & CLOSED)
            return PBF_CLOSED;

        /* Relaxed: a budget orders nothing. */
        uint64_t limit = pbf_load(&ring->limit, relaxed);
        uint64_t used = used_bytes(ring, released, word);

        position = word & ~EARLY_LAP;
        uint64_t to_end = ring->capacity - (position & mask);

        padding = span > to_end ? to_end : 0;
        /* Padding needs room but costs no budget: an empty ring takes all that fits the budget. */
        if (used + padding + span > ring->capacity || used + span > limit) {
            /* Relaxed: if the consumer has gone on between our two loads, so that they never were
             * true together, we look again. */
            if (pbf_load(&ring->released, relaxed) == released)
                return PBF_FULL;
            continue;
        }

        uint64_t next = position + padding + span;

        if ((next & ~mask) == (position & ~mask))
            next |= word & EARLY_LAP; /* still the same lap */

        /* Sequentially consistent, pairs with the load in pbf_ring_claimed: a producer that claims
         * and then validates its context, and a consumer that retires it and then looks at the
         * claim, cannot miss each other. Acquires, too, from the release exchange in
         * pbf_ring_start_lap, where EARLY_LAP stands in for `released`. */
        if (pbf_compare_exchange(&ring->claim, &word, next, seq_cst))
            break;
    }

    if (padding > 0) {
        /* Release, pairs with the acquire load in pbf_ring_next: who claims this word in the next
         * lap overwrites it after us. */
        pbf_store(header_at(ring, position), header_word(KIND_PADDING, padding - HEADER_LEN, 0),
                  release);
    }
    claim->position = position + padding;
    claim->length = length;
    claim->payload = bytes_at(ring, claim->position) + HEADER_LEN;
    return PBF_OK;
}

void pbf_ring_commit(pbf_ring *ring, const pbf_claim *claim, uint32_t tag)
{
    /* Relaxed: the store below publishes it. Before that store, so that no record is ever released
     * that is not yet counted. */
    pbf_fetch_add(&ring->accepted, 1, relaxed);

    /* Release, pairs with the acquire load in pbf_ring_next: the payload is there. */
    pbf_store(header_at(ring, claim->position), header_word(KIND_RECORD, claim->length, tag),
              release);
}

void pbf_ring_discard(pbf_ring *ring, const pbf_claim *claim)
{
    /* Release, pairs with the acquire load in pbf_ring_next: as for a record, since the payload
     * may be half written, and its space goes to somebody else. */
    pbf_store(header_at(ring, claim->position), header_word(KIND_PADDING, claim->length, 0),
              release);
}

pbf_status pbf_block_open(pbf_ring *ring, uint64_t bytes, pbf_block *block)
{
    block->used = block->records = 0;
    return pbf_ring_claim(ring, bytes - HEADER_LEN, &block->claim);
}

unsigned char *pbf_block_place(const pbf_block *block, uint64_t length)
{
    uint64_t bytes = HEADER_LEN + block->claim.length;

    return span_of(length) > bytes - block->used ? NULL : block->claim.payload + block->used;
}

void pbf_block_add(pbf_ring *ring, pbf_block *block, uint64_t length, uint32_t tag)
{
    uint64_t header = header_word(KIND_RECORD, length, tag);

    if (block->records++ == 0)
        block->first = header; /* kept back: until it is there, nobody reads the others */
    else
        /* Relaxed: the release store in pbf_block_publish publishes it. */
        pbf_store(header_at(ring, block->claim.position + block->used), header, relaxed);
    block->used += span_of(length);
}

void pbf_block_publish(pbf_ring *ring, pbf_block *block)
{
    uint64_t rest = HEADER_LEN + block->claim.length - block->used;

    if (rest > 0) {
        /* Relaxed: the store below publishes it. */
        pbf_store(header_at(ring, block->claim.position + block->used),
                  header_word(KIND_PADDING, rest - HEADER_LEN, 0), relaxed);
    }
    /* Relaxed, and before the store below, as in pbf_ring_commit. */
    pbf_fetch_add(&ring->accepted, block->records, relaxed);

    /* Release, pairs with the acquire load in pbf_ring_next: headers and payloads are there. */
    pbf_store(header_at(ring, block->claim.position), block->first, release);
    block->records = 0;
}

void pbf_ring_close(pbf_ring *ring)
{
    /* Relaxed: the exchange below fails if this is out of date. */
    uint64_t word = pbf_load(&ring->claim, relaxed);

    /* Acquire, pairs with the exchange in pbf_ring_claim: who claimed before us had seen all that
     * lay there before released and zeroed, and so do we. */
    while (!pbf_compare_exchange(&ring->claim, &word, word | CLOSED, acquire)) {
        /* `word` is now what stood in the way. */
    }
}

bool pbf_ring_is_final(const pbf_ring *ring)
{
    /* Acquire, pairs with the release stores in pbf_ring_release and pbf_ring_start_lap: the records
     * before are counted. */
    uint64_t released = pbf_load(&ring->released, acquire);
    /* Relaxed: nobody has changed it since we closed the ring. */
    uint64_t word = pbf_load(&ring->claim, relaxed);
    uint64_t used = used_bytes(ring, released, word);
    uint64_t end = word & ~FLAGS;

    if (!(word & CLOSED))
        return false;

    /* The consumer may go on meanwhile. Then we see its old headers, or a zero and look again. */
    for (uint64_t position = end - used; position != end;) {
        /* Acquire, pairs with the release store in pbf_ring_commit: the record is counted. */
        uint64_t header = pbf_load(header_at(ring, position), acquire);

        if (header == 0)
            return false;
        position += span_of(header >> LENGTH_SHIFT & LENGTH_MASK);
    }
    return true;
}

pbf_cursor pbf_ring_begin(const pbf_ring *ring)
{
    /* Relaxed, both: the consumer reads what it wrote. */
    return (pbf_cursor){
        .position = pbf_load(&ring->released, relaxed),
        .records = pbf_load(&ring->taken, relaxed),
    };
}

bool pbf_ring_next(const pbf_ring *ring, pbf_cursor *cursor, pbf_record *record)
{
    /* Relaxed: the consumer reads what it wrote. */
    uint64_t end = pbf_load(&ring->released, relaxed) + ring->capacity;

    while (cursor->position != end) { /* there, the header would be that of the first record */
        /* Acquire, pairs with the release stores of commit, discard and padding. */
        uint64_t header = pbf_load(header_at(ring, cursor->position), acquire);
        uint64_t length = header >> LENGTH_SHIFT & LENGTH_MASK;

        if (header == 0)
            return false;

        record->payload = bytes_at(ring, cursor->position) + HEADER_LEN;
        cursor->position += span_of(length);
        if ((header & KIND_MASK) == KIND_RECORD) {
            record->length = length;
            record->tag = (uint32_t)(header >> TAG_SHIFT);
            cursor->records++;
            return true;
        }
    }
    return false;
}

void pbf_ring_release(pbf_ring *ring, const pbf_cursor *cursor)
{
    /* Relaxed: the consumer reads what it wrote. */
    uint64_t position = pbf_load(&ring->released, relaxed);

    /* In locals, which the stores cannot change as far as a compiler sees. */
    uint64_t mask = ring->capacity - 1, end = cursor->position;

    for (; position != end; position += PBF_RING_ALIGN) {
        pbf_atomic_u64 *word = (pbf_atomic_u64 *)(void *)(ring->storage + (position & mask));

        /* Relaxed: the store below publishes it. */
        pbf_store(word, 0, relaxed);
    }

    /* Release, pairs with the acquire load in pbf_ring_claim: we are done with the space. */
    pbf_store(&ring->released, position, release);

    /* Release, pairs with the acquire load in pbf_ring_pending: these records were accepted. */
    pbf_store(&ring->taken, cursor->records, release);
}

bool pbf_ring_start_lap(pbf_ring *ring, uint64_t past)
{
    uint64_t mask = ring->capacity - 1;
    /* Relaxed: the consumer reads what it wrote. */
    uint64_t position = pbf_load(&ring->released, relaxed);
    /* Relaxed: the exchange below fails if this is out of date. */
    uint64_t word = pbf_load(&ring->claim, relaxed);
    uint64_t lap = (position | mask) + 1;

    /* A closed ring is never at a position: it ends where it is. */
    if ((word & ~EARLY_LAP) != position || (position & mask) == 0 || (position & mask) < past)
        return false;

    /* Release, pairs with the acquire load of `claim` in pbf_ring_claim: we are done with all
     * that lies before. */
    if (!pbf_compare_exchange(&ring->claim, &word, lap | EARLY_LAP, release))
        return false;

    /* Release, pairs with the acquire load in pbf_ring_claim, as in pbf_ring_release. */
    pbf_store(&ring->released, lap, release);
    return true;
}

bool pbf_ring_reserve(pbf_ring *ring, uint64_t bytes)
{
    /* Relaxed, all: a budget orders nothing, and has one writer at a time. */
    uint64_t limit = pbf_load(&ring->limit, relaxed);
    uint64_t used = pbf_ring_used(ring);

    if (used > limit || bytes > limit - used)
        return false;
    pbf_store(&ring->limit, limit - bytes, relaxed);
    return true;
}

uint64_t pbf_ring_charge(pbf_ring *ring, uint64_t bytes)
{
    /* Relaxed, both: as in pbf_ring_reserve. */
    uint64_t limit = pbf_load(&ring->limit, relaxed);

    if (bytes > limit)
        bytes = limit;
    pbf_store(&ring->limit, limit - bytes, relaxed);
    return bytes;
}

void pbf_ring_unreserve(pbf_ring *ring, uint64_t bytes)
{
    /* Relaxed, both: as in pbf_ring_reserve. */
    pbf_store(&ring->limit, pbf_load(&ring->limit, relaxed) + bytes, relaxed);
}

uint64_t pbf_ring_accepted(const pbf_ring *ring)
{
    /* Relaxed: a figure. */
    return pbf_load(&ring->accepted, relaxed);
}

uint64_t pbf_ring_pending(const pbf_ring *ring)
{
    /* Acquire, pairs with the release store in pbf_ring_release; and first, so that what is taken
     * was accepted as far as we can see. */
    uint64_t taken = pbf_load(&ring->taken, acquire);

    /* Relaxed: the load above has ordered it. */
    return pbf_load(&ring->accepted, relaxed) - taken;
}

uint64_t pbf_ring_used(const pbf_ring *ring)
{
    /* Acquire, pairs with the release stores of pbf_ring_release and pbf_ring_start_lap; and
     * first, so that the claim is not older: see used_bytes. */
    uint64_t released = pbf_load(&ring->released, acquire);

    /* Relaxed: the load above has ordered it. */
    uint64_t used = used_bytes(ring, released, pbf_load(&ring->claim, relaxed));

    return used < ring->capacity ? used : ring->capacity; /* `released` may be the older one */
}

uint64_t pbf_ring_claimed(const pbf_ring *ring)
{
    /* Sequentially consistent, pairs with the exchange in pbf_ring_claim. */
    return pbf_load(&ring->claim, seq_cst) & ~FLAGS;
}
