/* SPDX-License-Identifier: MIT */
/*
 * tests/loop/test_spin.c - looking for a moment before blocking
 *
 * The decision is tested with times that are made up.  In a loop, whose spins
 * need the real clock, what is waited for is sent by the hook that is called
 * when the wait begins, or by a thread that answers; and a spin may take so
 * long that no machine is too slow for it.
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/loop.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"

#define MAX_NS BL_US(50)

enum {
    ROUNDS = 20,
    LETTERS_FEW = 50,
    LETTERS_MANY = 3000
};

/* ---- the decision -------------------------------------------------------- */

static struct bl__spin spin;
static bl_ns clock_ns;

static void begin_with(bl_ns max) {
    bl__spin_init(&spin, max, true);
    clock_ns = BL_SEC(1);
}

/*
 * A wait at whose end, after `length`, there is something to do.  Returns for
 * how long of it the loop span.
 */
static bl_ns wait_for(bl_ns length) {
    bl_ns span = bl__spin_begin(&spin, clock_ns);
    bl_ns spun = span < length ? span : length;
    clock_ns += spun;
    if (span > 0 && span < length) bl__spin_miss(&spin, clock_ns);
    clock_ns += length - spun;
    bl__spin_end(&spin, clock_ns);
    return spun;
}

TEST(the_first_wait_of_a_loop_does_not_spin) {
    begin_with(MAX_NS);
    CHECK_EQ(wait_for(1), 0);
    CHECK_EQ(wait_for(1), 1);
    CHECK_EQ(spin.count, 1);
    CHECK_EQ(spin.paid_count, 1);
}

TEST(a_long_wait_is_followed_by_one_without_a_spin) {
    begin_with(MAX_NS);
    wait_for(4 * MAX_NS + 1);
    CHECK_EQ(wait_for(4 * MAX_NS), 0);
    CHECK_EQ(wait_for(1), 1);
}

TEST(a_loop_that_is_asked_now_and_then_never_spins) {
    begin_with(MAX_NS);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(wait_for(BL_MS(1)), 0);
    CHECK_EQ(spin.count, 0);
}

TEST(a_miss_is_followed_by_a_rest_that_doubles) {
    begin_with(MAX_NS);
    wait_for(1);
    for (unsigned misses = 1; misses <= 12; misses++) {
        CHECK_EQ(wait_for(MAX_NS + 1), MAX_NS);
        clock_ns--; /* the miss itself */
        bl_ns rest = MAX_NS << (misses < 10 ? misses : 10);
        clock_ns += rest - 1;
        CHECK_EQ(wait_for(0), 0);
        clock_ns++;
        CHECK_EQ(bl__spin_begin(&spin, clock_ns), MAX_NS);
        bl__spin_miss(&spin, clock_ns); /* not counted twice below */
        spin.misses--;
        spin.rests_until = 0;
        bl__spin_end(&spin, clock_ns);
    }
}

TEST(a_spin_that_pays_takes_a_miss_back) {
    begin_with(MAX_NS);
    wait_for(1);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(wait_for(MAX_NS + 1), MAX_NS);
        clock_ns += BL_SEC(1);
    }
    CHECK_EQ(spin.misses, 3);
    for (unsigned left = 2; left > 0; left--) {
        CHECK_EQ(wait_for(1), 1);
        CHECK_EQ(spin.misses, left);
    }
    CHECK_EQ(wait_for(1), 1);
    CHECK_EQ(wait_for(1), 1);
    CHECK_EQ(spin.misses, 0);
    CHECK_EQ(spin.paid_count, 4);
}

/* A share of all time, in thousandths, of a loop whose waits are `lengths`. */
static bl_ns share_of(const bl_ns *lengths, int count) {
    bl_ns spun = 0;
    begin_with(MAX_NS);
    bl_ns began = clock_ns;
    for (int i = 0; clock_ns - began < BL_SEC(10); i++) {
        spun += wait_for(lengths[i % count]);
        clock_ns += BL_US(5);
    }
    return spun * 1000 / (clock_ns - began);
}

