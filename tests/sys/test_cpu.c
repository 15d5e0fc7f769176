/* SPDX-License-Identifier: MIT */
/*
 * tests/sys/test_cpu.c - which CPUs a thread may use
 */
#include <belay/test.h>

#include <pthread.h>
#include <sched.h>

#include "support/famine.h"
#include "support/host.h"
#include "sys/cpu.h"

struct place {
    uint32_t index; /* of the CPU it shall be held to */
    uint32_t count; /* of those it may use afterwards */
    int cpu;        /* the first of them */
    int rc;
};

static int first_cpu(const cpu_set_t *cpus) {
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, cpus)) return cpu;
    }
    return -1;
}

/* On a thread of its own, so that the test is held to nothing. */
static void take_place(void *arg) {
    struct place *place = arg;
    cpu_set_t cpus;
    place->rc = bl__cpu_pin(pthread_self(), place->index);
    place->count = bl__cpu_count();
    REQUIRE_EQ(sched_getaffinity(0, sizeof cpus, &cpus), 0);
    place->cpu = first_cpu(&cpus);
}

static struct place place_of(uint32_t index) {
    struct place place = { .index = index };
    on_thread(take_place, &place);
    return place;
}

TEST(the_cpus_of_the_mask_are_counted) {
    cpu_set_t cpus;
    REQUIRE_EQ(sched_getaffinity(0, sizeof cpus, &cpus), 0);
    CHECK_EQ(bl__cpu_count(), (uint32_t)CPU_COUNT(&cpus));
}

TEST(a_thread_is_held_to_one_cpu_counted_round) {
    uint32_t count = bl__cpu_count();
    struct place first = place_of(0);
    struct place last = place_of(count - 1);
    struct place again = place_of(count);
    CHECK_OK(first.rc);
    CHECK_OK(last.rc);
    CHECK_OK(again.rc);
    CHECK_EQ(first.count, 1);
    CHECK_EQ(last.count, 1);
    CHECK_EQ(again.cpu, first.cpu);
    CHECK_EQ(last.cpu == first.cpu, count == 1);
    CHECK_EQ(bl__cpu_count(), count);
}

TEST(without_memory_one_cpu_is_known_and_nothing_is_held) {
    famine_begin(0);
    uint32_t count = bl__cpu_count();
    int rc = bl__cpu_pin(pthread_self(), 0);
    famine_end();
    CHECK_EQ(count, 1);
    CHECK_ERR(rc, BL_ENOMEM);
}
