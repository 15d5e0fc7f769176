/* SPDX-License-Identifier: MIT */
/*
 * tests/file/test_call.c - waiting for one operation: who makes it, and what a
 * cancellation does
 *
 * A read from an empty pipe is an operation that takes as long as a test
 * wants; no public call would give a pipe to a thread.
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/call.h"
#include "support/files.h"
#include "support/host.h"
#include "support/sockets.h"

PARAM(bl_driver_kind, driver, BL_DRIVER_EPOLL, BL_DRIVER_URING);

struct slow {
    int fds[2];
    char bytes[8];
    bl_ssize result;
    bool has_ended;
};

static int reads(void *arg) {
    struct slow *slow = arg;
    struct iovec part = { slow->bytes, sizeof slow->bytes };
    struct bl__op op = { .code = BL__OP_READ,
                         .fd = slow->fds[0],
                         .parts = &part,
                         .part_count = 1,
                         .offset = BL__OP_CURRENT };
    slow->result = bl_checkpoint();
    if (slow->result == 0) slow->result = bl__file_call(&op);
    slow->has_ended = true;
    return 0;
}

static int reads_always(void *arg) {
    struct slow *slow = arg;
    struct iovec part = { slow->bytes, sizeof slow->bytes };
    struct bl__op op = { .code = BL__OP_READ,
                         .fd = slow->fds[0],
                         .parts = &part,
                         .part_count = 1,
                         .offset = BL__OP_CURRENT };
    slow->result = bl__file_call_always(&op);
    slow->has_ended = true;
    return 0;
}

static void turn(int count) {
    for (int i = 0; i < count; i++)
        BL_IGNORE(bl_yield() < 0); /* cancelled or not, it yields */
}

/* Has `fn` wait for the pipe, until a thread or the kernel is at it. */
static void begin(bl_group *group, bl_task_fn *fn, struct slow *slow) {
    pipe_pair(slow->fds);
    REQUIRE_OK(bl_spawn(group, fn, slow));
    bl_loop_info info;
    do {
        REQUIRE_OK(bl_sleep(BL_MS(1)));
        bl_loop_get_info(bl_loop_running(), &info);
    } while (info.polls == 0 && info.thread_jobs == 0);
    CHECK(!slow->has_ended);
}

static void end(struct slow *slow) {
    close(slow->fds[0]);
    close(slow->fds[1]);
}

static int is_left_or_waited_for(void *arg) {
    bl_driver_kind driver = *(bl_driver_kind *)arg;
    struct slow slow = { .result = 1 };
    BL_GROUP_SCOPED(group);
    begin(&group, reads, &slow);
    bl_group_cancel(&group);
    turn(50);
    /* A thread may not have begun: then it is withdrawn, here too. */
    if (driver == BL_DRIVER_EPOLL && !slow.has_ended) say(slow.fds[1], "late");
    CHECK_OK(bl_group_exit(&group, 0));
    if (slow.result == BL_ECANCELED) {
        say(slow.fds[1], "kept");
        CHECK_STR(heard(slow.fds[0]), "kept");
    } else {
        CHECK_EQ(slow.result, 4);
        CHECK_MEM(slow.bytes, 4, "late", 4);
    }
    end(&slow);
    return 0;
}

static void on_real_loop(bl_driver_kind driver, bl_task_fn *fn) {
    const bl_loop_options options = { .size = sizeof options,
                                      .driver = driver,
                                      .is_quiet = true };
    CHECK_OK(run_elsewhere(fn, &driver, &options));
}

TEST(a_cancelled_operation_is_called_off_or_waited_for, (driver)) {
    on_real_loop(driver, is_left_or_waited_for);
}

static int success_is_kept(void *arg) {
    struct slow slow = { .result = 1 };
    (void)arg;
    BL_GROUP_SCOPED(group);
    begin(&group, reads, &slow);
    say(slow.fds[1], "came");
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    if (slow.result == BL_ECANCELED) {
        CHECK_STR(heard(slow.fds[0]), "came");
    } else {
        CHECK_EQ(slow.result, 4);
    }
    end(&slow);
    return 0;
}

TEST(what_came_before_the_cancellation_is_not_lost, (driver)) {
    on_real_loop(driver, success_is_kept);
}

