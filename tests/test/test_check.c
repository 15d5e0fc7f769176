/* SPDX-License-Identifier: MIT */
/*
 * test/test_check.c - what checks accept, and what they say when they fail
 *
 * What holds is checked right here.  What fails is in specimens/checks.c: one
 * test of it is run, and its report read.
 */
#include <math.h>
#include <string.h>

#include "test/subrun.h"

/* ---- what holds ---------------------------------------------------------- */

enum colour {
    RED = 1,
    BLUE = 7
};
enum depth {
    BELOW = -5,
    ABOVE = 5
};

TEST(numbers_are_compared_as_numbers, .no_loop = true) {
    signed char tiny = -1;
    unsigned char byte = 255;
    size_t size = 3;
    CHECK_EQ(size, 3);
    CHECK_NE(tiny, byte);
    CHECK_LT(tiny, byte);
    CHECK_LT(-1, 0u);
    CHECK_LT(INT64_MIN, UINT64_MAX);
    CHECK_GT(UINT64_MAX, INT64_MAX);
    CHECK_NE(-1, UINT64_MAX);
    CHECK_EQ((short)-7, -7LL);
    CHECK_LE(INT64_MIN, INT64_MIN);
    CHECK_GE(5ul, 5);
    CHECK_GT(-2, -3);
}

TEST(floats_are_compared_with_integers, .no_loop = true) {
    CHECK_EQ(2.0, 2);
    CHECK_EQ(0.5f, 0.5L);
    CHECK_LT(UINT64_MAX - 1, 18446744073709551615.0L);
    CHECK_NE(9007199254740993, 9007199254740992.0);
    CHECK_NE((double)NAN, (double)NAN);
    CHECK_LT(-INFINITY, INT64_MIN);
    CHECK_NEAR(1.0, 1.25, 0.25);
    CHECK_NEAR(INFINITY, INFINITY, 0);
    CHECK_NEAR(-3, 4u, 7);
}

TEST(other_scalars_are_compared, .no_loop = true) {
    enum colour colour = BLUE;
    enum depth depth = BELOW;
    bool is_open = true;
    char letter = 'x';
    int number = 1;
    const int *constant = &number;
    const char text[] = "text";
    CHECK_EQ(colour, 7);
    CHECK_GT(colour, RED);
    CHECK_LT(depth, 0);
    CHECK_EQ(is_open, true);
    CHECK_EQ(is_open, number);
    CHECK_EQ(letter, 'x');
    CHECK_EQ(constant, &number);
    CHECK_NE(constant, NULL);
    CHECK_EQ(text, &text[0]);
    CHECK_LT(&text[0], &text[1]);
}

TEST(what_is_compared_is_evaluated_once, .no_loop = true) {
    int a = 0;
    int b = 10;
    CHECK_EQ(++a, 1);
    CHECK_LT(a++, b++);
    CHECK(b++ == 11);
    CHECK_OK(a++);
    const char *right[] = { "wrong", "wrong", "wrong", "right" };
    CHECK_STR(right[a++], "right");
    CHECK_EQ(a, 4);
    CHECK_EQ(b, 12);
}

TEST(checks_yield_whether_they_held, .no_loop = true) {
    CHECK(CHECK(true));
    CHECK(CHECK_EQ(1, 1) && CHECK_STR("a", "a") && CHECK_OK(0));
    if (!CHECK_MEM("abc", 3, "abcd", 3)) t_fail("it says that it failed");
}

TEST(texts_and_bytes_are_compared, .no_loop = true) {
    CHECK_STR(NULL, NULL);
    CHECK_STR("", "");
    CHECK_CONTAINS("needle", "");
    CHECK_CONTAINS("a needle in it", "needle");
    CHECK_MEM(NULL, 0, "", 0);
    CHECK_MEM("a\0b", 4, "a\0b", 4);
}

TEST(codes_are_compared, .no_loop = true) {
    CHECK_OK(0);
    CHECK_OK(INT64_MAX);
    CHECK_ERR(-ETIMEDOUT, BL_ETIMEDOUT);
    CHECK_ERR(0, 0);
}

/* ---- what is said -------------------------------------------------------- */

/* Runs one test of the specimen, and checks that it failed saying `texts`. */
static void check_says(const char *name, const char *const *texts) {
    struct subrun run = subrun_run(SPECIMEN("checks"), name, NULL);
    CHECK_EQ(run.status, 1);
    CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
    for (; *texts != NULL; texts++)
        CHECK_CONTAINS(run.output, *texts);
    subrun_done(&run);
}

#define SAYS(name, ...) \
    check_says(name, (const char *const[]){ __VA_ARGS__, NULL })

TEST(a_condition_is_shown_as_written, .no_loop = true) {
    SAYS("condition", "checks.c:21: in task 'test' #2\n",
         "    CHECK(width > 4 && width < 9)\n");
}

TEST(numbers_are_shown, .no_loop = true) {
    SAYS("numbers",
         "CHECK_EQ(minus_one, 4294967295u): -1 vs 4294967295\n"
         "      minus_one = -1\n  ",
         "CHECK_NE(size, 3): 3 is 3\n      size = 3\n",
         "CHECK_LT(size, 3): 3 is not < 3\n",
         "CHECK_LE(size, 2): 3 is not <= 2\n",
         "CHECK_GT(minus_one, 0u): -1 is not > 0\n",
         "CHECK_GE(INT64_MIN, UINT64_MAX): -9223372036854775808 is not >= "
         "18446744073709551615\n"
         "      INT64_MIN = -9223372036854775808\n"
         "      UINT64_MAX = 18446744073709551615\n");
}

