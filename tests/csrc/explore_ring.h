/* What the scenarios of the interleaving explorer share: the ring that they work on. */
#ifndef EXPLORE_RING_H
#define EXPLORE_RING_H

#include "explore.h"
#include "pbf_ring.h"

enum { CAPACITY = 64 };

static inline pbf_ring *ring(void)
{
    return (pbf_ring *)(void *)explore_memory;
}

/* Explores the scenario, and prints how many states it has, if it is among those asked for. */
void run_scenario(const explore_scenario *scenario);

void explore_retirement(void);
void explore_close(void);

#endif