TEST(where_no_spin_pays_a_thousandth_of_the_time_is_spent) {
    const bl_ns just_missed[] = { MAX_NS + 1 };
    const bl_ns missed[] = { 4 * MAX_NS };
    const bl_ns deceived[] = { 1, 4 * MAX_NS + 1 }; /* short, then long */
    CHECK_LE(share_of(just_missed, 1), 1);
    CHECK_LE(share_of(missed, 1), 1);
    CHECK_LE(share_of(deceived, 2), 1);
}

TEST(where_fewer_than_half_of_the_spins_pay_there_are_few) {
    const bl_ns third[] = { BL_US(5), BL_US(60), BL_US(60) };
    const bl_ns most[] = { BL_US(5), BL_US(5), BL_US(5), BL_US(60) };
    CHECK_LE(share_of(third, 3), 2);
    CHECK_GE(share_of(most, 4), 200);
}

TEST(a_report_that_wakes_nobody_does_not_end_the_wait) {
    begin_with(MAX_NS);
    wait_for(1);
    CHECK_EQ(bl__spin_begin(&spin, clock_ns), MAX_NS);
    clock_ns += BL_US(20);
    CHECK_EQ(bl__spin_begin(&spin, clock_ns), BL_US(30));
    clock_ns += BL_US(30);
    CHECK_EQ(bl__spin_begin(&spin, clock_ns), 0); /* a miss */
    CHECK_EQ(bl__spin_begin(&spin, clock_ns), 0);
    clock_ns += BL_US(5);
    bl__spin_end(&spin, clock_ns);
    CHECK_EQ(spin.wait_last, BL_US(55));
    CHECK_EQ(spin.count, 1);
    CHECK_EQ(spin.paid_count, 0);
    CHECK_EQ(spin.misses, 1);
}

TEST(what_is_found_much_too_late_has_not_paid) {
    begin_with(MAX_NS);
    wait_for(1);
    CHECK_EQ(bl__spin_begin(&spin, clock_ns), MAX_NS);
    bl__spin_end(&spin, clock_ns + 2 * MAX_NS + 1); /* it did not run */
    CHECK_EQ(spin.paid_count, 0);
    CHECK_EQ(spin.misses, 1);
}

/* The longest spin of a loop with this option and this environment. */
static bl_ns max_of(bl_ns option, const char *environment) {
    if (environment != NULL) {
        REQUIRE_EQ(setenv("BELAY_SPIN_NS", environment, 1), 0);
    } else {
        REQUIRE_EQ(unsetenv("BELAY_SPIN_NS"), 0);
    }
    bl__spin_init(&spin, option, true);
    return spin.max;
}

TEST(the_longest_spin_is_the_options_the_environments_or_50_us) {
    CHECK_EQ(max_of(0, NULL), BL_US(50));
    CHECK_EQ(max_of(0, "0"), 0);
    CHECK_EQ(max_of(0, "7000"), 7000);
    CHECK_EQ(max_of(5, "7000"), 5);
    CHECK_EQ(max_of(-1, "7000"), 0);
    CHECK_EQ(max_of(0, ""), BL_US(50));
    CHECK_EQ(max_of(0, "7 us"), BL_US(50));
    CHECK_EQ(max_of(0, "-7"), BL_US(50));
    CHECK_EQ(max_of(0, "1000000001"), BL_US(50));
    CHECK_EQ(max_of(0, "99999999999999999999"), BL_US(50));
    bl__spin_init(&spin, 5, false);
    CHECK_EQ(spin.max, 0);
    CHECK_EQ(bl__spin_begin(&spin, 1), 0);
}

/* ---- looking ------------------------------------------------------------- */

