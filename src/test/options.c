/* SPDX-License-Identifier: MIT */
/*
 * test/options.c - what the command line asks for
 *
 * One table says how each option is spelled, whether it takes a value, and
 * what it does.  A value follows as the next word, or behind "=" for long
 * options, or directly for short ones (-j4).
 */
#include "test/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host.h"

enum {
    WORDS_MAX = 512
};

/* Returns false if the value makes no sense. */
typedef bool option_fn(struct bl__test_settings *settings, const char *value);

struct option {
    const char *name;
    const char *value; /* what the value is, or NULL if there is none */
    option_fn *apply;
    const char *help; /* NULL: not shown */
};

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
    (void)value;
    settings->lists = true;
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
    settings->verbosity = 1;
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
    settings->is_shuffled = strcmp(value, "random") == 0;
    return settings->is_shuffled || strcmp(value, "fifo") == 0;
}

static bool set_explore(struct bl__test_settings *settings, const char *value) {
    long count;
    if (!read_count(value, 0, &count)) return false;
    settings->schedules = (unsigned)count;
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
                  { "oom", BL_TEST_SWEEP_OOM } };
    while (*value != '\0') {
        size_t length = strcspn(value, ",");
        size_t i = 0;
        while (i < 2 && (strlen(kinds[i].word) != length ||
                         strncmp(kinds[i].word, value, length) != 0)) {
            i++;
        }
        if (i == 2) return false;
        settings->sweep |= kinds[i].bit;
        value += length;
        if (*value == ',') value++;
    }
    return settings->sweep != 0;
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

static bool set_tap(struct bl__test_settings *settings, const char *value) {
    (void)value;
    settings->has_tap = true;
    return true;
}

static bool set_junit(struct bl__test_settings *settings, const char *value) {
    settings->junit = value;
    return *value != '\0';
}

static bool set_update(struct bl__test_settings *settings, const char *value) {
    (void)value;
    settings->updates_snapshots = true;
    return true;
}

static const struct option options[] = {
    { "-k", "EXPR", set_keywords,
      "tests whose name or tags fit: 'echo and not slow'" },
    { "--list", NULL, set_list, "name the tests that would run" },
    { "-j", "N", set_workers, "that many at once (default: one per CPU)" },
    { "-x", NULL, set_first, "stop after the first failure" },
    { "--maxfail", "N", set_maxfail, "stop after N failures" },
    { "-v", NULL, set_verbose, "a line for each test" },
    { "-q", NULL, set_quiet, "failures and totals alone" },
    { "-s", NULL, set_uncaptured, "let tests write to the terminal" },
    { "--isolate", "WHAT", set_isolation,
      "auto, test, module: what has a process; none: for debuggers" },
    { "--timeout", "SEC", set_timeout, "limit of each test, by its own clock" },
    { "--watchdog", "SEC", set_watchdog, "limit of each test in real time" },
    { "--timeout-scale", "F", set_scale, "multiply the limits in real time" },
    { "--schedule", "fifo|random", set_schedule, "order of the plain runs" },
    { "--explore", "N", set_explore, "N shuffled runs of each test besides" },
    { "--seed", "S|random", set_seed, "where shuffling starts (default: 1)" },
    { "--replay", "TOKEN", set_replay, "repeat a run that was reported" },
    { "--sweep", "cancel,oom", set_sweep, "inject into every test" },
    { "--update-snapshots", NULL, set_update, "keep what CHECK_SNAPSHOT sees" },
    { "--driver", "epoll|uring", set_driver, "the loop's driver" },
    { "--tap", NULL, set_tap, "write TAP to the standard output" },
    { "--junit", "FILE", set_junit, "write JUnit XML" },
};

enum {
    OPTION_COUNT = sizeof options / sizeof options[0]
};

/* ---- reading ------------------------------------------------------------ */