enum {
    CROWD = 200 /* more than the ring has places */
};

static int reads_file(void *arg) {
    char byte;
    struct iovec part = { &byte, 1 };
    struct bl__op op = {
        .code = BL__OP_READ, .fd = *(int *)arg, .parts = &part, .part_count = 1
    };
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    bl_ssize result = bl__file_call(&op);
    CHECK(result == 1 || result == BL_ECANCELED);
    return result < 0 ? (int)result : 0;
}

/* To make room in the ring, the kernel is asked in the middle of an iteration;
 * so the first are made before anybody is told, and are cancelled then. */
static int is_cancelled_once_made(void *arg) {
    int file = plain_file();
    (void)arg;
    CHECK_EQ(write(file, "x", 1), 1);
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < CROWD; i++)
        REQUIRE_OK(bl_spawn(&group, reads_file, &file));
    turn(1);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    close(file);
    return 0;
}

TEST(one_that_is_made_already_can_be_cancelled, (driver)) {
    on_real_loop(driver, is_cancelled_once_made);
}

static int goes_through_all(void *arg) {
    struct slow slow = { .result = 1 };
    (void)arg;
    BL_GROUP_SCOPED(group);
    begin(&group, reads_always, &slow);
    bl_group_cancel(&group);
    turn(50);
    CHECK(!slow.has_ended);
    say(slow.fds[1], "late");
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(slow.result, 4);
    end(&slow);
    return 0;
}

TEST(what_must_happen_is_out_of_reach_of_cancellation, (driver)) {
    on_real_loop(driver, goes_through_all);
}

/* ---- who makes it -------------------------------------------------------- */

static int asks_about(void *arg) {
    bl_file_info info;
    bl_loop_info loop;
    int rc = bl_file_stat("/", &info);
    bl_loop_get_info(bl_loop_running(), &loop);
    *(uint64_t *)arg = loop.polls;
    return rc;
}

/* Files of a stepped loop go to threads: it may step elsewhere meanwhile. */
struct host {
    bl_loop *loop;
    struct slow slow;
};

static void steps_until_done(void *arg) {
    struct host *host = arg;
    say(host->slow.fds[1], "late");
    while (bl_loop_step(host->loop, BL_FOREVER) > 0) {}
    CHECK_OK(bl_loop_finish(host->loop));
}

static void starts_here(void *arg) {
    struct host *host = arg;
    REQUIRE_OK(bl_loop_open(NULL, &host->loop));
    REQUIRE_OK(bl_loop_start(host->loop, reads, &host->slow));
    REQUIRE_EQ(bl_loop_step(host->loop, 0), 1);
    REQUIRE_EQ(bl_loop_step(host->loop, 0), 1);
}

TEST(a_loop_may_step_on_another_thread_with_an_operation_under_way) {
    struct host host = { .slow = { .result = 1 } };
    pipe_pair(host.slow.fds);
    on_thread(starts_here, &host);
    on_thread(steps_until_done, &host);
    CHECK_EQ(host.slow.result, 4);
    CHECK_MEM(host.slow.bytes, 4, "late", 4);
    bl_loop_close(host.loop);
    end(&host.slow);
}

static void runs_it(void *arg) {
    uint64_t polls;
    CHECK_OK(bl_loop_run(arg, asks_about, &polls));
}

TEST(a_loop_can_be_run_again_on_another_thread) {
    bl_loop *loop;
    const bl_loop_options options = { .size = sizeof options,
                                      .driver = BL_DRIVER_URING };
    REQUIRE_OK(bl_loop_open(&options, &loop));
    for (int i = 0; i < 3; i++)
        on_thread(runs_it, loop);
    bl_loop_close(loop);
}

static int child_uses_files(void *arg) {
    uint64_t polls;
    (void)arg;
    return bl_run(asks_about, &polls) == 0 ? 0 : 1;
}

TEST(a_forked_child_uses_a_loop_of_its_own, .tags = "native") {
    bl_file_info info;
    if (has_thread_sanitizer()) t_skip("no threads behind a fork of a task");
    CHECK_OK(bl_file_stat("/", &info));
    CHECK_EQ(in_child(child_uses_files, NULL), 0);
    CHECK_OK(bl_file_stat("/", &info));
}
