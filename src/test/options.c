/* SPDX-License-Identifier: MIT */
/*
 * test/options.c - what each option is called and does
 *
 * One row per option says how it is spelled, whether it takes a value, what it
 * does, and what --help says about it.  Rows stand in the sections of --help.
 * arguments.c reads command lines by these tables.
 */
#include "test/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host.h"

enum {
    DEPTH_MAX = 16 /* of a schedule */
};

#define FUZZ_TIME BL_SEC(10)

/* ---- values ------------------------------------------------------------- */

static bool read_count(const char *text, long least, long *number) {
    char *end;
    *number = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0' && *number >= least &&
           *number <= 1000000000;
}

static bool read_seconds(const char *text, bl_ns *duration) {
    char *end;
    double seconds = strtod(text, &end);
    if (*text == '\0' || *end != '\0') return false;
    if (!(seconds > 0) || seconds > 9e9) return false;
    *duration = (bl_ns)(seconds * 1e9);
    return true;
}

/* ---- what each option does ---------------------------------------------- */

static bool set_keywords(struct bl__test_settings *settings,
                         const char *value) {
    settings->keywords = value;
    return true;
}

static bool set_list(struct bl__test_settings *settings, const char *value) {
    settings->listing = BL__LIST_NAMES;
    if (value == NULL) return true;
    settings->listing = BL__LIST_JSON;
    return strcmp(value, "json") == 0;
}

static bool set_fixtures(struct bl__test_settings *settings,
                         const char *value) {
    (void)value;
    settings->listing = BL__LIST_FIXTURES;
    return true;
}

static bool set_plan(struct bl__test_settings *settings, const char *value) {
    (void)value;
    settings->listing = BL__LIST_PLAN;
    return true;
}

static bool set_last_failed(struct bl__test_settings *settings,
                            const char *value) {
    (void)value;
    settings->last = BL__LAST_ONLY;
    return true;
}

static bool set_failed_first(struct bl__test_settings *settings,
                             const char *value) {
    (void)value;
    settings->last = BL__LAST_FIRST;
    return true;
}

static bool set_workers(struct bl__test_settings *settings, const char *value) {
    long count;
    if (!read_count(value, 1, &count) || count > 1024) return false;
    settings->worker_count = (int)count;
    return true;
}

static bool set_first(struct bl__test_settings *settings, const char *value) {
    (void)value;
    settings->failures_max = 1;
    return true;
}

static bool set_maxfail(struct bl__test_settings *settings, const char *value) {
    long count;
    if (!read_count(value, 1, &count)) return false;
    settings->failures_max = (int)count;
    return true;
}

static bool set_verbose(struct bl__test_settings *settings, const char *value) {
    (void)value;
    if (settings->verbosity < 0) settings->verbosity = 0;
    if (settings->verbosity < 2) settings->verbosity++;
    return true;
}

static bool set_quiet(struct bl__test_settings *settings, const char *value) {
    (void)value;
    settings->verbosity = -1;
    return true;
}

static bool set_uncaptured(struct bl__test_settings *settings,
                           const char *value) {
    (void)value;
    settings->is_uncaptured = true;
    return true;
}

static bool set_isolation(struct bl__test_settings *settings,
                          const char *value) {
    static const char *const words[] = {
        [BL__ISOLATE_AUTO] = "auto",
        [BL__ISOLATE_TEST] = "test",
        [BL__ISOLATE_MODULE] = "module",
        [BL__ISOLATE_NONE] = "none",
    };
    for (int i = 0; i <= BL__ISOLATE_NONE; i++) {
        if (strcmp(value, words[i]) != 0) continue;
        settings->isolation = (enum bl__isolation)i;
        return true;
    }
    return false;
}

static bool set_timeout(struct bl__test_settings *settings, const char *value) {
    return read_seconds(value, &settings->timeout);
}

