/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/process_load.h - what process.* has in common
 */
#ifndef BENCH_PEERS_PROCESS_LOAD_H
#define BENCH_PEERS_PROCESS_LOAD_H

#include <errno.h>

#include "measure.h"

enum {
    PROCESS_LARGE_BYTES = 512 * 1024 * 1024
};

/* What `run` costs in a process with much memory in use. */
static inline double process_run_large(double (*run)(uint64_t count),
                                       uint64_t count) {
    char *memory = malloc(PROCESS_LARGE_BYTES);
    if (memory == NULL) return -ENOMEM;
    memset(memory, 1, PROCESS_LARGE_BYTES);
    double cost = run(count);
    free(memory);
    return cost;
}

#endif
