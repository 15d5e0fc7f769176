/* SPDX-License-Identifier: MIT */
/*
 * test/test_clock.c - settle, advance, eventually, never, within, takes
 *
 *     Legs: threads
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "support/kids.h"
#include "test/subrun.h"

#define TIMES SPECIMEN("times")

static int set_after(void *arg) {
    int *number = arg;
    int rc = bl_sleep(SEC(*number));
    if (rc == 0) *number = -*number;
    return rc;
}

static int wait_readable(void *arg) {
    return bl_fd_wait((int)NUMBER(arg), BL_READABLE);
}

/* ---- settle and advance -------------------------------------------------- */

static int count_to_five(void *arg) {
    int *count = arg;
    while (*count < 5) {
        ++*count;
        int rc = bl_yield();
        if (rc < 0) return rc;
    }
    return bl_sleep(SEC(1));
}

TEST(settle_lets_the_others_run_until_they_wait) {
    int count = 0;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, count_to_five, &count));
    t_settle();
    CHECK_EQ(count, 5);
    CHECK_EQ(bl_now(), 0);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(bl_now(), SEC(1));
}

TEST(advance_stops_at_each_timer) {
    int one = 1;
    int three = 3;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, set_after, &one));
    REQUIRE_OK(bl_spawn(&group, set_after, &three));
    t_advance(SEC(2));
    CHECK_EQ(bl_now(), SEC(2));
    CHECK_EQ(one, -1);
    CHECK_EQ(three, 3);
    t_advance(SEC(1));
    CHECK_EQ(three, -3);
    t_advance(0);
    CHECK_EQ(bl_now(), SEC(3));
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_manual_clock_moves_by_advance_alone, .clock = T_CLOCK_MANUAL) {
    int one = 1;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, set_after, &one));
    t_settle();
    CHECK_EQ(bl_now(), 0);
    t_advance(SEC(1) - 1);
    CHECK_EQ(one, 1);
    t_advance(1);
    CHECK_EQ(one, -1);
    CHECK_OK(bl_group_exit(&group, 0));
}

FIXTURE(int, slow) {
    REQUIRE_OK(bl_sleep(HOUR));
    YIELD(0);
    TAKES(HOUR) CHECK_OK(bl_sleep(HOUR));
}

TEST(a_manual_clock_moves_for_fixtures, (slow), .clock = T_CLOCK_MANUAL) {
    CHECK_EQ(bl_now(), HOUR);
    t_settle();
    CHECK_EQ(bl_now(), HOUR);
}

TEST(advance_does_not_stop_for_an_idle_descriptor) {
    int fds[2];
    REQUIRE_OK(pipe2(fds, O_NONBLOCK | O_CLOEXEC));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, wait_readable, ARG(fds[0])));
    bl_loop_info before;
    bl_loop_info after;
    bl_loop_get_info(bl_loop_running(), &before);
    t_advance(HOUR);
    bl_loop_get_info(bl_loop_running(), &after);
    CHECK_LT(after.iterations - before.iterations, 20);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    close(fds[0]);
    close(fds[1]);
}

/* ---- eventually and never ------------------------------------------------ */

TEST(eventually_looks_as_soon_as_it_can_be_true) {
    int thirty = 30;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, set_after, &thirty));
    TAKES(SEC(30)) REQUIRE_EVENTUALLY(thirty < 0, SEC(60));
    TAKES(0) REQUIRE_EVENTUALLY(thirty < 0, SEC(60));
    CHECK_OK(bl_group_exit(&group, 0));
}

/* The timers are due together, in whatever order the schedule has them. */
TEST(eventually_looks_after_the_last_moment_too, .schedules = 20) {
    int thirty = 30;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, set_after, &thirty));
    REQUIRE_EVENTUALLY(thirty < 0, SEC(30));
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(eventually_equal_gives_the_last_values) {
    int thirty = 30;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, set_after, &thirty));
    TAKES(SEC(30)) REQUIRE_EVENTUALLY_EQ(thirty, -30L, SEC(60));
    CHECK(CHECK_EVENTUALLY_EQ(thirty, -30, 0));
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(never_watches_all_the_time) {
    int thirty = 30;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, set_after, &thirty));
    TAKES(SEC(30) - 1) CHECK_NEVER(thirty < 0, SEC(30) - 1);
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(a_manual_clock_is_moved_by_eventually, .clock = T_CLOCK_MANUAL) {
    int thirty = 30;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, set_after, &thirty));
    REQUIRE_EVENTUALLY(thirty < 0, SEC(60));
    CHECK_EQ(bl_now(), SEC(30));
    CHECK_OK(bl_group_exit(&group, 0));
}

/* What is awaited comes from outside, and no timer tells of it. */
struct outside {
    bl_handle *handle;
    bool is_there;
};

