/* SPDX-License-Identifier: MIT */
/*
 * specimens/leaks.c - tests that leave something behind
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <belay/test.h>

static void *volatile kept;

__attribute__((noinline)) static void allocate_and_forget(void) {
    kept = bl_alloc(123);
}

TEST(leaks_memory) {
    allocate_and_forget();
}

TEST(leaks_memory_without_a_loop, .no_loop = true) {
    allocate_and_forget();
}

TEST(may_leak_memory, .may_leak = true) {
    allocate_and_forget();
}

TEST(leaks_a_descriptor) {
    CHECK_GE(open("/dev/zero", O_RDONLY), 0);
}

TEST(leaks_an_eventfd) {
    CHECK_GE(eventfd(0, EFD_CLOEXEC), 0);
}

TEST(leaks_an_epoll) {
    CHECK_GE(epoll_create1(EPOLL_CLOEXEC), 0);
}

TEST(leaks_a_timerfd) {
    CHECK_GE(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), 0);
}

TEST(leaks_a_copy) {
    CHECK_GE(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10), 0);
}

static void do_nothing(void *context) {
    (void)context;
}

static bl_timer timer;

TEST(leaks_a_timer) {
    bl_timer_init(&timer, do_nothing, NULL);
    bl_timer_start(bl_loop_running(), &timer, bl_now() + SEC(1));
}

TEST(may_leak_a_timer, .may_leak = true) {
    bl_timer_init(&timer, do_nothing, NULL);
    bl_timer_start(bl_loop_running(), &timer, bl_now() + SEC(1));
}

TEST(fails_with_a_timer) {
    bl_timer_init(&timer, do_nothing, NULL);
    bl_timer_start(bl_loop_running(), &timer, bl_now() + SEC(1));
    REQUIRE(false);
}

static void see_nothing(void *context, unsigned events) {
    (void)context;
    (void)events;
}

static bl_watch watch;

TEST(leaks_a_watch) {
    int ends[2];
    REQUIRE_OK(pipe(ends));
    bl_watch_init(&watch, ends[0], see_nothing, NULL);
    CHECK_OK(bl_watch_start(bl_loop_running(), &watch, BL_READABLE));
}

static bl_handle *handle;

TEST(leaks_a_handle) {
    REQUIRE_OK(bl_handle_open(&handle));
}

static bl_future shared_future;

TEST(leaks_a_promise) {
    REQUIRE_OK(bl_future_init(&shared_future));
    CHECK_OK(bl_future_share(&shared_future));
}

static int block(void *arg) {
    (void)arg;
    pause(); /* it is killed with its process */
    return 0;
}

static void drop_nothing(void *arg) {
    (void)arg;
}

static int offload(void *arg) {
    return bl_to_thread_owned(block, arg, drop_nothing);
}

TEST(leaks_a_job, .clock = T_CLOCK_REAL) {
    BL_IGNORE(bl_wait_for(offload(NULL), MS(50)));
}

static char *volatile lost;

/* Only a sanitizer sees this. */
TEST(loses_memory_of_malloc) {
    lost = malloc(77);
    lost = NULL;
}

/* ---- in a shared process ------------------------------------------------- */

FIXTURE(int, shared, .scope = T_MODULE) {
    YIELD(1);
}

TEST(leaks_memory_beside_others, (shared), .tags = "shared") {
    allocate_and_forget();
}

TEST(fails_beside_others, (shared), .tags = "shared") {
    allocate_and_forget();
    REQUIRE(false);
}

TEST(is_the_last, (shared), .tags = "shared") {
}

TEST(leaks_a_timer_beside_others, (shared), .tags = "shared_timer") {
    bl_timer_init(&timer, do_nothing, NULL);
    bl_timer_start(bl_loop_running(), &timer, bl_now() + SEC(1));
}

FIXTURE(bl_group *, lasting, .scope = T_MODULE) {
    BL_GROUP_SCOPED(group);
    YIELD(&group);
    bl_group_cancel(&group);
}

static int stay(void *arg) {
    (void)arg;
    return bl_sleep(SEC(1000));
}

TEST(leaks_a_task, (lasting), .tags = "shared_task") {
    CHECK_OK(bl_spawn(lasting, stay, NULL));
}

TEST(comes_after_the_task, (lasting), .tags = "shared_task") {
}

TEST(comes_after_the_timer, (shared), .tags = "shared_timer") {
}
