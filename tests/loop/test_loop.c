/* SPDX-License-Identifier: MIT */
/*
 * tests/loop/test_loop.c - a loop as its host sees it
 *
 * What one iteration does and in which order; being run, stepped, asked,
 * moved to another thread, left behind by a fork, and closed.
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/filter.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"

static bl_loop *loop;

static void open_loop(const bl_loop_options *options) {
    REQUIRE_OK(bl_loop_open(options, &loop));
}

static void open_quiet(bl_clock_kind clock) {
    bl_loop_options options = quiet_options();
    options.clock = clock;
    open_loop(&options);
}

static bl_loop_info info_of(const bl_loop *of) {
    bl_loop_info info;
    bl_loop_get_info(of, &info);
    return info;
}

/* ---- one iteration ------------------------------------------------------- */

static void notes_word(void *context) {
    note("%s", (const char *)context);
}

static void notes_readable(void *context, unsigned events) {
    (void)events;
    drain(*(int *)context);
    note("io");
}

/* Everything that an iteration looks at is made ready by this task. */
struct feast {
    int ends[2];
    bl_watch watch;
    bl_timer timer;
    bl_call call;
    bl_handle *handle;
    bl_group group;
    bl_event event;
};

static int notes_woken(void *arg) {
    struct feast *feast = arg;
    int rc = bl_event_wait(&feast->event);
    note("woken");
    return rc;
}

static int serves_all(void *arg) {
    struct feast *feast = arg;
    REQUIRE_OK(bl_group_enter(&feast->group));
    REQUIRE_OK(bl_spawn(&feast->group, notes_woken, feast));
    REQUIRE_OK(bl_yield());
    REQUIRE_OK(bl_handle_open(&feast->handle));
    bl_call_soon(loop, &feast->call, notes_word, "call");
    REQUIRE_OK(bl_thread_post(feast->handle, notes_word, "post"));
    bl_timer_start(loop, &feast->timer, 0);
    REQUIRE_OK(bl_watch_start(loop, &feast->watch, BL_READABLE));
    say(feast->ends[1], "x");
    bl_event_set(&feast->event);
    note("task");
    bl_thread_close(feast->handle);
    return bl_group_exit(&feast->group, 0);
}

TEST(an_iteration_runs_tasks_then_io_then_timers_then_posts_then_calls,
     .no_loop = true) {
    struct feast feast = { .event = BL_EVENT_INIT };
    socket_pair(feast.ends);
    open_quiet(BL_CLOCK_MANUAL);
    bl_watch_init(&feast.watch, feast.ends[0], notes_readable, feast.ends);
    bl_timer_init(&feast.timer, notes_word, "timer");
    CHECK_OK(bl_loop_start(loop, serves_all, &feast));
    CHECK_EQ(bl_loop_step(loop, 0), 1);
    CHECK_STR(notes(), ""); /* the root has yielded */
    CHECK_EQ(bl_loop_step(loop, 0), 1);
    CHECK_EQ(bl_loop_step(loop, 0), 1);
    CHECK_STR(notes(), "task io timer post call woken");
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK_OK(bl_loop_finish(loop));
    bl_watch_stop(&feast.watch);
    bl_loop_close(loop);
    close(feast.ends[0]);
    close(feast.ends[1]);
}

static int yields_and_notes(void *arg) {
    for (int i = 0; i < 3; i++) {
        note("%s%d", (const char *)arg, i);
        int rc = bl_yield();
        if (rc < 0) return rc;
    }
    return 0;
}

static int spawns_two(void *arg) {
    int rc = 0;
    (void)arg;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, yields_and_notes, "a");
        if (rc == 0) rc = bl_spawn(group, yields_and_notes, "b");
    }
    return rc;
}

TEST(who_becomes_ready_in_an_iteration_runs_in_the_next, .no_loop = true,
     .tags = "order") {
    open_quiet(BL_CLOCK_VIRTUAL);
    CHECK_OK(bl_loop_start(loop, spawns_two, NULL));
    CHECK_EQ(bl_loop_step(loop, 0), 1);
    CHECK_STR(notes(), "");
    CHECK_EQ(bl_loop_step(loop, 0), 1);
    CHECK_STR(notes(), "a0 b0");
    CHECK_EQ(bl_loop_step(loop, 0), 1);
    CHECK_STR(notes(), "a0 b0 a1 b1");
    for (int i = 0; i < 4; i++)
        BL_IGNORE(bl_loop_step(loop, 0)); /* to the end */
    CHECK_OK(bl_loop_finish(loop));
    bl_loop_close(loop);
}

