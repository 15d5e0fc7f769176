/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_workers.c - loops on many threads that live and fail together
 *
 * A set runs on a thread where no loop does.  What needs a process of its own
 * is in test_workers_signal.c.
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/filter.h"
#include "support/host.h"
#include "support/kids.h"
#include "sys/cpu.h"

enum {
    SOME = 4,
    MANY = 64
};

/* What the workers of one run see; each writes its own places. */
struct seen {
    int runs[MANY];
    int wait_rc[MANY];
    pthread_t threads[MANY];
    bl_loop *loops[MANY];
    char names[MANY][16];
    int cpu_counts[MANY];
    int rc; /* of the run */
    atomic_int ready_count;
};

/* A run of a set on another thread. */
struct shift {
    bl_workers_options options;
    bl_task_fn *fn;
    void *arg;
    int rc;
    bl_error *error;
};

static void run_shift(void *arg) {
    struct shift *shift = arg;
    shift->rc = bl_run_workers_with(shift->fn, shift->arg, &shift->options);
    shift->error = NULL;
    if (bl_error_current(shift->rc) != NULL) {
        shift->error = bl_error_take(shift->rc);
    }
    bl_error_handled();
}

static bl_loop_options quiet_real_loop(void) {
    return (bl_loop_options){ .size = sizeof(bl_loop_options),
                              .is_quiet = true };
}

/* Runs `count` workers; the tree, if there is one, is for bl_error_unref. */
static struct shift work(uint32_t count, bl_task_fn *fn, void *arg) {
    bl_loop_options loop = quiet_real_loop();
    struct shift shift = { .fn = fn, .arg = arg };
    shift.options = (bl_workers_options){ .size = sizeof shift.options,
                                          .count = count,
                                          .loop = &loop };
    on_thread(run_shift, &shift);
    return shift;
}

static struct seen *new_seen(void) {
    static struct seen seen;
    memset(&seen, 0, sizeof seen);
    return &seen;
}

/* ---- what a worker is ---------------------------------------------------- */

static int looks_around(void *arg) {
    struct seen *seen = arg;
    uint32_t index = bl_worker_index();
    cpu_set_t cpus;
    seen->runs[index]++;
    seen->threads[index] = pthread_self();
    seen->loops[index] = bl_loop_running();
    (void)pthread_getname_np(pthread_self(), seen->names[index], 16);
    if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) {
        seen->cpu_counts[index] = CPU_COUNT(&cpus);
    }
    seen->wait_rc[index] = bl_yield();
    return (int)bl_workers_count(bl_workers_running());
}

TEST(each_worker_has_a_number_a_thread_and_a_loop) {
    struct seen *seen = new_seen();
    CHECK_OK(work(SOME, looks_around, seen).rc);
    for (int i = 0; i < SOME; i++) {
        CHECK_EQ(seen->runs[i], 1);
        CHECK_OK(seen->wait_rc[i]);
        for (int k = 0; k < i; k++) {
            CHECK(seen->loops[i] != seen->loops[k]);
            CHECK(!pthread_equal(seen->threads[i], seen->threads[k]));
        }
    }
    CHECK_STR(seen->names[3], "worker-3");
    CHECK_EQ(seen->runs[SOME], 0);
}

static int cpus_here(void) {
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) < 0) return 1;
    return CPU_COUNT(&cpus);
}

TEST(without_a_count_there_is_one_for_each_cpu) {
    struct seen *seen = new_seen();
    if (cpus_here() > MANY) t_skip("more CPUs than the test has room for");
    CHECK_OK(work(0, looks_around, seen).rc);
    int count = 0;
    for (int i = 0; i < MANY; i++)
        count += seen->runs[i];
    CHECK_EQ(count, cpus_here());
}

TEST(pinned_workers_have_one_cpu_and_their_own_name) {
    struct seen *seen = new_seen();
    struct shift shift = { .fn = looks_around, .arg = seen };
    shift.options = (bl_workers_options){ .size = sizeof shift.options,
                                          .count = 3,
                                          .is_pinned = true,
                                          .name = "cook" };
    on_thread(run_shift, &shift);
    CHECK_OK(shift.rc);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(seen->cpu_counts[i], 1);
    CHECK_STR(seen->names[2], "cook-2");
}

TEST(outside_there_is_no_worker) {
    CHECK_EQ(bl_worker_index(), 0);
    CHECK(bl_workers_running() == NULL);
}