static bool set_watchdog(struct bl__test_settings *settings,
                         const char *value) {
    if (strcmp(value, "0") == 0 || strcmp(value, "off") == 0) {
        settings->has_watchdog = false;
        return true;
    }
    return read_seconds(value, &settings->watchdog);
}

static bool set_scale(struct bl__test_settings *settings, const char *value) {
    char *end;
    settings->timeout_scale = strtod(value, &end);
    return *value != '\0' && *end == '\0' && settings->timeout_scale > 0;
}

static bool set_schedule(struct bl__test_settings *settings,
                         const char *value) {
    static const struct {
        const char *word;
        enum bl__schedule_kind kind;
        bool has_depth;
    } kinds[] = { { "fifo", BL__SCHEDULE_FIFO, false },
                  { "random", BL__SCHEDULE_RANDOM, false },
                  { "pct", BL__SCHEDULE_PCT, true },
                  { "dfs", BL__SCHEDULE_DFS, true } };
    size_t length = strcspn(value, ":");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strlen(kinds[i].word) != length) continue;
        if (strncmp(kinds[i].word, value, length) != 0) continue;
        long depth = 0;
        bool has_depth = value[length] == ':';
        if (has_depth != kinds[i].has_depth) return false;
        if (has_depth && !read_count(value + length + 1, 1, &depth)) {
            return false;
        }
        if (depth > DEPTH_MAX) return false;
        settings->schedule = kinds[i].kind;
        settings->depth = (unsigned)depth;
        return true;
    }
    return false;
}

static bool set_explore(struct bl__test_settings *settings, const char *value) {
    long count;
    if (!read_count(value, 0, &count)) return false;
    settings->schedules = (unsigned)count;
    return true;
}

static bool set_explore_time(struct bl__test_settings *settings,
                             const char *value) {
    return read_seconds(value, &settings->explore_time);
}

static bool set_determinism(struct bl__test_settings *settings,
                            const char *value) {
    (void)value;
    settings->checks_determinism = true;
    return true;
}

static bool set_short_io(struct bl__test_settings *settings,
                         const char *value) {
    (void)value;
    settings->has_short_io = true;
    return true;
}

/* NAME, or NAME=SECONDS: the tests that fit it, and how long they get. */
static bool set_fuzz(struct bl__test_settings *settings, const char *value) {
    const char *time = strchr(value, '=');
    settings->fuzz_time = FUZZ_TIME;
    if (time != NULL && !read_seconds(time + 1, &settings->fuzz_time)) {
        return false;
    }
    int length = time != NULL ? (int)(time - value) : (int)strlen(value);
    if (length == 0) return false;
    settings->patterns[settings->pattern_count++] =
        bl__host_format("%.*s", length, value);
    return true;
}

static bool set_seed(struct bl__test_settings *settings, const char *value) {
    char *end;
    if (strcmp(value, "random") == 0) {
        settings->seed = (uint64_t)bl__host_now() % 1000000007;
        return true;
    }
    settings->seed = strtoull(value, &end, 10);
    return *value != '\0' && *end == '\0';
}

static bool set_replay(struct bl__test_settings *settings, const char *value) {
    settings->replay = value;
    return strchr(value, '@') != NULL;
}

static bool set_sweep(struct bl__test_settings *settings, const char *value) {
    static const struct {
        const char *word;
        unsigned bit;
    } kinds[] = { { "cancel", BL_TEST_SWEEP_CANCEL },
                  { "oom", BL_TEST_SWEEP_OOM },
                  { "io", BL_TEST_SWEEP_IO } };
    const size_t count = sizeof kinds / sizeof kinds[0];
    while (*value != '\0') {
        size_t length = strcspn(value, ",");
        size_t i = 0;
        while (i < count && (strlen(kinds[i].word) != length ||
                             strncmp(kinds[i].word, value, length) != 0)) {
            i++;
        }
        if (i == count) return false;
        settings->sweep |= kinds[i].bit;
        value += length;
        if (*value == ',') value++;
    }
    return settings->sweep != 0;
}

