/* SPDX-License-Identifier: MIT */
/*
 * tests/proc/test_run.c - a program from its start to its end
 *
 *     Legs: threads sweep
 */
#include <belay/test.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/programs.h"

#define REAL .clock = T_CLOCK_REAL

static bl_process_run_options run_options(void) {
    return (bl_process_run_options){ .size = sizeof(bl_process_run_options) };
}

/* Options with a marker. */
static bl_process_run_options marked_options(struct marker *marker,
                                             bl_process_options *process) {
    bl_process_run_options options = run_options();
    *process = (bl_process_options){ .size = sizeof *process };
    marker_open(marker, process);
    options.process = process;
    return options;
}

static int runs(const char *script, const bl_process_run_options *options,
                bl_process_result *result) {
    const char *argv[] = { "sh", "-c", script, NULL };
    return bl_process_run(argv, options, result);
}

TEST(output_and_errors_are_collected_apart, REAL) {
    bl_process_result result;
    REQUIRE_OK(runs("echo out; echo err >&2; exit 5", NULL, &result));
    CHECK_STR(result.out, "out\n");
    CHECK_EQ(result.out_bytes, 4u);
    CHECK_STR(result.err, "err\n");
    CHECK_EQ(result.err_bytes, 4u);
    CHECK_EQ(result.status.code, 5);
    bl_process_result_done(&result);
    CHECK(result.out == NULL);
    bl_process_result_done(&result);
    bl_process_result_done(NULL);
}

TEST(output_may_be_empty, REAL) {
    bl_process_result result;
    REQUIRE_OK(runs("exit 0", NULL, &result));
    CHECK_STR(result.out, "");
    CHECK_EQ(result.out_bytes, 0u);
    CHECK(bl_process_status_is_ok(&result.status));
    bl_process_result_done(&result);
}

TEST(output_and_errors_may_be_one, REAL) {
    bl_process_result result;
    bl_process_options process = { .size = sizeof process,
                                   .err = { .kind = BL_STDIO_OUT } };
    bl_process_run_options options = run_options();
    options.process = &process;
    REQUIRE_OK(runs("echo out; echo err >&2; echo out", &options, &result));
    CHECK_STR(result.out, "out\nerr\nout\n");
    CHECK(result.err == NULL);
    bl_process_result_done(&result);
}

TEST(input_is_given_and_ends, REAL) {
    bl_process_result result;
    bl_process_run_options options = run_options();
    options.input = "c\na\nb\n";
    options.input_bytes = 6;
    REQUIRE_OK(runs("sort", &options, &result));
    CHECK_STR(result.out, "a\nb\nc\n");
    bl_process_result_done(&result);
}

TEST(without_input_it_reads_nothing, REAL) {
    bl_process_result result;
    REQUIRE_OK(runs("wc -c", NULL, &result));
    CHECK_STR(result.out, "0\n");
    bl_process_result_done(&result);
}

enum {
    MUCH = 3 * 1024 * 1024
};

/* Runs a command with more input than a pipe holds.  Returns the input. */
static char *run_with_much(const char *command, bl_process_result *result) {
    bl_process_run_options options = run_options();
    char *input = bl_alloc(MUCH);
    REQUIRE(input != NULL);
    memset(input, 'x', MUCH);
    options.input = input;
    options.input_bytes = MUCH;
    REQUIRE_OK(runs(command, &options, result));
    return input;
}

static int feeds_who_does_not_read(void *arg) {
    bl_process_result result;
    bl_process_run_options options = run_options();
    options.input = arg;
    options.input_bytes = MUCH;
    return runs("sleep 100", &options, &result);
}

TEST(its_pipes_have_names_in_the_tree_of_tasks, REAL) {
    static char much[MUCH];
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, feeds_who_does_not_read, much));
    t_settle();
    CHECK_CONTAINS(t_task_tree(), "input of the program: waits for");
    CHECK_CONTAINS(t_task_tree(), "output of the program: waits for");
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
}

/* Both pipes of the program are full, and so is its input. */
TEST(no_pipe_that_is_full_stops_it, REAL, .tags = "bulky") {
    bl_process_result result;
    char *input = run_with_much("tee /dev/stderr", &result);
    CHECK_EQ(result.out_bytes, (size_t)MUCH);
    CHECK_EQ(result.err_bytes, (size_t)MUCH);
    CHECK_EQ(memcmp(result.out, input, MUCH), 0);
    CHECK_EQ(memcmp(result.err, input, MUCH), 0);
    bl_process_result_done(&result);
    bl_free(input);
}

TEST(a_program_need_not_read_its_input, REAL) {
    bl_process_result result;
    char *input = run_with_much("exec <&-; echo done", &result);
    CHECK_STR(result.out, "done\n");
    bl_process_result_done(&result);
    bl_free(input);
}

PARAM(size_t, limit, 1, 9, 10, 11, 5000);

TEST(too_much_output_is_an_error_and_not_cut_off, (limit), REAL) {
    bl_process_result result = { .out_bytes = 77 };
    bl_process_run_options options = run_options();
    options.output_bytes_max = limit;
    int rc = runs("printf 0123456789", &options, &result);
    if (limit >= 10) {
        REQUIRE_OK(rc);
        CHECK_STR(result.out, "0123456789");
        bl_process_result_done(&result);
    } else {
        CHECK_ERR(rc, BL_EMSGSIZE);
        CHECK_EQ(result.out_bytes, 77u);
        CHECK_CONTAINS(bl_error_message(bl_error_current(rc)),
                       "the output of sh has more than");
    }
}

