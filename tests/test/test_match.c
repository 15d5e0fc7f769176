/* SPDX-License-Identifier: MIT */
/*
 * test/test_match.c - which cases are meant
 */
#include <belay/test.h>

#include "test/match.h"

static struct bl__test definition;
static char name[] = "retry[3-x]";
static char id[] = "test_timers.c::retry[3-x]";

static const struct bl__test_case *timers_retry(const char *tags) {
    static struct bl__test_case one;
    definition.name = "retry";
    definition.options.tags = tags;
    one = (struct bl__test_case){
        .test = &definition,
        .file = "test_timers.c",
        .name = name,
        .id = id,
    };
    return &one;
}

/* ---- patterns ------------------------------------------------------------ */

static bool fits(const char *pattern) {
    return bl__match_pattern(pattern, timers_retry(NULL));
}

TEST(a_pattern_names_the_whole_or_a_part_that_ends, .no_loop = true) {
    CHECK(fits("test_timers.c"));
    CHECK(fits("retry"));
    CHECK(fits("retry[3-x]"));
    CHECK(fits("test_timers.c::retry"));
    CHECK(fits("test_timers.c::retry[3-x]"));
    CHECK(!fits("retr"));
    CHECK(!fits("timers"));
    CHECK(!fits("test_timers.c::retr"));
    CHECK(!fits("retry[3]"));
    CHECK(!fits("test_echo.c::retry"));
    CHECK(!fits(""));
}

TEST(stars_and_question_marks_stand_for_text, .no_loop = true) {
    CHECK(fits("*"));
    CHECK(fits("re*"));
    CHECK(fits("*timers*"));
    CHECK(fits("r?try"));
    CHECK(fits("*::retry[3-*]"));
    CHECK(fits("test_timers.c::*"));
    CHECK(fits("retry[?-x]"));
    CHECK(!fits("re?"));
    CHECK(!fits("*z*"));
    CHECK(!fits("*::retry[4-*]"));
}

/* ---- expressions --------------------------------------------------------- */

static bool holds(const char *keywords) {
    const struct bl__test_settings settings = { .keywords = keywords };
    return bl__match(&settings, timers_retry("net slow"));
}

TEST(words_are_parts_of_names_or_whole_tags, .no_loop = true) {
    CHECK(holds("timers"));
    CHECK(holds("etr"));
    CHECK(holds("slow"));
    CHECK(!holds("slo"));
    CHECK(!holds("fast"));
}

TEST(operators_bind_as_usual, .no_loop = true) {
    CHECK(holds("net and slow"));
    CHECK(!holds("net and fast"));
    CHECK(holds("fast or net"));
    CHECK(holds("not fast"));
    CHECK(holds("not not net"));
    CHECK(holds("net or fast and fast"));
    CHECK(!holds("(net or fast) and fast"));
    CHECK(holds("not (fast and net)"));
    CHECK(!holds("not net or fast"));
}

static void check_problem(const char *keywords, const char *expected) {
    char problem[200];
    struct bl__text text = bl__text_in(problem, sizeof problem);
    bool is_valid = bl__match_check(keywords, &text);
    CHECK_EQ(is_valid, expected == NULL);
    CHECK_STR(problem, expected != NULL ? expected : "");
}

TEST(what_cannot_be_read_is_named, .no_loop = true) {
    check_problem("a and (b or not c)", NULL);
    check_problem("a and", "a word or '(' is missing at the end");
    check_problem("", "a word or '(' is missing at the end");
    check_problem("or a", "a word or '(' is missing before 'or a'");
    check_problem("(a or b", "')' is missing at the end");
    check_problem("a b", "'and' or 'or' is missing before 'b'");
    check_problem("a)", "'and' or 'or' is missing before ')'");
    check_problem("() or a", "a word or '(' is missing before ') or a'");
}

/* ---- hidden tests -------------------------------------------------------- */

static bool is_selected(const char *pattern, const char *keywords) {
    const char *patterns[] = { pattern };
    const struct bl__test_settings settings = {
        .patterns = patterns,
        .pattern_count = pattern != NULL ? 1 : 0,
        .keywords = keywords,
    };
    return bl__match(&settings, timers_retry("net .demo"));
}

TEST(hidden_tests_run_when_they_are_named, .no_loop = true) {
    CHECK(!is_selected(NULL, NULL));
    CHECK(!is_selected("test_timers.c", NULL));
    CHECK(!is_selected("re*", NULL));
    CHECK(!is_selected(NULL, "net"));
    CHECK(is_selected("retry", NULL));
    CHECK(is_selected("test_timers.c::retry", NULL));
    CHECK(is_selected(NULL, ".demo"));
    CHECK(is_selected("test_timers.c", ".demo"));
}
