/* Groups: framed events that wait until the batch of their context is cut.
 *
 * A group has the events of one context, as they stand in a body, in a chain of chunks. Groups
 * stand in a queue, in the order of their first events; each is as long as it need be. The chunks
 * are the caller's memory, so that all groups together are bounded; they are touched only as far
 * as they are used.
 *
 * All functions belong to the consumer of the ring, and take no lock.
 */
#ifndef PBF_GROUP_H
#define PBF_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pbf_status.h"

#define PBF_CHUNK_SIZE 512

/* A byte of a chunk, or the end of it. */
typedef struct {
    uint32_t chunk;
    uint32_t offset;
} pbf_place;

/* A group is named by its first chunk, at the start of which this is; 0 names none. */
typedef struct {
    uint32_t next;       /* chunk */
    uint32_t next_group; /* in the queue */
    uint32_t slot;       /* of the context */
    uint32_t events;
    uint64_t size;  /* of the events, in bytes */
    uint64_t first; /* of its events, no other was accepted before this one; counted from 0 */
    pbf_place read, write;
} pbf_group;

typedef union {
    uint32_t next; /* chunk of the group, or free one */
    pbf_group group;
    uint8_t bytes[PBF_CHUNK_SIZE];
} pbf_chunk;

typedef struct {
    pbf_chunk *chunks;
    uint32_t chunk_count;
    uint32_t untouched;   /* the first chunk that was never used */
    uint32_t free;        /* the first of those that were */
    uint32_t used;        /* chunks */
    uint32_t first, last; /* groups of the queue */
    uint64_t events;      /* of all groups */
} pbf_groups;

/* Makes an empty queue, of chunks 1 to chunk_count - 1. */
void pbf_groups_init(pbf_groups *groups, pbf_chunk *chunks, uint32_t chunk_count);

static inline pbf_group *pbf_group_at(const pbf_groups *groups, uint32_t group)
{
    return &groups->chunks[group].group;
}

/* Tells whether there are the chunks for an event of `size` bytes; `group` is 0 if it is to be the
 * first of a new one. */
bool pbf_group_has_room(const pbf_groups *groups, uint32_t group, size_t size) PBF_MUST_CHECK;

/* Opens a group at the end of the queue, where there is room for its first event. */
uint32_t pbf_group_open(pbf_groups *groups, uint32_t slot, uint64_t first) PBF_MUST_CHECK;

/* Adds an event of `size` bytes, for which there is room, and returns where it goes if that is in
 * one piece. Returns NULL if it is not; pbf_group_put then takes the pieces, one after the other. */
uint8_t *pbf_group_add(pbf_groups *groups, uint32_t group, size_t size) PBF_MUST_CHECK;

void pbf_group_put(pbf_groups *groups, uint32_t group, const uint8_t *bytes, size_t length);

/* Returns how many bytes the oldest event of the first group has. */
size_t pbf_group_next_size(const pbf_groups *groups) PBF_MUST_CHECK;

/* Takes the oldest event out of the first group, and copies it, unless `to` is NULL. */
void pbf_group_take_event(pbf_groups *groups, uint8_t *to);

/* Takes all events out of the first group, and copies them. */
void pbf_group_take_all(pbf_groups *groups, uint8_t *to);

/* Takes the first group, which has no event any more, out of the queue. */
void pbf_group_close(pbf_groups *groups);

#endif