/* Short waits, after which a loop spins if it ever does. */
static int counts_spins(void *arg) {
    atomic_uint_fast64_t *spins = arg;
    bl_loop_info info;
    for (int i = 0; i < 100; i++) {
        int rc = bl_sleep(BL_US(5));
        if (rc < 0) return rc;
    }
    bl_loop_get_info(bl_loop_running(), &info);
    atomic_fetch_add(spins, info.spins);
    return 0;
}

static uint64_t spins_of_crowd(bl_ns spin_ns_max) {
    atomic_uint_fast64_t spins = 0;
    bl_loop_options loop = quiet_real_loop();
    loop.spin_ns_max = spin_ns_max;
    struct shift shift = { .fn = counts_spins, .arg = &spins };
    shift.options = (bl_workers_options){ .size = sizeof shift.options,
                                          .count = bl__cpu_count() + 1,
                                          .loop = &loop };
    on_thread(run_shift, &shift);
    CHECK_OK(shift.rc);
    return atomic_load(&spins);
}

TEST(more_workers_than_cpus_do_not_spin_unless_told_to) {
    CHECK_EQ(spins_of_crowd(0), 0);
    CHECK_GE(spins_of_crowd(BL_SEC(1)), 1);
}

/* ---- failing together ---------------------------------------------------- */

static int second_fails(void *arg) {
    struct seen *seen = arg;
    uint32_t index = bl_worker_index();
    if (index == 1) return BL_ERR(BL_EPIPE, "the second worker");
    seen->wait_rc[index] = bl_sleep(HOUR);
    return seen->wait_rc[index];
}

TEST(one_failure_cancels_the_others_and_is_reported_as_a_tree) {
    struct seen *seen = new_seen();
    struct shift shift = work(SOME, second_fails, seen);
    CHECK_ERR(shift.rc, BL_EGROUP);
    REQUIRE(shift.error != NULL);
    CHECK_EQ(bl_error_count(shift.error), 1);
    const bl_error *leaf = bl_error_first(shift.error);
    CHECK_EQ(bl_error_code(leaf), BL_EPIPE);
    CHECK_STR(bl_error_message(leaf), "the second worker");
    CHECK_STR(bl_error_task(leaf), "worker-1");
    for (int i = 0; i < SOME; i++) {
        if (i != 1) CHECK_ERR(seen->wait_rc[i], BL_ECANCELED);
    }
    bl_error_unref(shift.error);
}

static int all_fail_in_turn(void *arg) {
    (void)arg;
    if (bl_worker_index() == 2) return BL_EPIPE;
    BL_IGNORE(bl_sleep(HOUR)); /* cancelled */
    return BL_EIO;             /* its clean-up fails */
}

TEST(no_failure_is_lost_and_the_first_is_what_began_it) {
    struct shift shift = work(SOME, all_fail_in_turn, NULL);
    CHECK_ERR(shift.rc, BL_EGROUP);
    CHECK_EQ(bl_error_count(shift.error), SOME);
    CHECK_EQ(bl_error_code(bl_error_child(shift.error, 0)), BL_EPIPE);
    for (size_t i = 1; i < SOME; i++) {
        const bl_error *child = bl_error_child(shift.error, i);
        CHECK_EQ(bl_error_code(child), BL_EIO);
    }
    bl_error_unref(shift.error);
}

static int child_fails(void *arg) {
    int rc = 0;
    (void)arg;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_returns, ARG(BL_EPIPE));
    }
    return rc;
}

TEST(the_tree_of_a_worker_is_a_branch_of_the_tree) {
    struct shift shift = work(1, child_fails, NULL);
    CHECK_ERR(shift.rc, BL_EGROUP);
    const bl_error *branch = bl_error_child(shift.error, 0);
    CHECK_EQ(bl_error_code(branch), BL_EGROUP);
    CHECK_EQ(bl_error_code(bl_error_first(branch)), BL_EPIPE);
    CHECK_STR(bl_error_task(bl_error_first(branch)), "worker-0/kid_returns");
    bl_error_unref(shift.error);
}

static int cancels_itself(void *arg) {
    (void)arg;
    if (bl_worker_index() != 0) return 0;
    bl_task_cancel(bl_task_current());
    return bl_yield();
}

TEST(a_root_cancelled_by_itself_fails_nobody) {
    CHECK_OK(work(SOME, cancels_itself, NULL).rc);
}

static int interrupted_call(void *arg) {
    (void)arg;
    return -EINTR; /* of a system call; there was no signal of ours */
}

