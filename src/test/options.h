/* SPDX-License-Identifier: MIT */
/*
 * test/options.h - what the command line asks for
 */
#ifndef BL__TEST_OPTIONS_H
#define BL__TEST_OPTIONS_H

#include <belay/test.h>

#include "test/explore/strategy.h"

/* What gets a process of its own. */
enum bl__isolation {
    BL__ISOLATE_AUTO,   /* a test, unless it shares fixtures with others */
    BL__ISOLATE_TEST,   /* each test; then it shares none */
    BL__ISOLATE_MODULE, /* a source file */
    BL__ISOLATE_NONE
};

/* What is told instead of running tests. */
enum bl__listing {
    BL__LIST_NOTHING,
    BL__LIST_NAMES,
    BL__LIST_JSON,
    BL__LIST_FIXTURES,
    BL__LIST_PLAN,
    BL__LIST_HELP,
    BL__LIST_VERSION
};

/* What the failures of the run before are good for. */
enum bl__last {
    BL__LAST_IGNORED,
    BL__LAST_ONLY, /* --lf */
    BL__LAST_FIRST /* --ff */
};

enum bl__color {
    BL__COLOR_AUTO,
    BL__COLOR_ALWAYS,
    BL__COLOR_NEVER
};

struct bl__test_settings {
    const char *program; /* as it was called */
    const char **patterns;
    size_t pattern_count;
    const char *keywords;    /* of -k, or NULL */
    const char *replay;      /* a token, or NULL */
    const char *tap;         /* a file name, "-" for stdout, or NULL */
    const char *junit;       /* a file name, or NULL */
    const char *json;        /* a file name, or NULL */
    const char *report_dir;  /* or NULL */
    const char *tool;        /* "gdb", "rr", "valgrind", or NULL */
    const char *tool_test;   /* the pattern of the one test it gets */
    const char **tool_words; /* options that go along to it */
    size_t tool_word_count;
    char *variable;   /* a copy of BELAY_TEST_ARGS, which others point into */
    int worker_count; /* 0 until it is known */
    int failures_max; /* then stop; 0: never */
    int verbosity;    /* -1 quiet, 0, 1, 2 with fixtures */
    int durations;    /* so many of the slowest tests are shown */
    enum bl__isolation isolation;
    enum bl__listing listing;
    enum bl__last last;
    enum bl__color color;
    bl_test_clock clock; /* of tests that do not choose one */
    bool is_uncaptured;
    bool shows_passed;               /* what passing tests have printed, too */
    enum bl__schedule_kind schedule; /* FIFO: not said */
    unsigned depth;                  /* of the schedule */
    bool has_watchdog;
    bool checks_determinism; /* each test twice */
    bool is_once;            /* each test, whatever it asks for */
    bool has_short_io;       /* calls may move fewer bytes than they could */
    unsigned schedules;      /* of every test, at least */
    bl_ns fuzz_time;         /* of real time, for each FUZZ test; 0: not said */
    bl_ns explore_time;      /* of real time, for each test; 0: no limit */
    unsigned sweep;          /* of every test, besides its own */
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
 * Returns 0; 1 if something was asked for and told, such as help; -1 if
 * something is wrong, which has been said.
 */
int bl__options_parse(struct bl__test_settings *settings, int argc,
                      char **argv);

/* Frees what the settings own. */
void bl__options_done(struct bl__test_settings *settings);

/* ---- between options.c and arguments.c ----------------------------------- */

/* Returns false if the value makes no sense. */
typedef bool bl__option_fn(struct bl__test_settings *settings,
                           const char *value);

struct bl__option {
    const char *name;
    /* What the value is; NULL if there is none; "[=...]" if it may lack. */
    const char *value;
    bl__option_fn *apply;
    const char *help; /* NULL: not shown */
};

/* Options that are shown under one heading. */
struct bl__option_section {
    const char *heading;
    const struct bl__option *options;
    size_t count;
    bool goes_along; /* they matter to a single test under a tool */
};

enum {
    BL__OPTION_SECTIONS = 6
};

extern const struct bl__option_section bl__option_sections[BL__OPTION_SECTIONS];

/* What the environment says, before the command line does. */
extern const struct bl__option bl__option_variables[];
extern const size_t bl__option_variable_count;

#endif
