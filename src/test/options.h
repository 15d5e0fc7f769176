/* SPDX-License-Identifier: MIT */
/*
 * test/options.h - what the command line asks for
 */
#ifndef BL__TEST_OPTIONS_H
#define BL__TEST_OPTIONS_H

#include <belay/test.h>

/* What gets a process of its own. */
enum bl__isolation {
    BL__ISOLATE_AUTO,   /* a test, unless it shares fixtures with others */
    BL__ISOLATE_TEST,   /* each test; then it shares none */
    BL__ISOLATE_MODULE, /* a source file */
    BL__ISOLATE_NONE
};

struct bl__test_settings {
    const char **patterns;
    size_t pattern_count;
    const char *keywords; /* of -k, or NULL */
    const char *replay;   /* a token, or NULL */
    const char *junit;    /* a file name, or NULL */
    int worker_count;
    int failures_max; /* then stop; 0: never */
    int verbosity;    /* -1 quiet, 0, 1 */
    enum bl__isolation isolation;
    bool lists;
    bool is_uncaptured;
    bool has_tap;
    bool is_shuffled; /* --schedule random: every run */
    bool has_watchdog;
    unsigned schedules; /* of every test, at least */
    unsigned sweep;     /* of every test, besides its own */
    uint64_t seed;
    bl_ns timeout;  /* 0: each test's own */
    bl_ns watchdog; /* 0: each test's own */
    double timeout_scale;
    bool updates_snapshots;
    bl_driver_kind driver;
};

/* Those of the run, in the process of a test; NULL elsewhere. */
extern const struct bl__test_settings *bl__test_settings;

/*
 * Reads the command line, behind the words of BELAY_TEST_ARGS.
 *
 * Returns 0; 1 if help was asked for and given; -1 if something is wrong, which
 * has been said.
 */
int bl__options_parse(struct bl__test_settings *settings, int argc,
                      char **argv);

#endif
