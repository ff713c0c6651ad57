/* Groups of framed events; see pbf_group.h for the contract. */
#include "pbf_group.h"

#include "pbf_copy.h"

/* Where the bytes of a group begin in its first chunk, and in the others. */
enum { FIRST_OFFSET = sizeof(pbf_group), OFFSET = sizeof(uint32_t) };

#define PART (PBF_CHUNK_SIZE - OFFSET)

void pbf_groups_init(pbf_groups *groups, pbf_chunk *chunks, uint32_t chunk_count)
{
    *groups = (pbf_groups){.chunks = chunks, .chunk_count = chunk_count, .untouched = 1};
}

static uint32_t take_chunk(pbf_groups *groups)
{
    uint32_t chunk = groups->free;

    groups->used++;
    if (chunk == 0)
        return groups->untouched++;
    groups->free = groups->chunks[chunk].next;
    return chunk;
}

static void free_chunk(pbf_groups *groups, uint32_t chunk)
{
    groups->chunks[chunk].next = groups->free;
    groups->free = chunk;
    groups->used--;
}

bool pbf_group_has_room(const pbf_groups *groups, uint32_t group, size_t size)
{
    size_t room = PBF_CHUNK_SIZE -
                  (group != 0 ? pbf_group_at(groups, group)->write.offset : FIRST_OFFSET);
    size_t chunks = (group == 0) + (size > room ? (size - room + PART - 1) / PART : 0);

    return chunks < groups->chunk_count - groups->used; /* there is no chunk 0 */
}

uint32_t pbf_group_open(pbf_groups *groups, uint32_t slot, uint64_t first)
{
    uint32_t group = take_chunk(groups);

    *pbf_group_at(groups, group) = (pbf_group){
        .slot = slot,
        .first = first,
        .read = {group, FIRST_OFFSET},
        .write = {group, FIRST_OFFSET},
    };
    if (groups->first == 0)
        groups->first = group;
    else
        pbf_group_at(groups, groups->last)->next_group = group;
    groups->last = group;
    return group;
}

uint8_t *pbf_group_add(pbf_groups *groups, uint32_t group, size_t size)
{
    pbf_group *to = pbf_group_at(groups, group);
    pbf_place *write = &to->write;

    groups->events++;
    to->events++;
    to->size += size;
    if (size > PBF_CHUNK_SIZE - write->offset)
        return NULL;
    write->offset += (uint32_t)size;
    return groups->chunks[write->chunk].bytes + write->offset - size;
}

void pbf_group_put(pbf_groups *groups, uint32_t group, const uint8_t *bytes, size_t length)
{
    pbf_place *write = &pbf_group_at(groups, group)->write;

    while (length > 0) {
        size_t step = PBF_CHUNK_SIZE - write->offset;

        if (step == 0) {
            uint32_t chunk = take_chunk(groups);

            groups->chunks[write->chunk].next = chunk;
            *write = (pbf_place){chunk, OFFSET};
            continue;
        }
        step = step < length ? step : length;
        pbf_copy(groups->chunks[write->chunk].bytes + write->offset, bytes, step);
        write->offset += (uint32_t)step;
        bytes += step;
        length -= step;
    }
}

/* Moves on to the next chunk of the group where one ends. */
static pbf_place in_chunk(const pbf_groups *groups, pbf_place place)
{
    return place.offset < PBF_CHUNK_SIZE
               ? place
               : (pbf_place){groups->chunks[place.chunk].next, OFFSET};
}

size_t pbf_group_next_size(const pbf_groups *groups)
{
    pbf_place at = pbf_group_at(groups, groups->first)->read;
    size_t head = 0, length = 0;
    uint8_t byte;

    do { /* a tag of one byte, and the length, a varint, of what follows */
        at = in_chunk(groups, at);
        byte = groups->chunks[at.chunk].bytes[at.offset++];
        if (head > 0)
            length |= (size_t)(byte & 127) << 7 * (head - 1);
        head++;
    } while (head == 1 || byte > 127);
    return head + length;
}

static void take(pbf_groups *groups, uint8_t *to, size_t length)
{
    pbf_group *group = pbf_group_at(groups, groups->first);
    pbf_place at = group->read;

    group->size -= length;
    while (length > 0) {
        pbf_place next = in_chunk(groups, at);
        size_t step = PBF_CHUNK_SIZE - next.offset;

        if (next.chunk != at.chunk && at.chunk != groups->first)
            free_chunk(groups, at.chunk);
        at = next;
        step = step < length ? step : length;
        if (to != NULL) {
            pbf_copy(to, groups->chunks[at.chunk].bytes + at.offset, step);
            to += step;
        }
        at.offset += (uint32_t)step;
        length -= step;
    }
    group->read = at;
}

void pbf_group_take_event(pbf_groups *groups, uint8_t *to)
{
    take(groups, to, pbf_group_next_size(groups));
    pbf_group_at(groups, groups->first)->events--;
    groups->events--;
}

void pbf_group_take_all(pbf_groups *groups, uint8_t *to)
{
    pbf_group *group = pbf_group_at(groups, groups->first);

    take(groups, to, group->size);
    groups->events -= group->events;
    group->events = 0;
}

void pbf_group_close(pbf_groups *groups)
{
    const pbf_group *group = pbf_group_at(groups, groups->first);
    uint32_t first = groups->first, rest = group->read.chunk;

    groups->first = group->next_group;
    if (rest != first)
        free_chunk(groups, rest);
    free_chunk(groups, first);
}