static bool set_once(struct bl__test_settings *settings, const char *value) {
    (void)value;
    settings->is_once = true;
    return true;
}

static bool set_driver(struct bl__test_settings *settings, const char *value) {
    if (strcmp(value, "epoll") == 0) {
        settings->driver = BL_DRIVER_EPOLL;
    } else if (strcmp(value, "uring") == 0) {
        settings->driver = BL_DRIVER_URING;
    } else {
        return strcmp(value, "default") == 0;
    }
    return true;
}

static bool set_clock(struct bl__test_settings *settings, const char *value) {
    bool is_real = strcmp(value, "real") == 0;
    settings->clock = is_real ? BL_TEST_CLOCK_REAL : BL_TEST_CLOCK_VIRTUAL;
    return is_real || strcmp(value, "virtual") == 0;
}

static bool set_durations(struct bl__test_settings *settings,
                          const char *value) {
    long count;
    if (!read_count(value, 0, &count)) return false;
    settings->durations = (int)count;
    return true;
}

static bool set_color(struct bl__test_settings *settings, const char *value) {
    static const char *const words[] = { "auto", "always", "never" };
    for (int i = 0; i < 3; i++) {
        if (strcmp(value, words[i]) != 0) continue;
        settings->color = (enum bl__color)i;
        return true;
    }
    return false;
}

static bool set_passed_output(struct bl__test_settings *settings,
                              const char *value) {
    (void)value;
    settings->shows_passed = true;
    return true;
}

/* Standard output is the console's, and TAP's that takes its place. */
static bool is_file_name(const char *value) {
    return *value != '\0' && strcmp(value, "-") != 0;
}

static bool set_tap(struct bl__test_settings *settings, const char *value) {
    settings->tap = value != NULL ? value : "-";
    return *settings->tap != '\0';
}

static bool set_junit(struct bl__test_settings *settings, const char *value) {
    settings->junit = value;
    return is_file_name(value);
}

static bool set_json(struct bl__test_settings *settings, const char *value) {
    settings->json = value;
    return is_file_name(value);
}

static bool set_report_dir(struct bl__test_settings *settings,
                           const char *value) {
    settings->report_dir = value;
    return *value != '\0';
}

static bool set_update(struct bl__test_settings *settings, const char *value) {
    (void)value;
    settings->updates_snapshots = true;
    return true;
}

static bool set_tool(struct bl__test_settings *settings, const char *tool,
                     const char *test) {
    settings->tool = tool;
    settings->tool_test = test;
    return *test != '\0';
}

static bool set_gdb(struct bl__test_settings *settings, const char *value) {
    return set_tool(settings, "gdb", value);
}

static bool set_rr(struct bl__test_settings *settings, const char *value) {
    return set_tool(settings, "rr", value);
}

static bool set_valgrind(struct bl__test_settings *settings,
                         const char *value) {
    return set_tool(settings, "valgrind", value);
}

static bool set_help(struct bl__test_settings *settings, const char *value) {
    (void)value;
    settings->listing = BL__LIST_HELP;
    return true;
}

static bool set_version(struct bl__test_settings *settings, const char *value) {
    (void)value;
    settings->listing = BL__LIST_VERSION;
    return true;
}

/* ---- the tables ---------------------------------------------------------- */

static const struct bl__option which_options[] = {
    { "-k", "EXPR", set_keywords,
      "tests whose name or tags fit: 'echo and not slow'" },
    { "--lf", NULL, set_last_failed,
      "those that failed last time, if any did" },
    { "--ff", NULL, set_failed_first, "the same, and then the others" },
    { "--list", "[=json]", set_list, "name the tests that would run" },
    { "--fixtures", NULL, set_fixtures,
      "name all fixtures, and what they need" },
    { "--setup-plan", NULL, set_plan,
      "what would be set up and torn down, test by test" },
};