static void print_help(const char *program) {
    printf("usage: %s [options] [PATTERN...]\n\n"
           "A PATTERN is file, test, file::test or file::test[param]; * and ? "
           "stand for\nany text.  Without one, all tests run but those with a "
           "tag that begins\nwith a dot.\n\n",
           program);
    for (int i = 0; i < OPTION_COUNT; i++) {
        char left[40];
        snprintf(left, sizeof left, "%s %s", options[i].name,
                 options[i].value != NULL ? options[i].value : "");
        printf("  %-26s%s\n", left, options[i].help);
    }
    printf("\nBELAY_TEST_ARGS holds options that come first; "
           "BELAY_TEST_TIMEOUT_SCALE is a default\nfor --timeout-scale.  "
           "Exit status: 0 all passed, 1 failures, 2 interrupted,\n3 internal "
           "error, 4 wrong usage, 5 no tests.\n");
}

/*
 * Finds the option that `word` spells.  `*value` becomes what is attached to
 * it, or NULL.
 */
static const struct option *find_option(const char *word, const char **value) {
    *value = NULL;
    for (int i = 0; i < OPTION_COUNT; i++) {
        size_t length = strlen(options[i].name);
        if (strncmp(word, options[i].name, length) != 0) continue;
        const char *rest = word + length;
        bool is_long = word[1] == '-';
        if (*rest == '\0') return &options[i];
        if (options[i].value == NULL) continue;
        if (is_long && *rest != '=') continue;
        *value = is_long ? rest + 1 : rest;
        return &options[i];
    }
    return NULL;
}

/* Returns how many words were used, or -1. */
static int read_option(struct bl__test_settings *settings, int count,
                       char **words) {
    const char *value;
    int used = 1;
    const struct option *option = find_option(words[0], &value);
    if (option == NULL) {
        fprintf(stderr, "belay-test: no option is called %s; try --help\n",
                words[0]);
        return -1;
    }
    if (option->value != NULL && value == NULL) {
        if (count < 2) {
            fprintf(stderr, "belay-test: %s needs a value: %s\n", words[0],
                    option->value);
            return -1;
        }
        value = words[used++];
    }
    if (!option->apply(settings, value)) {
        fprintf(stderr, "belay-test: %s cannot be %s\n", option->name, value);
        return -1;
    }
    return used;
}

static int read_words(struct bl__test_settings *settings, int count,
                      char **words) {
    for (int i = 0; i < count;) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) {
            print_help("TESTS");
            return 1;
        }
        if (words[i][0] != '-' || words[i][1] == '\0') {
            settings->patterns[settings->pattern_count++] = words[i++];
            continue;
        }
        int used = read_option(settings, count - i, words + i);
        if (used < 0) return -1;
        i += used;
    }
    return 0;
}

/* Puts the words of BELAY_TEST_ARGS in front of those of the command line. */
static int collect_words(char **words, int argc, char **argv) {
    int count = 0;
    const char *more = getenv("BELAY_TEST_ARGS");
    if (more != NULL) {
        /* Kept for the rest of the run: options point into it. */
        char *copy = bl__host_format("%s", more);
        char *state;
        for (char *word = strtok_r(copy, " \t\n", &state);
             word != NULL && count < WORDS_MAX;
             word = strtok_r(NULL, " \t\n", &state)) {
            words[count++] = word;
        }
    }
    for (int i = 1; i < argc && count < WORDS_MAX; i++) {
        words[count++] = argv[i];
    }
    return count;
}

int bl__options_parse(struct bl__test_settings *settings, int argc,
                      char **argv) {
    char **words = bl__host_alloc(WORDS_MAX * sizeof words[0]);
    int count = collect_words(words, argc, argv);
    *settings = (struct bl__test_settings){
        .patterns = bl__host_alloc((size_t)WORDS_MAX * sizeof(char *)),
        .worker_count = bl__host_cpu_count(),
        .has_watchdog = true,
        .seed = 1,
        .timeout_scale = 1,
    };
    const char *scale = getenv("BELAY_TEST_TIMEOUT_SCALE");
    if (scale != NULL && !set_scale(settings, scale)) {
        fprintf(stderr, "belay-test: BELAY_TEST_TIMEOUT_SCALE cannot be %s\n",
                scale);
        return -1;
    }
    int rc = read_words(settings, count, words);
    free(words);
    if (settings->isolation == BL__ISOLATE_NONE) settings->worker_count = 1;
    return rc;
}
