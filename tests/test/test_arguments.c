/* SPDX-License-Identifier: MIT */
/*
 * test/test_arguments.c - reading a command line
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <belay/test.h>

#include "test/options.h"

enum {
    WORDS_MAX = 12
};

static struct bl__test_settings settings;

/*
 * Reads the words up to NULL, with only the variables that a test has set.  The
 * settings hold until the next time.
 */
static int read_words(const char *first, ...) {
    static char program[] = "./all_tests";
    char *words[WORDS_MAX] = { program };
    int count = 1;
    va_list more;
    va_start(more, first);
    for (const char *word = first; word != NULL;
         word = va_arg(more, const char *)) {
        REQUIRE_LT(count, WORDS_MAX);
        words[count++] = (char *)word;
    }
    va_end(more);
    bl__options_done(&settings);
    return bl__options_parse(&settings, count, words);
}

/* What a user has set shall not decide about these tests. */
FIXTURE(int, clean_environment, .autouse = true) {
    YIELD(unsetenv("BELAY_TEST_ARGS") + unsetenv("BELAY_TEST_SEED") +
          unsetenv("BELAY_TEST_TIMEOUT_SCALE"));
    bl__options_done(&settings);
}

TEST(without_words_all_is_default) {
    CHECK_EQ(read_words(NULL), 0);
    CHECK_STR(settings.program, "./all_tests");
    CHECK_EQ(settings.pattern_count, 0);
    CHECK_EQ(settings.verbosity, 0);
    CHECK_EQ(settings.seed, 1);
    CHECK(settings.has_watchdog);
    CHECK_GE(settings.worker_count, 1);
    CHECK_EQ(settings.clock, BL_TEST_CLOCK_VIRTUAL);
    CHECK_STR(settings.tap, NULL);
}

TEST(values_follow_in_any_usual_way) {
    CHECK_EQ(read_words("-j4", NULL), 0);
    CHECK_EQ(settings.worker_count, 4);
    CHECK_EQ(read_words("-j", "5", NULL), 0);
    CHECK_EQ(settings.worker_count, 5);
    CHECK_EQ(read_words("--maxfail=3", NULL), 0);
    CHECK_EQ(settings.failures_max, 3);
    CHECK_EQ(read_words("--maxfail", "2", NULL), 0);
    CHECK_EQ(settings.failures_max, 2);
    CHECK_EQ(read_words("--junit=a=b", NULL), 0);
    CHECK_STR(settings.junit, "a=b");
}

TEST(short_options_share_a_dash) {
    CHECK_EQ(read_words("-xvvj3", "one", NULL), 0);
    CHECK_EQ(settings.failures_max, 1);
    CHECK_EQ(settings.verbosity, 2);
    CHECK_EQ(settings.worker_count, 3);
    CHECK_EQ(settings.pattern_count, 1);
}

TEST(values_that_may_lack_never_take_the_next_word) {
    CHECK_EQ(read_words("--tap", "one", NULL), 0);
    CHECK_STR(settings.tap, "-");
    CHECK_EQ(settings.pattern_count, 1);
    CHECK_EQ(read_words("--tap=file", NULL), 0);
    CHECK_STR(settings.tap, "file");
    CHECK_EQ(read_words("--list", NULL), 0);
    CHECK_EQ(settings.listing, BL__LIST_NAMES);
    CHECK_EQ(read_words("--list=json", NULL), 0);
    CHECK_EQ(settings.listing, BL__LIST_JSON);
}

TEST(what_is_no_option_is_a_pattern) {
    CHECK_EQ(read_words("a", "-", "--", "-v", "--lf", NULL), 0);
    REQUIRE_EQ(settings.pattern_count, 4);
    CHECK_STR(settings.patterns[1], "-");
    CHECK_STR(settings.patterns[2], "-v");
    CHECK_STR(settings.patterns[3], "--lf");
    CHECK_EQ(settings.last, BL__LAST_IGNORED);
}

TEST(the_last_word_counts) {
    CHECK_EQ(read_words("-q", "-v", "--color=never", "--color=always", "--lf",
                        "--ff", NULL),
             0);
    CHECK_EQ(settings.verbosity, 1);
    CHECK_EQ(settings.color, BL__COLOR_ALWAYS);
    CHECK_EQ(settings.last, BL__LAST_FIRST);
}