/* ---- calls --------------------------------------------------------------- */

struct chain {
    bl_call call;
    int calls;
};

static void calls_again(void *context) {
    struct chain *chain = context;
    chain->calls++;
    bl_call_soon(loop, &chain->call, calls_again, chain);
}

TEST(a_call_that_queues_itself_is_made_once_per_iteration, .no_loop = true) {
    struct chain chain = { .calls = 0 };
    open_quiet(BL_CLOCK_MANUAL);
    bl_call_soon(loop, &chain.call, calls_again, &chain);
    CHECK(bl_loop_is_ready(loop));
    for (int i = 1; i <= 3; i++) {
        CHECK_EQ(bl_loop_step(loop, 0), 0);
        CHECK_EQ(chain.calls, i);
    }
    bl_call_cancel(&chain.call);
    bl_call_cancel(&chain.call); /* idempotent */
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK_EQ(chain.calls, 3);
    bl_loop_close(loop);
}

static void cancels_call(void *context) {
    note("first");
    bl_call_cancel(context);
}

TEST(a_call_can_take_back_one_of_the_same_iteration, .no_loop = true) {
    bl_call first = { 0 }, second = { 0 }, third = { 0 };
    open_quiet(BL_CLOCK_MANUAL);
    bl_call_soon(loop, &first, cancels_call, &second);
    bl_call_soon(loop, &second, notes_word, "second");
    bl_call_soon(loop, &third, notes_word, "third");
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK_STR(notes(), "first third");
    bl_loop_close(loop);
}

TEST(a_call_outlives_its_loop_taken_back, .no_loop = true) {
    bl_call call = { 0 };
    open_quiet(BL_CLOCK_MANUAL);
    bl_call_soon(loop, &call, notes_word, "never");
    bl_loop_close(loop);
    bl_call_cancel(&call);
    open_quiet(BL_CLOCK_MANUAL);
    bl_call_soon(loop, &call, notes_word, "once");
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK_STR(notes(), "once");
    bl_loop_close(loop);
}

/* ---- running and stepping ------------------------------------------------ */

TEST(a_loop_can_be_run_again, .no_loop = true) {
    open_quiet(BL_CLOCK_VIRTUAL);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(bl_loop_run(loop, kid_returns, ARG(i)), i);
        CHECK_ERR(bl_loop_run(loop, kid_returns, ARG(BL_EPIPE)), BL_EPIPE);
        CHECK(bl_error_current(BL_EPIPE) != NULL);
    }
    CHECK(bl_loop_running() == NULL);
    bl_loop_close(loop);
}

static void runs_the_loop(void *arg) {
    CHECK_EQ(bl_loop_run(loop, arg, ARG(BL_MS(1))), 0);
}

TEST(a_loop_made_on_one_thread_runs_on_others, .no_loop = true) {
    open_quiet(BL_CLOCK_VIRTUAL);
    on_thread(runs_the_loop, kid_sleeps);
    CHECK_EQ(bl_loop_run(loop, kid_sleeps, ARG(BL_MS(1))), 0);
    on_thread(runs_the_loop, kid_sleeps);
    bl_loop_close(loop);
}

static void steps_the_loop(void *arg) {
    *(int *)arg = bl_loop_step(loop, BL_FOREVER);
}

TEST(a_task_may_begin_on_one_thread_and_go_on_on_another, .no_loop = true) {
    int rc = 0;
    open_quiet(BL_CLOCK_VIRTUAL);
    CHECK_OK(bl_loop_start(loop, kid_sleeps, ARG(BL_MS(1))));
    CHECK_EQ(bl_loop_step(loop, 0), 1);
    on_thread(steps_the_loop, &rc); /* time jumps here */
    CHECK_EQ(rc, 1);
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK_OK(bl_loop_finish(loop));
    bl_loop_close(loop);
}

