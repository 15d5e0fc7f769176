/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/measure.h - how every contender written in C measures
 *
 * A program has a table of metrics and ends its main with measure_main, which
 * understands
 *
 *     PROGRAM --list                   the names of its metrics
 *     PROGRAM METRIC [REPS] [--quick]  one line per repetition
 *
 * and prints `metric<TAB>contender<TAB>value<TAB>unit`.  --quick makes batches
 * short and counts small: it shows that the program works, nothing more.
 *
 * Each metric is a function that does something `count` times and returns what
 * that cost in all: nanoseconds, or bytes, or a number.  What it has to prepare
 * and to clean up it leaves out of the time.  A negative result, a BL_E* code
 * or -errno, means that it could not be done and ends the program.
 *
 * Included once, by the file that has main; Belay's own programs use it as the
 * peers do, so that the clock and the arithmetic are the same.
 */
#ifndef BENCH_PEERS_MEASURE_H
#define BENCH_PEERS_MEASURE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MEASURE_BATCH_NS       50e6
#define MEASURE_BATCH_QUICK_NS 1e6
#define MEASURE_REPS_MAX       1000

enum measure_kind {
    MEASURE_GROWN, /* the count grows until a batch is long enough */
    MEASURE_FIXED, /* the count is given; rounds are added up instead */
    MEASURE_EACH,  /* one round per process; the result is shared out */
    MEASURE_TOTAL  /* one round per process; the result stands for itself */
};

struct measure {
    const char *name;
    const char *unit; /* "ns", "us", "B", "tasks" or "x" */
    enum measure_kind kind;
    double (*run)(uint64_t count);
    uint64_t count;       /* unless grown */
    uint64_t count_quick; /* the same, for --quick */
};

static inline double measure_clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The time on the wall, for batches that keep the CPU busy. */
static inline double measure_now_ns(void) {
    return measure_clock_ns(CLOCK_MONOTONIC);
}

/* The CPU time of the process, where part of the time is spent waiting. */
static inline double measure_cpu_ns(void) {
    return measure_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* What the process occupies: resident pages, and the page tables for them. */
static inline double measure_memory_bytes(void) {
    FILE *file = fopen("/proc/self/status", "r");
    if (file == NULL) return 0;
    char line[256];
    double kilobytes = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0 || strncmp(line, "VmPTE:", 6) == 0)
            kilobytes += strtod(line + 6, NULL);
    }
    fclose(file);
    return kilobytes * 1024;
}

/*
 * The time that sleeper `index` sleeps in its round `round`: 10 to 100 ms, in
 * the same disorder for every contender.
 */
static inline uint64_t measure_sleep_us(uint64_t index, uint64_t round) {
    return 10000 + (index * 7919 + round * 104729) % 90000;
}

/* How often each sleeper of core.sleep_100000_ns sleeps. */
#define MEASURE_SLEEP_ROUNDS 4

/* How many timers are outstanding in core.timer_arm_cancel_ns. */
#define MEASURE_TIMERS 100000

/*
 * Measures once.  `*count` is where the batch begins to grow, and is left at
 * what was enough, so that the next repetition begins there; what came before
 * the last batch was the warm-up.
 */
static inline double measure_once(const struct measure *metric, uint64_t *count,
                                  double batch_ns) {
    double total = 0;
    uint64_t done = 0;
    switch (metric->kind) {
    case MEASURE_GROWN:
        for (;;) {
            total = metric->run(*count);
            if (total < 0) return total;
            if (total >= batch_ns) return total / (double)*count;
            double factor = total > 0 ? 1.2 * batch_ns / total : 100;
            if (factor < 1.5) factor = 1.5;
            if (factor > 100) factor = 100;
            *count = (uint64_t)((double)*count * factor) + 1;
        }
    case MEASURE_FIXED:
        while (total < batch_ns) {
            double round = metric->run(*count);
            if (round < 0) return round;
            total += round;
            done += *count;
        }
        return total / (double)done;
    case MEASURE_EACH:
        total = metric->run(*count);
        return total < 0 ? total : total / (double)*count;
    case MEASURE_TOTAL: break;
    }
    return metric->run(*count);
}

static inline int measure_print(const struct measure *metric,
                                const char *contender, int reps, bool quick) {
    uint64_t count = quick ? metric->count_quick : metric->count;
    if (metric->kind == MEASURE_GROWN) count = 100;
    double batch_ns = quick ? MEASURE_BATCH_QUICK_NS : MEASURE_BATCH_NS;
    bool is_single =
        metric->kind == MEASURE_EACH || metric->kind == MEASURE_TOTAL;

    for (int i = 0; i < (is_single ? 1 : reps); i++) {
        double value = measure_once(metric, &count, batch_ns);
        if (value < 0) {
            fprintf(stderr, "%s: failed with %.0f\n", metric->name, value);
            return EXIT_FAILURE;
        }
        if (strcmp(metric->unit, "us") == 0) value /= 1000;
        printf("%s\t%s\t%.*f\t%s\n", metric->name, contender,
               value < 1000 ? 2 : 0, value, metric->unit);
        fflush(stdout);
    }
    return EXIT_SUCCESS;
}

static inline int measure_main(int argc, char **argv, const char *contender,
                               const struct measure *metrics, size_t count) {
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < count; i++)
            puts(metrics[i].name);
        return EXIT_SUCCESS;
    }

    bool quick = argc > 2 && strcmp(argv[argc - 1], "--quick") == 0;
    long reps = argc - quick > 2 ? strtol(argv[2], NULL, 10) : 1;
    for (size_t i = 0; i < count && argc > 1; i++) {
        if (strcmp(metrics[i].name, argv[1]) != 0) continue;
        if (reps < 1 || reps > MEASURE_REPS_MAX) break;
        return measure_print(&metrics[i], contender, (int)reps, quick);
    }
    fprintf(stderr, "usage: %s --list | METRIC [REPS] [--quick]\n", argv[0]);
    return 2;
}

#endif