TEST(the_environment_comes_first) {
    REQUIRE_OK(setenv("BELAY_TEST_ARGS", " -v --seed=7\n-j 3 one ", 1));
    REQUIRE_OK(setenv("BELAY_TEST_SEED", "5", 1));
    REQUIRE_OK(setenv("BELAY_TEST_TIMEOUT_SCALE", "2.5", 1));
    CHECK_EQ(read_words("-j4", "two", NULL), 0);
    CHECK_EQ(settings.verbosity, 1);
    CHECK_EQ(settings.seed, 7);
    CHECK_EQ(settings.worker_count, 4);
    CHECK_NEAR(settings.timeout_scale, 2.5, 0);
    REQUIRE_EQ(settings.pattern_count, 2);
    CHECK_STR(settings.patterns[0], "one");

    REQUIRE_OK(setenv("BELAY_TEST_ARGS", "", 1));
    CHECK_EQ(read_words(NULL), 0);
    CHECK_EQ(settings.seed, 5);
}

TEST(words_of_the_environment_may_be_quoted) {
    REQUIRE_OK(setenv("BELAY_TEST_ARGS",
                      "-k 'net and not \"x\"' \"a b\"'c'd '' --", 1));
    CHECK_EQ(read_words("-z", NULL), 0);
    CHECK_STR(settings.keywords, "net and not \"x\"");
    REQUIRE_EQ(settings.pattern_count, 3);
    CHECK_STR(settings.patterns[0], "a bcd");
    CHECK_STR(settings.patterns[1], "");
    CHECK_STR(settings.patterns[2], "-z");
}

/* ---- what is wrong ------------------------------------------------------- */

PARAM(const char *, wrong, "--nonsense", "-Z", "-vZ", "--lf=3", "--maxfail",
      "--maxfail=0", "--maxfail=x", "--maxfail=", "-j0", "-j2000", "-j4x",
      "--timeout=0", "--timeout=-1", "--timeout=nan", "--timeout-scale=0",
      "--watchdog=soon", "--clock=sundial", "--driver=none", "--color=red",
      "--list=xml", "--junit=-", "--junit=", "--json=-",
      "--report-dir=", "--seed=x", "--gdb=", "--durations=-1", "-k",
      "--isolate=perhaps");
TEST(wrong_words_are_refused, (wrong)) {
    CHECK_EQ(read_words(wrong, NULL), -1);
}

TEST(wrong_variables_are_refused) {
    REQUIRE_OK(setenv("BELAY_TEST_SEED", "x", 1));
    CHECK_EQ(read_words(NULL), -1);
    REQUIRE_OK(unsetenv("BELAY_TEST_SEED"));
    REQUIRE_OK(setenv("BELAY_TEST_TIMEOUT_SCALE", "-1", 1));
    CHECK_EQ(read_words(NULL), -1);
    REQUIRE_OK(unsetenv("BELAY_TEST_TIMEOUT_SCALE"));
    REQUIRE_OK(setenv("BELAY_TEST_ARGS", "--nonsense", 1));
    CHECK_EQ(read_words(NULL), -1);
    REQUIRE_OK(setenv("BELAY_TEST_ARGS", "one 'two", 1));
    CHECK_EQ(read_words(NULL), -1);
    REQUIRE_OK(setenv("BELAY_TEST_ARGS", "'", 1));
    CHECK_EQ(read_words(NULL), -1);
}

TEST(words_that_exclude_each_other_are_refused) {
    CHECK_EQ(read_words("-k", "a and", NULL), -1);
    CHECK_EQ(read_words("-s", "--tap", NULL), -1);
    CHECK_EQ(read_words("--isolate=none", "--tap", NULL), -1);
    CHECK_EQ(read_words("-s", "--tap=file", NULL), 0);
}

/* ---- what follows from it ------------------------------------------------ */

TEST(who_reads_along_hears_one_at_a_time) {
    CHECK_EQ(read_words("-s", NULL), 0);
    CHECK_EQ(settings.worker_count, 1);
    CHECK_EQ(read_words("-s", "-j2", NULL), 0);
    CHECK_EQ(settings.worker_count, 2);
    CHECK_EQ(read_words("--isolate=none", "-j2", NULL), 0);
    CHECK_EQ(settings.worker_count, 1);
}

TEST(a_tool_gets_the_words_that_matter_to_one_test) {
    CHECK_EQ(read_words("--gdb", "one", "-x", "--clock=real", "--lf", "--seed",
                        "9", NULL),
             0);
    CHECK_STR(settings.tool, "gdb");
    CHECK_STR(settings.tool_test, "one");
    REQUIRE_EQ(settings.tool_word_count, 4);
    CHECK_STR(settings.tool_words[0], "--clock");
    CHECK_STR(settings.tool_words[1], "real");
    CHECK_STR(settings.tool_words[2], "--seed");
    CHECK_STR(settings.tool_words[3], "9");
}