static const struct bl__option run_options[] = {
    { "-j", "N", set_workers, "that many at once (default: one per CPU)" },
    { "-x", NULL, set_first, "stop after the first failure" },
    { "--maxfail", "N", set_maxfail, "stop after N failures" },
    { "--isolate", "WHAT", set_isolation,
      "what has a process: auto, test, module, or none" },
};

static const struct bl__option test_options[] = {
    { "--timeout", "SEC", set_timeout, "limit of each test, by its own clock" },
    { "--watchdog", "SEC|off", set_watchdog,
      "limit of each test in real time" },
    { "--timeout-scale", "F", set_scale, "multiply the limits in real time" },
    { "--clock", "virtual|real", set_clock,
      "of tests that do not choose one themselves" },
    { "--driver", "epoll|uring", set_driver, "the loop's driver" },
    { "--schedule", "KIND", set_schedule,
      "orders to run in: fifo, random, pct:D, dfs:B" },
    { "--explore", "N", set_explore, "N more orders of each test" },
    { "--explore-time", "SEC", set_explore_time,
      "more orders of each test, for so long" },
    { "--seed", "S|random", set_seed, "where shuffling starts (default: 1)" },
    { "--replay", "TOKEN", set_replay, "repeat a run that was reported" },
    { "--fuzz", "NAME[=SEC]", set_fuzz,
      "make inputs for the FUZZ tests NAME, for so long" },
    { "--short-io", NULL, set_short_io,
      "in other orders, let reads and writes move less" },
    { "--check-determinism", NULL, set_determinism,
      "run each test twice and compare the steps" },
    { "--sweep", "cancel,oom,io", set_sweep, "inject into every test" },
    { "--once", NULL, set_once, "run each test once, whatever it asks for" },
    { "--update-snapshots", NULL, set_update, "keep what CHECK_SNAPSHOT sees" },
};

static const struct bl__option output_options[] = {
    { "-v", NULL, set_verbose, "a line for each test; -vv: its fixtures too" },
    { "-q", NULL, set_quiet, "failures and totals alone" },
    { "-s", NULL, set_uncaptured, "let tests write to the terminal" },
    { "--show-passed-output", NULL, set_passed_output,
      "what passing tests have printed, too" },
    { "--durations", "N", set_durations, "the N slowest tests" },
    { "--color", "auto|always|never", set_color,
      "auto: on a terminal, unless NO_COLOR is set" },
    { "--tap", "[=FILE]", set_tap,
      "write TAP 14; without a FILE, in place of all this" },
    { "--junit", "FILE", set_junit, "write JUnit XML" },
    { "--json", "FILE", set_json, "write JSON, one object per line" },
    { "--report-dir", "DIR", set_report_dir,
      "write all three, named after the program" },
};

static const struct bl__option tool_options[] = {
    { "--gdb", "TEST", set_gdb, "run this one test in the debugger" },
    { "--rr", "TEST", set_rr, "record it, for rr replay" },
    { "--valgrind", "TEST", set_valgrind, "run it under Valgrind" },
};

static const struct bl__option other_options[] = {
    { "-h", NULL, set_help, NULL },
    { "--help", NULL, set_help, "this page; or -h" },
    { "--version", NULL, set_version, "the version of Belay" },
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

const struct bl__option_section bl__option_sections[BL__OPTION_SECTIONS] = {
    { "Which tests", which_options, COUNT_OF(which_options), false },
    { "The run", run_options, COUNT_OF(run_options), false },
    { "Each test", test_options, COUNT_OF(test_options), true },
    { "What is shown", output_options, COUNT_OF(output_options), false },
    { "One test under a tool", tool_options, COUNT_OF(tool_options), false },
    { "Other", other_options, COUNT_OF(other_options), false },
};

const struct bl__option bl__option_variables[] = {
    { "BELAY_TEST_SEED", "S|random", set_seed, "--seed" },
    { "BELAY_TEST_TIMEOUT_SCALE", "F", set_scale, "--timeout-scale" },
};
const size_t bl__option_variable_count = COUNT_OF(bl__option_variables);