/* A driver whose looks are written down, and which then does as it is told. */
struct bl__driver {
    bl_loop *loop;
    bool wakes;      /* another thread comes just behind the look at the flag */
    bool is_pending; /* as `wait` is told to say */
    int found;
};

static void fake_commit(struct bl__driver *driver) {
    (void)driver;
    note("commit");
}

static bool fake_is_pending(const struct bl__driver *driver) {
    note("look");
    if (driver->wakes) bl__wake(driver->loop);
    return driver->is_pending;
}

static int fake_wait(struct bl__driver *driver, bl_ns timeout,
                     struct bl__ready *ready, int count) {
    (void)ready;
    CHECK_EQ(timeout, 0);
    CHECK_EQ(count, 1);
    note("wait");
    return driver->found;
}

static const struct bl__driver_ops fake_ops = {
    .name = "fake",
    .commit = fake_commit,
    .is_pending = fake_is_pending,
    .wait = fake_wait,
};

static bool is_readable(int fd) {
    struct pollfd item = { .fd = fd, .events = POLLIN };
    return poll(&item, 1, 0) == 1;
}

/* Looks once, since the time is over then, and at this driver. */
static bool look_once_at(struct bl__driver *driver, int *count) {
    struct bl__ready ready;
    bl_loop *loop = driver->loop;
    loop->driver = driver;
    loop->driver_ops = &fake_ops;
    loop->now = bl__loop_now(loop);
    bool found = bl__spin_look(loop, 1, &ready, 1, count);
    CHECK(!atomic_load(&loop->is_looking));
    loop->driver = NULL;
    return found;
}

TEST(the_driver_is_asked_only_if_something_is_pending, .no_loop = true) {
    struct bl__driver driver = { .found = 1 };
    int count;
    REQUIRE_OK(bl_loop_open(NULL, &driver.loop));
    CHECK(!look_once_at(&driver, &count));
    CHECK_EQ(count, 0);
    CHECK_STR(notes(), "commit look");
    forget_notes();
    driver.is_pending = true;
    CHECK(look_once_at(&driver, &count));
    CHECK_EQ(count, 1);
    CHECK_STR(notes(), "commit look wait");
    driver.found = -EINTR;
    CHECK(look_once_at(&driver, &count));
    CHECK_EQ(count, -EINTR);
    driver.found = 0;
    CHECK(!look_once_at(&driver, &count));
    bl_loop_close(driver.loop);
}

TEST(a_wake_up_behind_the_last_look_is_seen_and_writes_nothing,
     .no_loop = true) {
    struct bl__driver driver = { .wakes = true };
    int count;
    REQUIRE_OK(bl_loop_open(NULL, &driver.loop));
    int wake_fd = driver.loop->wake_fd;
    CHECK(look_once_at(&driver, &count));
    CHECK_EQ(count, 0);
    CHECK_STR(notes(), "commit look");
    CHECK(!is_readable(wake_fd));
    CHECK_EQ(bl_loop_step(driver.loop, 0), 0); /* takes note of it */
    CHECK(!bl_loop_is_ready(driver.loop));
    bl__wake(driver.loop);
    CHECK(is_readable(wake_fd));
    CHECK_EQ(bl_loop_step(driver.loop, 0), 0);
    bl_loop_close(driver.loop);
}

/* ---- in a loop ----------------------------------------------------------- */

PARAM(int, driver, BL_DRIVER_EPOLL, BL_DRIVER_URING);

/* A task that reads what is sent when its loop begins to wait. */
struct talk {
    bl_loop_options options;
    int ends[2];
    bl_loop_info info; /* at the end */
    int after_count;   /* of the hook after waiting */
    int rc;
};

static void sends(void *context) {
    struct talk *talk = context;
    say(talk->ends[1], "x");
}

static void counts_after(void *context) {
    struct talk *talk = context;
    talk->after_count++;
}