static void on_post(void *context) {
    ((struct outside *)context)->is_there = true;
}

static void *post(void *arg) {
    struct outside *outside = arg;
    BL_IGNORE(bl_thread_post(outside->handle, on_post, outside));
    bl_thread_close(outside->handle);
    return NULL;
}

TEST(eventually_sees_what_comes_from_another_thread) {
    struct outside outside = { .is_there = false };
    pthread_t thread;
    REQUIRE_OK(bl_handle_open(&outside.handle));
    REQUIRE_EQ(pthread_create(&thread, NULL, post, &outside), 0);
    REQUIRE_EVENTUALLY(outside.is_there, HOUR);
    CHECK_LE(bl_now(), MS(2));
    pthread_join(thread, NULL);
}

TEST(a_long_limit_beside_a_descriptor_takes_few_steps) {
    int fds[2];
    int hour = 3600;
    REQUIRE_OK(pipe2(fds, O_NONBLOCK | O_CLOEXEC));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, wait_readable, ARG(fds[0])));
    REQUIRE_OK(bl_spawn(&group, set_after, &hour));
    int looks = 0;
    REQUIRE_EVENTUALLY((looks++, hour < 0), 2 * HOUR);
    CHECK_EQ(bl_now(), HOUR);
    CHECK_LT(looks, 200);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    close(fds[0]);
    close(fds[1]);
}

/* ---- within and takes ---------------------------------------------------- */

TEST(within_and_takes_let_pass_what_is_in_time) {
    WITHIN(SEC(5)) TAKES(SEC(4)) CHECK_OK(bl_sleep(SEC(4)));
    CHECK_OK(bl_sleep(SEC(5))); /* the limit is gone */
}

static int leave_early(void) {
    WITHIN(SEC(1)) {
        for (;;)
            return bl_sleep(MS(10));
    }
    return -1;
}

TEST(within_can_be_left_by_return) {
    CHECK_OK(leave_early());
    CHECK_OK(bl_sleep(SEC(2)));
}

TEST(takes_is_a_lower_bound_on_a_real_clock, .clock = T_CLOCK_REAL) {
    TAKES(0) CHECK_OK(bl_yield());
}

/* ---- what is said -------------------------------------------------------- */

static void check_says(const char *name, const char *const *texts) {
    struct subrun run = subrun_run(TIMES, name, NULL);
    CHECK_EQ(run.status, 1);
    for (; *texts != NULL; texts++)
        CHECK_CONTAINS(run.output, *texts);
    subrun_done(&run);
}

#define SAYS(name, ...) \
    check_says(name, (const char *const[]){ __VA_ARGS__, NULL })

TEST(a_condition_that_did_not_come_is_shown, .no_loop = true) {
    struct subrun run = subrun_run(TIMES, "eventually", NULL);
    CHECK_CONTAINS(run.output,
                   "CHECK_EVENTUALLY(is_done, SEC(59)): it did not\n"
                   "      looked at 2 times in 59 s\n");
    CHECK_CONTAINS(run.output, "CHECK_EVENTUALLY_EQ(is_done + 1, 3, MS(1500)): "
                               "in the end 2 vs 3\n"
                               "      looked at 3 times in 1.5 s\n");
    CHECK_CONTAINS(run.output,
                   "REQUIRE_EVENTUALLY(is_done == 7, SEC(9)): it did not\n"
                   "      looked at 2 times in 9 s\n");
    CHECK_EQ(subrun_count(&run, "it went on"), 0);
    subrun_done(&run);
}

TEST(a_condition_that_came_is_shown, .no_loop = true) {
    struct subrun run = subrun_run(TIMES, "never", NULL);
    CHECK_CONTAINS(run.output, "CHECK_NEVER(is_done, SEC(61)): it did\n"
                               "      looked at 2 times in 60 s\n");
    CHECK_EQ(subrun_count(&run, "CHECK_EQ"), 0);
    subrun_done(&run);
}

TEST(a_block_that_is_too_slow_is_cancelled, .no_loop = true) {
    SAYS("within", "WITHIN(SEC(2)): the block was not done in time\n",
         "    | cancelled at 2000 ms\n    | it went on\n");
}

TEST(a_block_that_takes_another_time_is_shown, .no_loop = true) {
    SAYS("takes", "TAKES(SEC(2)): it took 2.001 s\n      expected 2 s\n",
         "TAKES(0): it took 1 ns\n      expected 0 s\n");
}

TEST(a_test_over_its_limit_is_shown_with_its_tasks, .no_loop = true) {
    SAYS("has_a_limit", "--- TIMEOUT times.c::has_a_limit --",
         "TIMEOUT: it has taken 5 s by the clock of its loop\n",
         "test #2  waits for sleep, in bl_sleep(SEC(6)) at ");
}
