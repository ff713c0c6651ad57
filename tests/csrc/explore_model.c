/* The memory model of the interleaving explorer: what each thread may see, and what is a race. */
#include "explore_world.h"

/* Sets back what is known anyway. */
static void forget(vector_clock *clock, const vector_clock *known)
{
    for (int t = 0; t < T; t++) {
        if (clock->of[t] <= known->of[t])
            clock->of[t] = 0;
    }
}

word_state *state_of(const void *address)
{
    size_t index = (size_t)((const unsigned char *)address - world.memory) / 8;

    if ((const unsigned char *)address < world.memory || index >= WORDS)
        explore_fail("access outside of the memory", __LINE__);
    if (!world.touched[index]) {
        world.touched[index] = true;
        memset(&world.words[index], 0, sizeof world.words[index]);
        world.words[index].count = 1;
        memcpy(&world.words[index].stores[0].value, world.memory + index * 8, 8);
    }
    return &world.words[index];
}

int oldest_readable(const word_state *word, int t, int order)
{
    const vector_clock *clock = &world.threads[t].clock;
    int oldest = word->seen[t];

    for (int i = word->count - 1; i > oldest; i--) {
        const store *store = &word->stores[i];

        if (store->time <= clock->of[store->writer] ||
            (order == EXPLORE_seq_cst && store->seq_cst))
            return i;
    }
    return oldest;
}

static void note_read(word_state *word, int t, int order, int index)
{
    thread_state *self = &world.threads[t];

    if (!covers(&self->clock, &word->plain_writes))
        explore_fail("data race: atomic read, plain write", __LINE__);
    word->atomic_reads.of[t] = self->clock.of[t];
    word->seen[t] = (uint8_t)index;
    if (order & EXPLORE_acquire)
        join(&self->clock, &word->stores[index].message);
}

/* After each release: what comes now is not part of it. */
static void tick(thread_state *self)
{
    if (++self->clock.of[self - world.threads] == UINT8_MAX)
        explore_fail("scenario too long: clock", __LINE__);
}

/* Adds a store. `continued`, if set, is the store that a read-modify-write replaces, whose release
 * sequence it continues. */
static void note_write(word_state *word, const operation *op, int t, uint64_t value,
                       const store *continued)
{
    thread_state *self = &world.threads[t];
    uint64_t before = *op->word;
    vector_clock message = continued ? continued->message : (vector_clock){{0}};

    if (!covers(&self->clock, &word->plain_writes) || !covers(&self->clock, &word->plain_reads))
        explore_fail("data race: atomic write, plain access", __LINE__);
    if (word->count == STORES_MAX)
        explore_fail("scenario too long: STORES_MAX", __LINE__);
    if (op->order & EXPLORE_release)
        join(&message, &self->clock);
    word->atomic_writes.of[t] = self->clock.of[t];
    word->seen[t] = word->count;
    word->stores[word->count++] = (store){
        .value = value,
        .message = message,
        .writer = (uint8_t)t,
        .time = self->clock.of[t],
        .seq_cst = op->order == EXPLORE_seq_cst,
    };
    if (op->order & EXPLORE_release)
        tick(self);
    *op->word = value;
    if (scenario->changed)
        scenario->changed(t, op->word, before, value);
}

void perform(int t, int choice)
{
    thread_state *self = &world.threads[t];
    operation *op = &self->next;
    word_state *word = op->word ? state_of(op->word) : NULL;
    store newest = word ? word->stores[word->count - 1] : (store){0};

    switch (op->kind) {
    case LOAD:
        op->result = word->stores[choice].value;
        note_read(word, t, op->order, choice);
        break;
    case STORE:
        note_write(word, op, t, op->value, NULL);
        break;
    case ADD:
        op->result = newest.value;
        note_read(word, t, op->order, word->count - 1);
        note_write(word, op, t, newest.value + op->value, &newest);
        break;
    case EXCHANGE:
        op->result = newest.value;
        op->done = newest.value == op->expected;
        note_read(word, t, op->done ? op->order : EXPLORE_relaxed, word->count - 1);
        if (op->done)
            note_write(word, op, t, op->value, &newest);
        break;
    case AWAIT:
        word->seen[t] = (uint8_t)(word->count - 1);
        break;
    case LOCK:
        world.locked = true;
        join(&self->clock, &world.lock_message);
        break;
    case UNLOCK:
        world.locked = false;
        world.lock_message = self->clock;
        tick(self);
        break;
    case FINISHED:
        break;
    }
}

void explore_plain_write(const void *memory, size_t length)
{
    const vector_clock *clock = &world.threads[current].clock;
    const unsigned char *from = memory;

    for (size_t at = 0; at < length; at += 8) {
        word_state *word = state_of(from + at);

        if (!covers(clock, &word->plain_reads) || !covers(clock, &word->plain_writes) ||
            !covers(clock, &word->atomic_reads) || !covers(clock, &word->atomic_writes))
            explore_fail("data race: plain write", __LINE__);
        memset(word, 0, sizeof *word);
        word->plain_writes.of[current] = clock->of[current];
    }
}

void explore_plain_read(const void *memory, size_t length)
{
    thread_state *self = &world.threads[current];
    const unsigned char *from = memory;

    for (size_t at = 0; at < length; at += 8) {
        word_state *word = state_of(from + at);
        uint64_t value;

        if (!covers(&self->clock, &word->plain_writes) ||
            !covers(&self->clock, &word->atomic_writes))
            explore_fail("data race: plain read", __LINE__);
        word->plain_reads.of[current] = self->clock.of[current];
        memcpy(&value, from + at, sizeof value);
        self->history = mix(self->history, value);
    }
}

void normalize(void)
{
    vector_clock known; /* by all that still run */

    memset(&known, UINT8_MAX, sizeof known);
    for (int t = 0; t < scenario->threads; t++) {
        if (world.threads[t].next.kind == FINISHED)
            continue;
        for (int u = 0; u < T; u++) {
            if (world.threads[t].clock.of[u] < known.of[u])
                known.of[u] = world.threads[t].clock.of[u];
        }
    }
    for (int w = 0; w < WORDS; w++) {
        word_state *word = &world.words[w];

        if (!world.touched[w])
            continue;
        if (word->count == 0) { /* plainly written, after the operation before: look again */
            memcpy(&word->stores[0].value, world.memory + w * 8, 8);
            word->count = 1;
            for (int t = 0; t < T; t++) {
                if (word->plain_writes.of[t] > 0) {
                    word->stores[0].writer = (uint8_t)t;
                    word->stores[0].time = word->plain_writes.of[t];
                }
            }
        }

        int oldest = word->count - 1;

        for (int t = 0; t < scenario->threads; t++) {
            if (world.threads[t].next.kind == FINISHED)
                word->seen[t] = (uint8_t)(word->count - 1);
            else
                word->seen[t] = (uint8_t)oldest_readable(word, t, EXPLORE_relaxed);
            if (word->seen[t] < oldest)
                oldest = word->seen[t];
        }
        word->count = (uint8_t)(word->count - oldest);
        memmove(word->stores, word->stores + oldest, word->count * sizeof *word->stores);
        for (int t = 0; t < scenario->threads; t++)
            word->seen[t] = (uint8_t)(word->seen[t] - oldest);
        forget(&word->plain_reads, &known);
        forget(&word->plain_writes, &known);
        forget(&word->atomic_reads, &known);
        forget(&word->atomic_writes, &known);
        for (int i = 0; i < word->count; i++) {
            store *store = &word->stores[i];

            forget(&store->message, &known);
            if (store->time <= known.of[store->writer])
                store->time = store->writer = 0;
        }
    }
}
