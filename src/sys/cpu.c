/* SPDX-License-Identifier: MIT */
/*
 * sys/cpu.c - which CPUs a thread may use, and holding it to one
 *
 * The set of CPUs grows until the kernel's fits, since machines with more than
 * the 1,024 of a cpu_set_t exist.
 */
#include "sys/cpu.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>

#include <belay/error.h>

#include "base/alloc.h"

enum {
    CPUS_FIRST = 1024,
    CPUS_MAX = 1024 * 1024
};

struct cpus {
    cpu_set_t *set;
    size_t bytes;
    size_t limit; /* numbers below it have a bit */
};

static int cpus_read(struct cpus *cpus) {
    for (size_t limit = CPUS_FIRST; limit <= CPUS_MAX; limit *= 2) {
        size_t bytes = CPU_ALLOC_SIZE(limit);
        cpu_set_t *set = bl__alloc_zeroed(1, bytes);
        if (set == NULL) return BL_ENOMEM;
        if (sched_getaffinity(0, bytes, set) == 0) {
            *cpus = (struct cpus){ set, bytes, limit };
            return 0;
        }
        int error = errno;
        bl__free(set);
        if (error != EINVAL) return -error;
    }
    return BL_EINVAL;
}

uint32_t bl__cpu_count(void) {
    struct cpus cpus;
    if (cpus_read(&cpus) < 0) return 1;
    int count = CPU_COUNT_S(cpus.bytes, cpus.set);
    bl__free(cpus.set);
    return count > 0 ? (uint32_t)count : 1;
}

/* Leaves one CPU in the set: number `index` of those that are in it. */
static void cpus_keep_one(struct cpus *cpus, uint32_t index) {
    uint32_t passed = 0;
    for (size_t cpu = 0; cpu < cpus->limit; cpu++) {
        if (!CPU_ISSET_S(cpu, cpus->bytes, cpus->set)) continue;
        if (passed++ != index) CPU_CLR_S(cpu, cpus->bytes, cpus->set);
    }
}

int bl__cpu_pin(pthread_t thread, uint32_t index) {
    struct cpus cpus;
    int rc = cpus_read(&cpus);
    if (rc < 0) return rc;
    uint32_t count = (uint32_t)CPU_COUNT_S(cpus.bytes, cpus.set);
    cpus_keep_one(&cpus, count > 0 ? index % count : 0);
    rc = pthread_setaffinity_np(thread, cpus.bytes, cpus.set);
    bl__free(cpus.set);
    return -rc;
}