TEST(a_program_that_never_stops_writing_is_ended, REAL) {
    struct marker marker;
    bl_process_result result;
    bl_process_options process;
    bl_process_run_options options = marked_options(&marker, &process);
    options.output_bytes_max = 100 * 1000;
    CHECK_ERR(runs("yes >&2", &options, &result), BL_EMSGSIZE);
    CHECK(marker_ends(&marker));
}

TEST(what_it_leaves_running_is_ended_and_all_output_is_there, REAL) {
    struct marker marker;
    bl_process_result result;
    bl_process_options process;
    bl_process_run_options options = marked_options(&marker, &process);
    REQUIRE_OK(runs("setsid sleep 1000 & echo first; "
                    "(sleep 1000; echo never) & echo last",
                    &options, &result));
    CHECK_STR(result.out, "first\nlast\n");
    bl_process_result_done(&result);
    CHECK(marker_ends(&marker));
}

TEST(a_cancelled_run_ends_the_program, REAL) {
    struct marker marker;
    bl_process_result result;
    bl_process_options process;
    bl_process_run_options options = marked_options(&marker, &process);
    CHECK_ERR(
        bl_wait_for(runs("echo x; sleep 1000 & sleep 1000", &options, &result),
                    BL_MS(20)),
        BL_ETIMEDOUT);
    CHECK(marker_ends(&marker));
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, "the test says so");
    CHECK_ERR(runs("exit 0", NULL, &result), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, 0));
}

TEST(a_program_that_is_not_there_cannot_be_run, REAL) {
    const char *argv[] = { "no-such-program", NULL };
    bl_process_result result;
    CHECK_ERR(bl_process_run(argv, NULL, &result), BL_ENOENT);
}

TEST(options_are_checked, REAL) {
    const char *argv[] = { "true", NULL };
    bl_process_result result;
    bl_process_options process = { .size = sizeof process,
                                   .in = { .kind = BL_STDIO_NULL } };
    bl_process_run_options options = run_options();
    CHECK_ERR(bl_process_run(NULL, NULL, &result), BL_EINVAL);
    CHECK_ERR(bl_process_run(argv, NULL, NULL), BL_EINVAL);
    options.size = 0;
    CHECK_ERR(bl_process_run(argv, &options, &result), BL_EINVAL);
    options = run_options();
    options.input_bytes = 1;
    CHECK_ERR(bl_process_run(argv, &options, &result), BL_EINVAL);
    options.input = "x";
    options.process = &process;
    CHECK_ERR(bl_process_run(argv, &options, &result), BL_EINVAL);
    process.size = 0;
    CHECK_ERR(bl_process_run(argv, &options, &result), BL_EINVAL);
}

static void from_a_callback(void *arg) {
    const char *argv[] = { "true", NULL };
    bl_process_result result;
    (void)arg;
    CHECK_ERR(bl_process_run(argv, NULL, &result), BL_ENOTASK);
}

TEST(a_callback_cannot_run_a_program, REAL) {
    bl_call call = { 0 };
    bl_call_soon(bl_loop_running(), &call, from_a_callback, NULL);
    CHECK_OK(bl_yield());
    CHECK_OK(bl_sleep(1));
}

TEST(without_memory_nothing_is_left, REAL) {
    bl_process_result result;
    REQUIRE_OK(runs("exit 0", NULL, &result));
    bl_process_result_done(&result);
    for (int spare = 0;; spare++) {
        struct marker marker;
        bl_process_options process;
        bl_process_run_options options = marked_options(&marker, &process);
        famine_begin(spare);
        int rc = runs("echo hello", &options, &result);
        famine_end();
        CHECK(marker_ends(&marker));
        if (rc == 0) break;
        CHECK_ERR(rc, BL_ENOMEM);
        REQUIRE_LT(spare, 40);
    }
    CHECK_STR(result.out, "hello\n");
    bl_process_result_done(&result);
}

/* ---- many ---------------------------------------------------------------- */

enum {
    MANY = 1000,
    AT_ONCE = 16
};

struct crowd {
    bl_sem places;
    int good;
};

static int runs_one_of_many(void *arg) {
    struct crowd *crowd = arg;
    bl_process_result result;
    int rc = bl_sem_acquire(&crowd->places);
    if (rc < 0) return rc;
    const char *argv[] = { "/bin/echo", "one of many", NULL };
    rc = bl_process_run(argv, NULL, &result);
    bl_sem_release(&crowd->places);
    if (rc < 0) return rc;
    if (strcmp(result.out, "one of many\n") == 0) crowd->good++;
    bl_process_result_done(&result);
    return 0;
}

/* On a quiet machine it takes 2 s; bench/process.c says how long exactly. */
TEST(a_thousand_programs_run_and_are_reaped, REAL, .tags = "bulky native",
     .timeout = BL_SEC(100)) {
    struct crowd crowd = { 0 };
    REQUIRE_OK(bl_sem_init(&crowd.places, AT_ONCE, AT_ONCE));
    bl_ns begin = bl_now();
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < MANY; i++)
        REQUIRE_OK(bl_spawn(&group, runs_one_of_many, &crowd));
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(crowd.good, MANY);
    printf("%.2f s\n", (double)(bl_now() - begin) / 1e9);
}