TEST(a_code_like_that_of_a_signal_is_an_error_without_one) {
    struct shift shift = work(1, interrupted_call, NULL);
    CHECK_ERR(shift.rc, BL_EGROUP);
    bl_error_unref(shift.error);
}

/* ---- deadlocks ----------------------------------------------------------- */

static int waits_for_ever(void) {
    bl_event never = BL_EVENT_INIT;
    return bl_event_wait(&never);
}

static int first_is_stuck(void *arg) {
    struct seen *seen = arg;
    uint32_t index = bl_worker_index();
    seen->wait_rc[index] = index == 0 ? waits_for_ever() : bl_sleep(HOUR);
    return seen->wait_rc[index];
}

TEST(a_worker_in_a_deadlock_ends_all) {
    struct seen *seen = new_seen();
    struct shift shift = work(SOME, first_is_stuck, seen);
    CHECK_ERR(shift.rc, BL_EDEADLOCK);
    for (int i = 0; i < SOME; i++)
        CHECK_ERR(seen->wait_rc[i], BL_ECANCELED);
    bl_error_unref(shift.error);
}

static int stuck_and_broken(void *arg) {
    (void)arg;
    if (bl_worker_index() == 0) return waits_for_ever();
    BL_IGNORE(bl_sleep(HOUR)); /* cancelled */
    return BL_EIO;
}

TEST(a_failure_beside_a_deadlock_is_not_hidden) {
    struct shift shift = work(2, stuck_and_broken, NULL);
    CHECK_ERR(shift.rc, BL_EGROUP);
    CHECK(bl_error_match(shift.error, BL_EDEADLOCK));
    CHECK(bl_error_match(shift.error, BL_EIO));
    bl_error_unref(shift.error);
}

/* ---- from outside -------------------------------------------------------- */

static int waits_until_cancelled(void *arg) {
    struct seen *seen = arg;
    uint32_t index = bl_worker_index();
    seen->runs[index]++;
    seen->ready_count++;
    seen->wait_rc[index] = bl_sleep(HOUR);
    return seen->wait_rc[index];
}

struct stopper {
    bl_workers *workers;
    struct seen *seen;
    bool was_first;
    bool was_second;
};

static void *stops_all(void *arg) {
    struct stopper *stopper = arg;
    while (stopper->seen->ready_count < SOME)
        sched_yield();
    stopper->was_first = bl_thread_workers_cancel(stopper->workers, "test");
    stopper->was_second = bl_thread_workers_cancel(stopper->workers, "test");
    return NULL;
}

static void runs_and_is_stopped(void *arg) {
    struct stopper *stopper = arg;
    struct seen *seen = stopper->seen;
    bl_workers_options options = { .size = sizeof options, .count = SOME };
    pthread_t thread;
    REQUIRE_OK(bl_workers_open(&options, &stopper->workers));
    CHECK_EQ(bl_workers_count(stopper->workers), SOME);
    REQUIRE_EQ(pthread_create(&thread, NULL, stops_all, stopper), 0);
    seen->rc = bl_workers_run(stopper->workers, waits_until_cancelled, seen);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_ERR(bl_workers_run(stopper->workers, waits_until_cancelled, seen),
              BL_EALREADY);
    bl_workers_close(stopper->workers);
}

TEST(all_are_cancelled_from_one_place) {
    struct stopper stopper = { .seen = new_seen() };
    on_thread(runs_and_is_stopped, &stopper);
    CHECK_OK(stopper.seen->rc);
    CHECK(stopper.was_first);
    CHECK(!stopper.was_second);
    for (int i = 0; i < SOME; i++)
        CHECK_ERR(stopper.seen->wait_rc[i], BL_ECANCELED);
    CHECK(!bl_thread_workers_cancel(NULL, NULL));
}

static void cancels_and_runs(void *arg) {
    struct seen *seen = arg;
    bl_workers *workers;
    bl_workers_options options = { .size = sizeof options, .count = SOME };
    REQUIRE_OK(bl_workers_open(&options, &workers));
    CHECK(bl_thread_workers_cancel(workers, "early"));
    seen->rc = bl_workers_run(workers, waits_until_cancelled, seen);
    bl_workers_close(workers);
}

TEST(a_set_cancelled_before_it_runs_begins_cancelled) {
    struct seen *seen = new_seen();
    on_thread(cancels_and_runs, seen);
    CHECK_OK(seen->rc);
    for (int i = 0; i < SOME; i++) {
        CHECK_EQ(seen->runs[i], 1); /* to its first wait */
        CHECK_ERR(seen->wait_rc[i], BL_ECANCELED);
    }
}

