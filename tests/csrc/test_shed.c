/* Load shedding: within a window events are counted, each once, and outside of it none.
 *
 * Links:
 */
#include "pbf_shed.h"
#include "test.h"

#include <pthread.h>

enum { PRODUCERS = 3, EVENTS = 200000 };

static pbf_shed shed;

static void test_window(void)
{
    CHECK(!pbf_shed_event(&shed, 1000)); /* none was opened */
    pbf_shed_open(&shed, 1000, 100);
    CHECK(pbf_shed_event(&shed, 1000));
    CHECK(pbf_shed_event(&shed, 1099));
    CHECK(!pbf_shed_event(&shed, 1100)); /* its time is over */
    CHECK(!pbf_shed_event(&shed, 999));  /* the clock was set back */
    pbf_shed_close(&shed);
    CHECK(!pbf_shed_event(&shed, 1000));
    CHECK_EQUAL(pbf_shed_take(&shed), 2);
    CHECK_EQUAL(pbf_shed_take(&shed), 0);
}

static void *produce(void *dropped)
{
    for (int event = 0; event < EVENTS; event++)
        *(uint64_t *)dropped += pbf_shed_event(&shed, 0);
    return NULL;
}

static void test_racing_counts(void)
{
    pthread_t threads[PRODUCERS];
    uint64_t dropped[PRODUCERS] = {0}, taken = 0, total = 0;

    pbf_shed_open(&shed, 0, 1);
    for (int i = 0; i < PRODUCERS; i++)
        CHECK_EQUAL(pthread_create(&threads[i], NULL, produce, &dropped[i]), 0);
    while (taken < EVENTS) /* beside the producers */
        taken += pbf_shed_take(&shed);
    for (int i = 0; i < PRODUCERS; i++) {
        CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
        total += dropped[i];
    }
    CHECK_EQUAL(total, PRODUCERS * EVENTS);
    CHECK_EQUAL(taken + pbf_shed_take(&shed), total);
}

int main(void)
{
    test_window();
    test_racing_counts();
    return 0;
}