TEST(other_scalars_are_shown, .no_loop = true) {
    SAYS("other_scalars",
         "CHECK_EQ(is_open, false): true vs false\n      is_open = true\n",
         "CHECK_EQ(letter, 10): 120 'x' vs 10\n      letter = 120 'x'\n",
         "CHECK_EQ(colour, RED): 7 vs 1\n      colour = 7\n      RED = 1\n",
         "CHECK_NE(nothing, NULL): NULL is NULL\n      nothing = NULL\n",
         "CHECK_EQ(half, 1): 0.5 vs 1\n      half = 0.5\n",
         "CHECK_EQ((double)NAN, (double)NAN): nan vs nan\n",
         "CHECK_NEAR(half, 0.75): 0.5 vs 0.75: 0.25 apart, 0.125 allowed\n");
}

TEST(texts_are_shown, .no_loop = true) {
    SAYS("texts",
         "CHECK_STR(name, \"lift\\n\"): differ at byte 1\n"
         "      name = \"left\\n\"\n  ",
         "CHECK_STR(nobody, \"somebody\"): they differ\n      nobody = NULL\n",
         "CHECK_CONTAINS(name, \"right\"): it is not there\n"
         "      name = \"left\\n\"\n",
         "CHECK_CONTAINS(nobody, \"right\"): it is not there\n"
         "      nobody = NULL\n");
}

TEST(long_texts_are_shown_around_the_difference, .no_loop = true) {
    SAYS("long_texts", "CHECK_STR(left, right): differ at byte 500\n",
         "left = ...\"......", "....HERE....", "right = ...\"......");
}

TEST(bytes_are_dumped_around_the_difference, .no_loop = true) {
    SAYS("bytes",
         "CHECK_MEM(left, right): differ at byte 25 (40 and 40 bytes)\n"
         "      left:\n"
         "        0000: 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f 50  "
         "|ABCDEFGHIJKLMNOP|\n"
         "        0010: 51 52 53 54 55 56 57 58 59>5a 5b 5c 5d 5e 5f 60  "
         "|QRSTUVWXYZ[\\]^_`|\n",
         "        0010: 51 52 53 54 55 56 57 58 59>ff 5b 5c 5d 5e 5f 60  "
         "|QRSTUVWXY.[\\]^_`|\n",
         "CHECK_MEM(left, left): differ at byte 2 (3 and 2 bytes)\n",
         "        0000: 41 42>43                                         "
         "|ABC|\n",
         "CHECK_MEM(NULL, left): differ at byte 0 (3 and 3 bytes, at NULL)\n");
}

TEST(codes_are_shown_with_their_names_and_errors, .no_loop = true) {
    SAYS("codes",
         "CHECK_OK(BL_ERR(BL_EIO, \"the disk says no\")): BL_EIO (-5): input "
         "or output failed\n      BL_EIO (-5): the disk says no\n",
         "in task root/test\n",
         "CHECK_ERR(0, BL_ETIMEDOUT): 0, not BL_ETIMEDOUT\n",
         "): BL_EIO (-5): input or output failed, not BL_EPIPE (-32): ",
         "      BL_EIO (-5): again\n");
}

TEST(a_failure_can_be_told, .no_loop = true) {
    SAYS("told", "checks.c:88: in task 'test' #2\n"
                 "    3 of 12 eggs are broken\n");
}

TEST(context_is_shown_within_its_block, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("checks"), "context", NULL);
    CHECK_EQ(subrun_count(&run, "while: egg"), 1);
    CHECK_CONTAINS(run.output, "      i = 1\n    while: egg 1\n");
    CHECK_CONTAINS(run.output, "    CHECK(false)\n");
    subrun_done(&run);
}

TEST(require_ends_its_task_and_the_test, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("checks"), "child_task", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "in task 'require_zero' #3\n"
                               "    REQUIRE_EQ(*(int *)arg, 0): 1 vs 0\n"
                               "      *(int *)arg = 1\n"
                               "    while: in the child\n");
    CHECK_EQ(subrun_count(&run, "it went on"), 0);
    CHECK_EQ(subrun_count(&run, "in the body"), 0);
    subrun_done(&run);
}

TEST(require_runs_cleanup_on_its_way, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("checks"), "cleanup", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "    | left the inner block\n"
                               "    | left the outer block\n");
    CHECK_EQ(subrun_count(&run, "it went on"), 0);
    subrun_done(&run);
}

TEST(a_check_in_another_thread_counts, .no_loop = true) {
    SAYS("another_thread", "in another thread\n    CHECK_EQ(2, 3): 2 vs 3\n");
}

TEST(many_failures_are_counted, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("checks"), "many", NULL);
    CHECK_CONTAINS(run.output, "CHECK_EQ(i, -1): 19 vs -1\n      i = 19\n"
                               "  and 30 more failures\n");
    CHECK_EQ(subrun_count(&run, "20 vs -1"), 0);
    subrun_done(&run);
}

TEST(injected_runs_tolerate_all_but_check_always, .no_loop = true) {
    struct subrun run =
        subrun_run(SPECIMEN("checks"), "tolerated", "not_tolerated", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "--- FAILED checks.c::not_tolerated --");
    CHECK_CONTAINS(run.output, "CHECK_ALWAYS(bl_sleep(1) == 0)\n");
    CHECK_STR(subrun_last_line(&run), "1 passed, 1 failed");
    subrun_done(&run);
}