static int reads_all(void *arg) {
    struct talk *talk = arg;
    bl_stream *stream;
    char byte;
    REQUIRE_OK(bl_stream_take_fd(talk->ends[0], &stream));
    for (int i = 0; i < ROUNDS; i++)
        REQUIRE_EQ(bl_stream_read(stream, &byte, 1), 1);
    bl_loop_get_info(bl_loop_running(), &talk->info);
    bl_stream_abort(stream);
    return 0;
}

static void run_talk(void *arg) {
    struct talk *talk = arg;
    talk->rc = bl_run_with(reads_all, talk, &talk->options);
}

static struct talk talk_with(int driver, bl_ns spin_ns_max) {
    struct talk talk = { .rc = BL_EMISUSE };
    talk.options = (bl_loop_options){ .size = sizeof talk.options,
                                      .driver = (bl_driver_kind)driver,
                                      .spin_ns_max = spin_ns_max,
                                      .before_block = sends,
                                      .after_block = counts_after };
    return talk;
}

static void hold(struct talk *talk) {
    talk->options.block_context = talk;
    socket_pair(talk->ends);
    on_thread(run_talk, talk);
    close(talk->ends[1]);
    CHECK_OK(talk->rc);
}

TEST(a_spin_finds_what_comes_while_the_loop_waits, (driver)) {
    struct talk talk = talk_with(driver, BL_SEC(1));
    hold(&talk);
    CHECK_GE(talk.info.spins, ROUNDS / 4); /* in hard mode some are cut off */
    CHECK_EQ(talk.info.spins_paid, talk.info.spins);
    CHECK_GE(talk.after_count, (int)talk.info.spins);
}

TEST(switched_off_there_are_no_spins, (driver)) {
    struct talk talk = talk_with(driver, -1);
    hold(&talk);
    CHECK_EQ(talk.info.spins, 0);
    CHECK_EQ(talk.info.spins_paid, 0);
    REQUIRE_EQ(setenv("BELAY_SPIN_NS", "0", 1), 0);
    struct talk other = talk_with(driver, 0);
    hold(&other);
    CHECK_EQ(other.info.spins, 0);
}

static bl_ns system_clock(void *context) {
    (void)context;
    return bl_now_real();
}

TEST(by_the_clock_of_a_host_there_are_no_spins, (driver)) {
    struct talk talk = talk_with(driver, BL_SEC(1));
    talk.options.now = system_clock;
    hold(&talk);
    CHECK_EQ(talk.info.spins, 0);
}

/* Sleeps that end within a spin, and far from the end of it. */
static int sleeps_often(void *arg) {
    struct talk *talk = arg;
    for (int i = 0; i < ROUNDS; i++) {
        int rc = bl_sleep(BL_US(20));
        if (rc < 0) return rc;
    }
    bl_loop_get_info(bl_loop_running(), &talk->info);
    return 0;
}

static void run_sleeps(void *arg) {
    struct talk *talk = arg;
    talk->options.before_block = NULL;
    talk->options.after_block = NULL;
    talk->rc = bl_run_with(sleeps_often, talk, &talk->options);
}

TEST(by_a_virtual_clock_there_are_no_spins, (driver)) {
    struct talk talk = talk_with(driver, BL_SEC(1));
    talk.options.clock = BL_CLOCK_VIRTUAL;
    on_thread(run_sleeps, &talk);
    CHECK_OK(talk.rc);
    CHECK_EQ(talk.info.spins, 0);
}

TEST(a_spin_ends_with_the_nearest_timer, (driver)) {
    struct talk talk = talk_with(driver, BL_SEC(1));
    bl_ns began = bl_now_real();
    on_thread(run_sleeps, &talk);
    CHECK_OK(talk.rc);
    CHECK_LT(bl_now_real() - began, ROUNDS / 2 * BL_SEC(1));
    CHECK_GE(talk.info.spins, ROUNDS / 4);
    CHECK_GE(talk.info.spins_paid, 1);
}

