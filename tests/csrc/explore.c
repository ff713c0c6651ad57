/* The interleaving explorer: its threads are coroutines, which yield at each atomic operation. */
#define _DEFAULT_SOURCE

#include "explore_world.h"

#include <stdio.h>
#include <ucontext.h>

world_state world;

unsigned char *const explore_memory = world.memory;
unsigned char *const explore_ghost = world.ghost;

_Alignas(16) char stacks[T][STACK];
int current = -1;
const explore_scenario *scenario;
struct trace trace[DEPTH_MAX];

static jmp_buf scheduler;

_Noreturn void explore_fail(const char *what, int line)
{
    static const char *const names[] = {"load",  "store", "add",    "exchange",
                                        "await", "lock",  "unlock", "finish"};

    fprintf(stderr, "%s: failed: %s (line %d, thread %d); it came like this:\n", scenario->name,
            what, line, current);
    for (int i = 0; i < world.depth; i++) {
        const operation *done = &trace[i].done;

        fprintf(stderr, "  thread %d: %-8s word %3d  order %d  value %llx  result %llx\n",
                trace[i].thread, names[done->kind],
                done->word ? (int)(done->word - (uint64_t *)(void *)world.memory) : -1,
                done->order, (unsigned long long)done->value, (unsigned long long)done->result);
    }
    exit(1);
}

/* -- Coroutines ------------------------------------------------------------------------------- */

/* Whether the operation commutes with all that other threads can do, so that it may be performed at
 * once: no order of the two is worth a state of its own. */
static bool is_local(const operation *op)
{
    if (op->word == NULL || op->kind == AWAIT)
        return false;

    int owner = scenario->owner ? scenario->owner(op->word) : EXPLORE_SHARED;

    if (owner == EXPLORE_SHARED)
        return false;
    if (owner == EXPLORE_COUNTER) {
        if (op->kind != ADD)
            explore_fail("not just a counter", __LINE__);
        return true;
    }
    if (owner >= EXPLORE_PRIVATE) {
        if (owner - EXPLORE_PRIVATE != current)
            explore_fail("not private", __LINE__);
        return true;
    }
    if (owner != current && op->kind != LOAD)
        explore_fail("store to what another thread owns", __LINE__);
    return owner == EXPLORE_CONSTANT || (owner == current && op->kind == LOAD);
}

/* Hands the operation to the scheduler, and comes back when it is done. */
static void __attribute__((noinline)) yield(operation op)
{
    thread_state *self = &world.threads[current];

    self->next = op;
    self->stack_low = (char *)__builtin_frame_address(0) - 512;
    if (self->stack_low < stacks[current])
        explore_fail("stack too small", __LINE__);
    if (_setjmp(self->resume) == 0)
        _longjmp(scheduler, 1);
}

static uint64_t finish(operation op)
{
    if (is_local(&op)) {
        uint64_t before = *op.word;

        if (op.kind == ADD)
            *op.word += op.value;
        else if (op.kind == STORE)
            *op.word = op.value;
        return before;
    }
    yield(op);
    thread_state *self = &world.threads[current];
    self->history = mix(mix(self->history, self->next.result), self->next.done + 1U);
    return self->next.result;
}

static void coroutine(void)
{
    int self = current;

    scenario->run(self);
    yield((operation){.kind = FINISHED});
}

void __attribute__((noinline)) run_until_yield(int t)
{
    current = t;
    if (_setjmp(scheduler) == 0)
        _longjmp(world.threads[t].resume, 1);
    current = -1;
}

void __attribute__((noinline)) start(int t)
{
    ucontext_t context;

    getcontext(&context);
    context.uc_stack.ss_sp = stacks[t];
    context.uc_stack.ss_size = STACK;
    makecontext(&context, coroutine, 0);
    current = t;
    if (_setjmp(scheduler) == 0)
        setcontext(&context);
    current = -1;
}

/* -- What the program under test calls -------------------------------------------------------- */

uint64_t explore_load(const uint64_t *word, int order)
{
    if (current < 0)
        return *word;
    return finish((operation){.kind = LOAD, .word = (uint64_t *)(uintptr_t)word, .order = order});
}

void explore_store(uint64_t *word, uint64_t value, int order)
{
    if (current < 0)
        *word = value;
    else
        finish((operation){.kind = STORE, .word = word, .value = value, .order = order});
}

uint64_t explore_fetch_add(uint64_t *word, uint64_t value, int order)
{
    if (current < 0)
        return (*word += value) - value;
    return finish((operation){.kind = ADD, .word = word, .value = value, .order = order});
}

bool explore_compare_exchange(uint64_t *word, uint64_t *expected, uint64_t value, int order)
{
    operation op = {.kind = EXCHANGE, .word = word, .value = value, .expected = *expected,
                    .order = order};

    if (current < 0)
        explore_fail("exchange outside of the threads", __LINE__);
    *expected = finish(op);
    return world.threads[current].next.done;
}

void explore_await(const void *word)
{
    finish((operation){.kind = AWAIT, .word = (uint64_t *)(uintptr_t)word});
}

void explore_milestone(uint64_t state)
{
    world.threads[current].history = mix(UINT64_MAX, state);
}

void explore_lock(void)
{
    finish((operation){.kind = LOCK});
}

void explore_unlock(void)
{
    finish((operation){.kind = UNLOCK});
}