static int misuses_a_running_loop(void *arg) {
    bl_loop *mine = bl_loop_running();
    (void)arg;
    CHECK(mine == loop);
    CHECK_ERR(bl_run(kid_returns, NULL), BL_EALREADY);
    CHECK_ERR(bl_run_with(kid_returns, NULL, NULL), BL_EALREADY);
    CHECK_ERR(bl_loop_run(mine, kid_returns, NULL), BL_EALREADY);
    CHECK_ERR(bl_loop_start(mine, kid_returns, NULL), BL_EALREADY);
    CHECK_ERR(bl_loop_step(mine, 0), BL_EALREADY);
    CHECK_ERR(bl_loop_finish(mine), BL_ENOTDONE);
    bl_loop *other = NULL;
    CHECK_OK(bl_loop_open(NULL, &other)); /* to open one is allowed */
    CHECK_ERR(bl_loop_run(other, kid_returns, NULL), BL_EALREADY);
    CHECK_ERR(bl_loop_step(other, 0), BL_EALREADY);
    bl_loop_close(other);
    return 7;
}

TEST(a_running_loop_refuses_to_be_run, .no_loop = true) {
    open_quiet(BL_CLOCK_VIRTUAL);
    CHECK_EQ(bl_loop_run(loop, misuses_a_running_loop, NULL), 7);
    bl_loop_close(loop);
}

static void steps_while_it_runs(void *arg) {
    (void)arg;
    CHECK_ERR(bl_loop_step(loop, 0), BL_EALREADY);
    CHECK_ERR(bl_loop_run(loop, kid_returns, NULL), BL_EALREADY);
}

static int lets_a_thread_misuse_it(void *arg) {
    (void)arg;
    on_thread(steps_while_it_runs, NULL);
    return 0;
}

TEST(a_loop_that_runs_elsewhere_refuses_to_be_run, .no_loop = true) {
    open_quiet(BL_CLOCK_VIRTUAL);
    CHECK_OK(bl_loop_run(loop, lets_a_thread_misuse_it, NULL));
    bl_loop_close(loop);
}