TEST(a_step_spins_no_longer_than_it_may_wait, (driver), .no_loop = true) {
    bl_loop *loop;
    bl_loop_options options = talk_with(driver, BL_SEC(1)).options;
    options.before_block = NULL;
    options.after_block = NULL;
    REQUIRE_OK(bl_loop_open(&options, &loop));
    bl_ns began = bl_now_real();
    CHECK_OK(bl_loop_start(loop, kid_sleeps, ARG(1)));
    while (bl_loop_step(loop, BL_FOREVER) > 0) {}
    CHECK_OK(bl_loop_finish(loop));
    for (int i = 0; i < ROUNDS; i++)
        CHECK_EQ(bl_loop_step(loop, BL_US(10)), 0);
    CHECK_LT(bl_now_real() - began, ROUNDS / 2 * BL_SEC(1));
    bl_loop_close(loop);
}

/* ---- other threads ------------------------------------------------------- */

/* A thread that posts a letter when it is asked for one. */
struct office {
    bl_loop_options options;
    bl_handle *handle;
    atomic_int asked_for;
    int wanted;
    int received;
    bl_event came;
    bl_loop_info info;
    int rc;
    bool has_watch; /* the loop has a driver, and not just a wake-up */
};

static void on_letter(void *context) {
    struct office *office = context;
    office->received++;
    bl_event_set(&office->came);
}

/* Sometimes at once, sometimes when the loop has just begun to block. */
static void *delivers(void *arg) {
    struct office *office = arg;
    for (int i = 1; i <= office->wanted; i++) {
        while (atomic_load(&office->asked_for) < i)
            sched_yield();
        for (volatile int turn = 0; turn < i * 7 % 6000; turn++) {}
        REQUIRE_OK(bl_thread_post(office->handle, on_letter, office));
    }
    bl_thread_close(office->handle);
    return NULL;
}

static int asks_for_letters(void *arg) {
    struct office *office = arg;
    pthread_t thread;
    if (office->has_watch) REQUIRE_GE(bl_loop_fd(bl_loop_running()), 0);
    REQUIRE_OK(bl_handle_open(&office->handle));
    REQUIRE_EQ(pthread_create(&thread, NULL, delivers, office), 0);
    for (int i = 1; i <= office->wanted; i++) {
        bl_event_clear(&office->came);
        atomic_store(&office->asked_for, i);
        REQUIRE_OK(bl_event_wait(&office->came));
        REQUIRE_EQ(office->received, i);
    }
    REQUIRE_EQ(pthread_join(thread, NULL), 0);
    bl_loop_get_info(bl_loop_running(), &office->info);
    return 0;
}

static void run_office(void *arg) {
    struct office *office = arg;
    office->rc = bl_run_with(asks_for_letters, office, &office->options);
}

static struct office office_with(int driver, bl_ns spin_ns_max, int wanted,
                                 bool has_watch) {
    struct office office = { .came = BL_EVENT_INIT,
                             .wanted = wanted,
                             .has_watch = has_watch };
    office.options = (bl_loop_options){ .size = sizeof office.options,
                                        .driver = (bl_driver_kind)driver,
                                        .spin_ns_max = spin_ns_max };
    on_thread(run_office, &office);
    CHECK_OK(office.rc);
    return office;
}

TEST(a_thread_wakes_a_loop_that_spins, (driver)) {
    struct office office = office_with(driver, BL_SEC(1), LETTERS_FEW, true);
    CHECK_GE(office.info.spins, 1);
    CHECK_EQ(office.info.spins_paid, office.info.spins);
    office = office_with(driver, BL_SEC(1), LETTERS_FEW, false);
    CHECK_GE(office.info.spins, 1);
}

/* A wake-up that is lost leaves the loop asleep until the watchdog comes. */
TEST(a_thread_wakes_a_loop_that_stops_spinning_just_then, (driver)) {
    for (int i = 1; i <= 4; i++)
        office_with(driver, BL_US(2 * i), LETTERS_MANY, i % 2 == 0);
}