static int last_ends_it(void *arg) {
    bl_workers *workers = bl_workers_running();
    if (bl_worker_index() == bl_workers_count(workers) - 1) {
        bl_thread_workers_cancel(workers, "enough");
    }
    return waits_until_cancelled(arg);
}

/* Ends are where races are; TSan looks at them. */
TEST(a_worker_can_end_all_at_any_time) {
    for (int i = 0; i < 100; i++) {
        struct seen *seen = new_seen();
        CHECK_OK(work(3, last_ends_it, seen).rc);
        for (int k = 0; k < 3; k++)
            CHECK_ERR(seen->wait_rc[k], BL_ECANCELED);
    }
}

/* ---- what there is not enough of ----------------------------------------- */

static int must_not_run(void *arg) {
    (*(atomic_int *)arg)++;
    return 0;
}

static void run_shift_without_threads(void *arg) {
    refuse_call(SYS_clone3, EAGAIN); /* holds for this thread */
    run_shift(arg);
}

TEST(without_a_thread_nothing_runs, .tags = "native") {
    atomic_int runs = 0;
    struct shift shift = { .fn = must_not_run, .arg = &runs };
    shift.options = (bl_workers_options){ .size = sizeof shift.options };
    on_thread(run_shift_without_threads, &shift);
    CHECK_ERR(shift.rc, BL_EAGAIN);
    CHECK_EQ(runs, 0);
    bl_error_unref(shift.error);
}

TEST(without_memory_there_is_no_set) {
    bl_workers_options options = { .size = sizeof options, .count = SOME };
    bl_workers *workers = NULL;
    int rc = BL_ENOMEM;
    for (int spare = 0; rc == BL_ENOMEM; spare++) {
        famine_begin(spare);
        rc = bl_workers_open(&options, &workers);
        famine_end();
        CHECK_EQ(workers == NULL, rc == BL_ENOMEM);
        CHECK(spare > SOME || rc == BL_ENOMEM);
    }
    CHECK_OK(rc);
    bl_workers_close(workers);
}

TEST(without_descriptors_there_is_no_set) {
    struct rlimit before;
    REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = { 0, before.rlim_max };
    bl_workers *workers = NULL;
    REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    int rc = bl_workers_open(NULL, &workers);
    REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK_ERR(rc, BL_EMFILE);
    CHECK(workers == NULL);
}

/* ---- misuse -------------------------------------------------------------- */

TEST(a_set_refuses_what_it_cannot_mean) {
    atomic_int runs = 0;
    bl_loop_options loop = { .size = 0 };
    bl_workers_options options = { .size = sizeof options };
    bl_workers *workers = NULL;
    CHECK_ERR(bl_workers_open(NULL, NULL), BL_EINVAL);
    options.count = 1025;
    CHECK_ERR(bl_workers_open(&options, &workers), BL_EINVAL);
    options.count = 1;
    options.name = "thirteen more";
    CHECK_ERR(bl_workers_open(&options, &workers), BL_EINVAL);
    options.name = NULL;
    options.loop = &loop;
    CHECK_ERR(bl_workers_open(&options, &workers), BL_EINVAL);
    options.loop = NULL;
    options.size = 0;
    CHECK_ERR(bl_workers_open(&options, &workers), BL_EINVAL);
    options.size = sizeof options + 1;
    CHECK_ERR(bl_workers_open(&options, &workers), BL_EINVAL);
    CHECK(workers == NULL);
    CHECK_ERR(bl_workers_run(NULL, must_not_run, &runs), BL_EINVAL);
    CHECK_ERR(bl_run_workers(1, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_run_workers_with(NULL, NULL, NULL), BL_EINVAL);
    CHECK_EQ(runs, 0);
    bl_workers_close(NULL);
}

TEST(inside_a_loop_no_workers_are_run) {
    atomic_int runs = 0;
    bl_workers *workers;
    CHECK_ERR(bl_run_workers(1, must_not_run, &runs), BL_EALREADY);
    CHECK_ERR(bl_run_workers_with(must_not_run, &runs, NULL), BL_EALREADY);
    REQUIRE_OK(bl_workers_open(NULL, &workers));
    CHECK_ERR(bl_workers_run(workers, must_not_run, &runs), BL_EALREADY);
    CHECK_EQ(runs, 0);
    bl_workers_close(workers); /* one that never ran */
}