TEST(a_loop_refuses_what_it_cannot_mean, .no_loop = true) {
    bl_loop_options bad = quiet_options();
    CHECK_ERR(bl_run(NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_run_with(NULL, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_loop_open(NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_loop_run(NULL, kid_returns, NULL), BL_EINVAL);
    CHECK_ERR(bl_loop_start(NULL, kid_returns, NULL), BL_EINVAL);
    CHECK_ERR(bl_loop_step(NULL, 0), BL_EINVAL);
    CHECK_ERR(bl_loop_finish(NULL), BL_EINVAL);
    CHECK_ERR(bl_loop_advance(NULL, 1), BL_EINVAL);
    bl_loop_close(NULL);
    open_quiet(BL_CLOCK_VIRTUAL);
    CHECK_ERR(bl_loop_run(loop, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_loop_start(loop, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_loop_step(loop, -1), BL_EINVAL);
    CHECK_ERR(bl_loop_finish(loop), BL_EMISUSE);
    CHECK_ERR(bl_loop_advance(loop, -1), BL_EINVAL);
    CHECK_ERR(bl_loop_advance(loop, 1), BL_EMISUSE); /* it is virtual */
    bl_loop_close(loop);

    loop = NULL;
    bad.size = 0;
    CHECK_ERR(bl_loop_open(&bad, &loop), BL_EINVAL);
    CHECK_ERR(bl_run_with(kid_returns, NULL, &bad), BL_EINVAL);
    bad.size = sizeof bad + 1;
    CHECK_ERR(bl_loop_open(&bad, &loop), BL_EINVAL);
    CHECK_ERR(bl_run_with(kid_returns, NULL, &bad), BL_EINVAL);
    bad = quiet_options();
    bad.driver = (bl_driver_kind)9;
    CHECK_ERR(bl_loop_open(&bad, &loop), BL_EINVAL);
    CHECK_ERR(bl_run_with(kid_returns, NULL, &bad), BL_EINVAL);
    bad = quiet_options();
    bad.clock = (bl_clock_kind)9;
    CHECK_ERR(bl_loop_open(&bad, &loop), BL_EINVAL);
    bad = quiet_options();
    bad.signals = (bl_signal_mode)9;
    CHECK_ERR(bl_loop_open(&bad, &loop), BL_EINVAL);
    bad = quiet_options();
    bad.spin_ns_max = BL_SEC(1) + 1;
    CHECK_ERR(bl_loop_open(&bad, &loop), BL_EINVAL);
    bad = quiet_options();
    bad.stack_bytes = SIZE_MAX;
    CHECK_ERR(bl_loop_open(&bad, &loop), BL_EINVAL);
    bad = quiet_options();
    bad.threads_max = 1025;
    CHECK_ERR(bl_loop_open(&bad, &loop), BL_EINVAL);
    CHECK(loop == NULL);
}

TEST(a_root_is_started_and_collected_once, .no_loop = true) {
    open_quiet(BL_CLOCK_VIRTUAL);
    CHECK_EQ(bl_loop_step(loop, 0), 0); /* none */
    CHECK_OK(bl_loop_start(loop, kid_returns, ARG(5)));
    CHECK_ERR(bl_loop_start(loop, kid_returns, NULL), BL_EALREADY);
    CHECK_ERR(bl_loop_finish(loop), BL_ENOTDONE);
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK_ERR(bl_loop_start(loop, kid_returns, NULL), BL_EALREADY);
    CHECK_EQ(bl_loop_finish(loop), 5);
    CHECK_ERR(bl_loop_finish(loop), BL_EMISUSE);
    CHECK_OK(bl_loop_start(loop, kid_returns, ARG(6)));
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK_EQ(bl_loop_finish(loop), 6);
    bl_loop_close(loop);
}

TEST(without_a_descriptor_left_there_is_no_loop, .no_loop = true) {
    loop = NULL;
    limit_descriptors(0);
    CHECK_ERR(bl_loop_open(NULL, &loop), BL_EMFILE);
    CHECK_ERR(bl_run(kid_returns, ARG(1)), BL_EMFILE);
    CHECK(loop == NULL);
    unlimit_descriptors();
    limit_descriptors(1); /* for the wake-up, but not for the driver */
    REQUIRE_OK(bl_loop_open(NULL, &loop));
    CHECK_ERR(bl_loop_fd(loop), BL_EMFILE);
    unlimit_descriptors();
    CHECK_GE(bl_loop_fd(loop), 0);
    bl_loop_close(loop);
}

TEST(without_memory_there_is_no_loop, .no_loop = true, .sweep = T_OOM) {
    loop = NULL;
    int rc = bl_loop_open(NULL, &loop);
    if (rc == BL_ENOMEM) {
        CHECK_ALWAYS(loop == NULL);
        return;
    }
    REQUIRE_OK(rc);
    rc = bl_loop_run(loop, kid_returns, ARG(1));
    CHECK_ALWAYS(rc == 1 || rc == BL_ENOMEM);
    rc = bl_loop_start(loop, kid_returns, ARG(1));
    CHECK_ALWAYS(rc == 0 || rc == BL_ENOMEM);
    if (rc == 0) CHECK_EQ(bl_loop_step(loop, 0), 0);
    rc = bl_loop_fd(loop);
    CHECK_ALWAYS(rc >= 0 || rc == BL_ENOMEM);
    bl_loop_close(loop);
    rc = bl_run(kid_returns, ARG(1));
    CHECK_ALWAYS(rc == 1 || rc == BL_ENOMEM);
}

/* ---- asking -------------------------------------------------------------- */

TEST(a_loop_tells_whether_a_step_would_find_work, .no_loop = true) {
    bl_timer timer;
    open_quiet(BL_CLOCK_MANUAL);
    CHECK(!bl_loop_is_ready(loop));
    CHECK_EQ(bl_loop_next_timer(loop), BL_FOREVER);
    bl_timer_init(&timer, notes_word, "timer");
    bl_timer_start(loop, &timer, 10);
    CHECK(!bl_loop_is_ready(loop));
    CHECK_EQ(bl_loop_next_timer(loop), 10);
    CHECK_OK(bl_loop_advance(loop, 10));
    CHECK(bl_loop_is_ready(loop));
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK(!bl_loop_is_ready(loop));
    CHECK_OK(bl_loop_start(loop, kid_returns, NULL));
    CHECK(bl_loop_is_ready(loop));
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK_OK(bl_loop_finish(loop));
    bl_loop_close(loop);
}

static bool is_readable(int fd) {
    struct pollfd item = { .fd = fd, .events = POLLIN };
    return poll(&item, 1, 0) == 1;
}

PARAM(int, driver, BL_DRIVER_EPOLL, BL_DRIVER_URING);

static void posts_nothing(void *arg) {
    bl_thread_wake(arg);
}

static int opens_a_handle(void *arg) {
    return bl_handle_open(arg);
}

TEST(a_host_can_wait_on_the_descriptor_of_the_loop, (driver), .no_loop = true) {
    bl_loop_options options = { .size = sizeof options,
                                .driver = (bl_driver_kind)driver };
    int ends[2];
    bl_watch watch;
    bl_handle *handle = NULL;
    socket_pair(ends);
    open_loop(&options);
    CHECK_OK(bl_loop_run(loop, opens_a_handle, &handle));
    int fd = bl_loop_fd(loop);
    REQUIRE_GE(fd, 0);
    bl_watch_init(&watch, ends[0], notes_readable, ends);
    CHECK_OK(bl_watch_start(loop, &watch, BL_READABLE));
    while (is_readable(fd))
        CHECK_EQ(bl_loop_step(loop, 0), 0);
    say(ends[1], "x");
    CHECK(is_readable(fd));
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK_STR(notes(), "io");
    while (is_readable(fd))
        CHECK_EQ(bl_loop_step(loop, 0), 0);
    on_thread(posts_nothing, handle);
    CHECK(is_readable(fd));
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    bl_watch_stop(&watch);
    bl_thread_close(handle);
    bl_loop_close(loop);
    close(ends[0]);
    close(ends[1]);
}

TEST(a_loop_tells_about_itself, .no_loop = true, .tags = "order") {
    bl_loop_options options = quiet_options();
    options.stack_bytes = 128 * 1024;
    open_loop(&options);
    CHECK_STR(info_of(loop).driver, "none");
    CHECK_STR(info_of(loop).clock, "virtual");
    CHECK_EQ(info_of(loop).stack_bytes, 128 * 1024);
    CHECK_EQ(info_of(loop).tasks_spawned, 0);
    CHECK_OK(bl_loop_start(loop, kid_sleeps, ARG(HOUR)));
    CHECK_EQ(bl_loop_step(loop, 0), 1);
    CHECK_EQ(info_of(loop).tasks_alive, 1);
    CHECK_EQ(info_of(loop).tasks_spawned, 1);
    CHECK_EQ(info_of(loop).timers_armed, 1);
    CHECK_EQ(info_of(loop).resumes, 1);
    CHECK_EQ(info_of(loop).iterations, 1);
    CHECK_EQ(info_of(loop).stacks_mapped, 1);
    bl_loop_cancel(loop, false);
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK_ERR(bl_loop_finish(loop), BL_ECANCELED);
    CHECK_EQ(info_of(loop).tasks_alive, 0);
    CHECK_EQ(info_of(loop).stacks_cached, 1);
    bl_loop_close(loop);
}

static bl_ns host_clock(void *context) {
    return *(bl_ns *)context;
}

static int sleeps_ten(void *arg) {
    (void)arg;
    CHECK_EQ(bl_now(), 1000);
    return bl_sleep(10);
}

TEST(a_loop_can_live_by_the_clock_of_its_host, .no_loop = true,
     .tags = "order") {
    bl_ns now = 1000;
    bl_loop_options options = { .size = sizeof options,
                                .now = host_clock,
                                .now_context = &now };
    open_loop(&options);
    CHECK_STR(info_of(loop).clock, "host");
    CHECK_OK(bl_loop_start(loop, sleeps_ten, NULL));
    CHECK_EQ(bl_loop_step(loop, 0), 1);
    now = 1009;
    CHECK_EQ(bl_loop_step(loop, 0), 1);
    CHECK_EQ(bl_loop_next_timer(loop), 1010);
    now = 1010;
    CHECK_EQ(bl_loop_step(loop, 0), 1);
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK_OK(bl_loop_finish(loop));
    bl_loop_close(loop);

    options.clock = BL_CLOCK_VIRTUAL; /* two clocks are too many */
    CHECK_ERR(bl_loop_open(&options, &loop), BL_EINVAL);
}

static void notes_before(void *context) {
    note("before%d", ++*(int *)context);
}

static void notes_after(void *context) {
    note("after%d", *(int *)context);
}

TEST(hooks_stand_around_each_blocking_and_nothing_else, .no_loop = true) {
    int count = 0;
    bl_loop_options options = { .size = sizeof options,
                                .before_block = notes_before,
                                .after_block = notes_after,
                                .block_context = &count };
    open_loop(&options);
    CHECK_EQ(bl_loop_step(loop, 0), 0); /* polls */
    CHECK_STR(notes(), "");
    CHECK_EQ(bl_loop_step(loop, 1000), 0);
    CHECK_STR(notes(), "before1 after1");
    CHECK_GE(bl_loop_fd(loop), 0); /* with a driver as without */
    CHECK_EQ(bl_loop_step(loop, 1000), 0);
    CHECK_STR(notes(), "before1 after1 before2 after2");
    bl_loop_close(loop);
}

TEST(a_step_blocks_no_longer_than_it_is_told, .no_loop = true) {
    bl_timer timer;
    open_loop(NULL);
    bl_timer_init(&timer, notes_word, "timer");
    bl_timer_start(loop, &timer, bl_now() + HOUR);
    CHECK_EQ(bl_loop_step(loop, BL_US(10)), 0); /* or the watchdog ends it */
    CHECK_STR(notes(), "");
    bl_loop_close(loop);
}

static void does_nothing(int number) {
    (void)number;
}

static void *interrupts(void *arg) {
    const pthread_t *sleeper = arg;
    for (int i = 0; i < 2000 && bl_now() > 0; i++) {
        struct timespec moment = { .tv_nsec = 1000000 };
        (void)nanosleep(&moment, NULL);
        (void)pthread_kill(*sleeper, SIGUSR1);
    }
    return NULL;
}

TEST(a_signal_ends_the_blocking_early, .no_loop = true) {
    struct sigaction action = { .sa_handler = does_nothing };
    pthread_t self = pthread_self(), thread;
    REQUIRE_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    open_loop(NULL);
    REQUIRE_EQ(pthread_create(&thread, NULL, interrupts, &self), 0);
    CHECK_EQ(bl_loop_step(loop, BL_FOREVER), 0);
    REQUIRE_EQ(pthread_cancel(thread), 0);
    REQUIRE_EQ(pthread_join(thread, NULL), 0);
    bl_loop_close(loop);
}

/* ---- drivers ------------------------------------------------------------- */

static const char *driver_of_a_new_loop(bl_driver_kind kind) {
    bl_loop_options options = { .size = sizeof options, .driver = kind };
    open_loop(&options);
    CHECK_GE(bl_loop_fd(loop), 0);
    const char *name = info_of(loop).driver;
    bl_loop_close(loop);
    return name;
}

TEST(the_environment_names_the_driver_and_an_option_overrules_it,
     .no_loop = true) {
    REQUIRE_EQ(setenv("BELAY_DRIVER", "epoll", 1), 0);
    CHECK_STR(driver_of_a_new_loop(BL_DRIVER_DEFAULT), "epoll");
    REQUIRE_EQ(setenv("BELAY_DRIVER", "uring", 1), 0);
    const char *ring = driver_of_a_new_loop(BL_DRIVER_URING);
    CHECK_STR(driver_of_a_new_loop(BL_DRIVER_DEFAULT), ring);
    CHECK_STR(driver_of_a_new_loop(BL_DRIVER_EPOLL), "epoll");
    REQUIRE_EQ(setenv("BELAY_DRIVER", "kqueue", 1), 0); /* nobody knows it */
    CHECK_STR(driver_of_a_new_loop(BL_DRIVER_DEFAULT), ring);
}

static int talks_to_itself(void *arg) {
    int *ends = arg;
    char byte = 0;
    CHECK_EQ(bl_fd_write(ends[1], "x", 1), 1);
    CHECK_EQ(bl_fd_read(ends[0], &byte, 1), 1);
    return bl_fd_wait(ends[1], BL_WRITABLE);
}

TEST(a_loop_that_may_not_have_io_uring_uses_epoll, .no_loop = true) {
    int ends[2];
    socket_pair(ends);
    refuse_io_uring(EPERM);
    bl_loop_options options = { .size = sizeof options,
                                .driver = BL_DRIVER_URING };
    open_loop(&options);
    CHECK_EQ(bl_loop_run(loop, talks_to_itself, ends), BL_WRITABLE);
    CHECK_STR(info_of(loop).driver, "epoll");
    bl_loop_close(loop);
    close(ends[0]);
    close(ends[1]);
}

/* ---- cheap to make, gone without a trace --------------------------------- */

static int first_free_descriptor(void) {
    int fd = dup(STDERR_FILENO);
    close(fd);
    return fd;
}

TEST(a_thousand_loops_leave_no_descriptor, .no_loop = true) {
    int before = first_free_descriptor();
    for (int i = 0; i < 1000; i++) {
        open_loop(NULL);
        if (i % 10 == 0) CHECK_GE(bl_loop_fd(loop), 0);
        bl_loop_close(loop);
    }
    CHECK_EQ(first_free_descriptor(), before);
}

TEST(a_loop_without_descriptors_makes_no_kernel_object_but_one,
     .no_loop = true) {
    int before = first_free_descriptor();
    open_loop(NULL);
    CHECK_EQ(bl_loop_run(loop, kid_sleeps, ARG(1000)), 0);
    CHECK_EQ(first_free_descriptor(), before + 1);
    CHECK_STR(info_of(loop).driver, "none");
    bl_loop_close(loop);
}

/* ---- forks --------------------------------------------------------------- */

static int uses_a_forked_loop(void *arg) {
    (void)arg;
    if (bl_loop_run(loop, kid_returns, NULL) != BL_ECLOSED) return 1;
    if (bl_loop_start(loop, kid_returns, NULL) != BL_ECLOSED) return 2;
    if (bl_loop_step(loop, 0) != BL_ECLOSED) return 3;
    bl_loop_close(loop);
    return 0;
}

static int status_of(int (*fn)(void *arg), void *arg) {
    int status = in_child(fn, arg);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(a_loop_left_behind_by_a_fork_is_closed, .no_loop = true) {
    open_loop(NULL);
    CHECK_EQ(status_of(uses_a_forked_loop, NULL), 0);
    CHECK_GE(bl_loop_fd(loop), 0);
    CHECK_EQ(status_of(uses_a_forked_loop, NULL), 0);
    CHECK_EQ(bl_loop_run(loop, kid_returns, ARG(3)), 3); /* unharmed */
    bl_loop_close(loop);
}

static int forks_while_tasks_sleep(void *arg) {
    int rc = 0;
    (void)arg;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_sleeps, ARG(BL_MS(1)));
        if (rc == 0) rc = bl_yield();
        CHECK_EQ(status_of(uses_a_forked_loop, NULL), 0);
    }
    return rc;
}

TEST(a_forked_child_can_close_a_loop_whose_tasks_wait, .no_loop = true) {
    open_quiet(BL_CLOCK_VIRTUAL);
    CHECK_OK(bl_loop_run(loop, forks_while_tasks_sleep, NULL));
    bl_loop_close(loop);
}

static int runs_a_loop_of_its_own(void *arg) {
    int ends[2];
    (void)arg;
    socket_pair(ends);
    return bl_run(talks_to_itself, ends) == BL_WRITABLE ? 0 : 1;
}

static int forks_a_loop(void *arg) {
    return status_of(runs_a_loop_of_its_own, arg);
}

TEST(a_forked_child_can_have_a_loop_of_its_own) {
    CHECK_EQ(forks_a_loop(NULL), 0);
    CHECK_EQ(bl_sleep(BL_MS(1)), 0);
}

/* ---- misuse that cannot go on -------------------------------------------- */

static int closes_its_own_loop(void *arg) {
    (void)arg;
    bl_loop_close(bl_loop_running());
    return 0;
}

TEST(closing_a_loop_that_runs_ends_the_process, .no_loop = true,
     .signal = SIGABRT, .output = "a loop was closed while it runs") {
    open_quiet(BL_CLOCK_VIRTUAL);
    CHECK_OK(bl_loop_run(loop, closes_its_own_loop, NULL));
}

/* ---- what idling costs --------------------------------------------------- */

/* Blocking is one call: a look without waiting in front of it would find
 * nothing, and is needed only by those who have to know that it is quiet. */
TEST(an_idle_loop_asks_the_kernel_once, .clock = T_CLOCK_REAL,
     .tags = "order") {
    bl_loop_info before;
    bl_loop_info after;
    bl_watch watch;
    int ends[2];
    socket_pair(ends);
    /* So that there is a driver. */
    bl_watch_init(&watch, ends[0], notes_readable, NULL);
    REQUIRE_OK(bl_watch_start(bl_loop_running(), &watch, BL_READABLE));
    CHECK_OK(bl_sleep(1));
    bl_loop_get_info(bl_loop_running(), &before);
    for (int i = 0; i < 10; i++)
        CHECK_OK(bl_sleep(BL_US(200)));
    bl_loop_get_info(bl_loop_running(), &after);
    CHECK_LE(after.polls - before.polls, 12); /* not 20 */
    bl_watch_stop(&watch);
    close(ends[0]);
    close(ends[1]);
}
