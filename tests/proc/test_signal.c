/* SPDX-License-Identifier: MIT */
/*
 * tests/proc/test_signal.c - signals as a stream of events
 *
 * A signal that the test raises itself has been handled when raise() returns,
 * and is in the subscription; what other threads raise comes by the loop.
 * Bodies that change what a signal does to the process run in a forked child.
 *
 *     Legs: threads sweep
 */
#include <belay/test.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"

static bl_signals *opens(const int *numbers, size_t count) {
    bl_signals *signals = NULL;
    REQUIRE_OK(bl_signals_open(numbers, count, &signals));
    return signals;
}

static bl_signals *opens_one(int number) {
    return opens(&number, 1);
}

static bool is_default(int number) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) < 0) return false;
    return action.sa_handler == SIG_DFL;
}

FIXTURE(bl_signals *, usr1) {
    bl_signals *signals = opens_one(SIGUSR1);
    YIELD(signals);
    bl_signals_close(signals);
}

/* ---- one subscription ---------------------------------------------------- */

TEST(a_signal_that_came_before_the_wait_is_there, (usr1)) {
    bl_signal_event event = { 0 };
    CHECK_EQ(raise(SIGUSR1), 0);
    REQUIRE_OK(bl_signals_wait(usr1, &event));
    CHECK_EQ(event.number, SIGUSR1);
    CHECK_EQ(event.count, 1u);
    CHECK_EQ(event.pid, getpid());
    CHECK_EQ(event.uid, getuid());
}

static int raises_user(void *arg) {
    (void)arg;
    return raise(SIGUSR1) == 0 ? 0 : BL_EIO;
}

TEST(a_signal_wakes_who_waits, (usr1)) {
    BL_GROUP_SCOPED(group);
    bl_signal_event event = { 0 };
    REQUIRE_OK(bl_spawn(&group, raises_user, NULL));
    REQUIRE_OK(bl_signals_wait(usr1, &event));
    CHECK_EQ(event.number, SIGUSR1);
    REQUIRE_OK(bl_group_exit(&group, 0));
}

TEST(nothing_has_come_yet, (usr1)) {
    bl_signal_event event = { .number = 77 };
    CHECK_ERR(bl_signals_try_wait(usr1, &event), BL_EAGAIN);
    CHECK_EQ(event.number, 77);
}

TEST(what_nobody_took_is_folded_and_counted, (usr1)) {
    bl_signal_event event = { 0 };
    for (int i = 0; i < 3; i++)
        CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_OK(bl_signals_try_wait(usr1, &event));
    CHECK_EQ(event.count, 3u);
    CHECK_ERR(bl_signals_try_wait(usr1, &event), BL_EAGAIN);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_OK(bl_signals_try_wait(usr1, &event));
    CHECK_EQ(event.count, 1u);
}

TEST(different_signals_come_in_the_order_of_their_arrival) {
    const int numbers[] = { SIGUSR1, SIGUSR2, SIGHUP };
    bl_signals *signals = opens(numbers, 3);
    bl_signal_event event = { 0 };
    const int order[] = { SIGUSR2, SIGHUP, SIGUSR1 };
    for (int i = 0; i < 3; i++)
        CHECK_EQ(raise(order[i]), 0);
    CHECK_EQ(raise(SIGUSR2), 0); /* joins the first */
    for (int i = 0; i < 3; i++) {
        CHECK_OK(bl_signals_wait(signals, &event));
        CHECK_EQ(event.number, order[i]);
        CHECK_EQ(event.count, i == 0 ? 2u : 1u);
    }
    bl_signals_close(signals);
}

TEST(a_cancelled_wait_took_nothing, (usr1)) {
    bl_signal_event event = { 0 };
    CHECK_EQ(raise(SIGUSR1), 0);
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, "the test says so");
    CHECK_ERR(bl_signals_wait(usr1, &event), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, 0));
    CHECK_OK(bl_signals_try_wait(usr1, &event));
}

TEST(a_wait_can_be_cancelled, (usr1)) {
    bl_signal_event event = { 0 };
    TAKES(BL_SEC(1)) {
        CHECK_ERR(bl_wait_for(bl_signals_wait(usr1, &event), BL_SEC(1)),
                  BL_ETIMEDOUT);
    }
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_OK(bl_signals_wait(usr1, &event));
}

struct waits {
    bl_signals *signals;
    bl_signal_event event;
    int rc;
};

static int waits_for_one(void *arg) {
    struct waits *waits = arg;
    waits->rc = bl_signals_wait(waits->signals, &waits->event);
    return 0;
}

TEST(of_several_who_wait_the_first_in_line_gets_it, (usr1)) {
    struct waits first = { .signals = usr1, .rc = 1 };
    struct waits second = { .signals = usr1, .rc = 1 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, waits_for_one, &first));
    t_settle();
    REQUIRE_OK(bl_spawn(&group, waits_for_one, &second));
    t_settle();
    CHECK_EQ(raise(SIGUSR1), 0);
    REQUIRE_EVENTUALLY(first.rc == 0, BL_SEC(1));
    CHECK_EQ(second.rc, 1);
    CHECK_EQ(raise(SIGUSR1), 0);
    REQUIRE_EVENTUALLY(second.rc == 0, BL_SEC(1));
    REQUIRE_OK(bl_group_exit(&group, 0));
}

TEST(closing_sends_away_who_waits) {
    struct waits waits = { .signals = opens_one(SIGUSR1), .rc = 1 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, waits_for_one, &waits));
    t_settle();
    bl_signals_close(waits.signals);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(waits.rc, BL_ECLOSED);
}

static void *raises_in_a_thread(void *arg) {
    (void)arg;
    (void)kill(getpid(), SIGUSR1);
    return NULL;
}

/* Whichever of the threads the signal comes to. */
TEST(a_loop_that_blocks_is_woken, (usr1), .clock = T_CLOCK_REAL) {
    bl_signal_event event = { 0 };
    pthread_t thread;
    REQUIRE_EQ(pthread_create(&thread, NULL, raises_in_a_thread, NULL), 0);
    CHECK_OK(bl_signals_wait(usr1, &event));
    CHECK_EQ(event.pid, getpid());
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* ---- several subscriptions ----------------------------------------------- */

TEST(each_listener_gets_every_event, (usr1)) {
    const int numbers[] = { SIGUSR1, SIGUSR2 };
    bl_signals *both = opens(numbers, 2);
    bl_signal_event event = { 0 };
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(raise(SIGUSR2), 0);
    CHECK_OK(bl_signals_try_wait(both, &event));
    CHECK_EQ(event.number, SIGUSR1);
    CHECK_OK(bl_signals_try_wait(both, &event));
    CHECK_EQ(event.number, SIGUSR2);
    CHECK_OK(bl_signals_try_wait(usr1, &event));
    CHECK_EQ(event.number, SIGUSR1);
    CHECK_ERR(bl_signals_try_wait(usr1, &event), BL_EAGAIN);
    bl_signals_close(both);
}

TEST(the_disposition_is_back_when_the_last_listener_leaves) {
    CHECK(is_default(SIGUSR1));
    bl_signals *first = opens_one(SIGUSR1);
    bl_signals *second = opens_one(SIGUSR1);
    CHECK(!is_default(SIGUSR1));
    bl_signals_close(first);
    CHECK(!is_default(SIGUSR1));
    bl_signals_close(second);
    CHECK(is_default(SIGUSR1));
}

TEST(what_was_ignored_is_heard_and_ignored_again) {
    CHECK(!bl_signal_is_ignored(SIGHUP));
    REQUIRE(signal(SIGHUP, SIG_IGN) != SIG_ERR);
    CHECK(bl_signal_is_ignored(SIGHUP));
    bl_signals *signals = opens_one(SIGHUP);
    bl_signal_event event = { 0 };
    CHECK(bl_signal_is_ignored(SIGHUP));
    CHECK_EQ(raise(SIGHUP), 0);
    CHECK_OK(bl_signals_wait(signals, &event));
    bl_signals_close(signals);
    CHECK(bl_signal_is_ignored(SIGHUP));
    CHECK_EQ(raise(SIGHUP), 0); /* has no effect */
    CHECK(signal(SIGHUP, SIG_DFL) == SIG_IGN);
}

static volatile sig_atomic_t own_count;

static void handles(int number) {
    (void)number;
    own_count++;
}

TEST(a_handler_put_in_its_place_stays) {
    bl_signals *signals = opens_one(SIGUSR1);
    bl_signal_event event = { 0 };
    void (*ours)(int) = signal(SIGUSR1, handles);
    REQUIRE(ours != SIG_ERR);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(own_count, 1);
    CHECK_ERR(bl_signals_try_wait(signals, &event), BL_EAGAIN);
    bl_signals_close(signals);
    CHECK(signal(SIGUSR1, SIG_DFL) == handles);
}

/* ---- select -------------------------------------------------------------- */

TEST(a_signal_can_be_one_of_several_things, (usr1)) {
    bl_event stop = BL_EVENT_INIT;
    bl_signal_event event = { 0 };
    bl_branch branches[] = { bl_on_event(&stop), bl_on_signal(usr1, &event),
                             bl_on_sleep(BL_SEC(1)) };
    TAKES(BL_SEC(1)) CHECK_EQ(bl_select(branches, 3), 2);
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(bl_select(branches, 3), 1);
    CHECK_EQ(branches[1].rc, 0);
    CHECK_EQ(event.number, SIGUSR1);
}

TEST(a_select_that_waits_is_served, (usr1)) {
    bl_event stop = BL_EVENT_INIT;
    bl_signal_event event = { 0 };
    bl_branch branches[] = { bl_on_event(&stop), bl_on_signal(usr1, &event) };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, raises_user, NULL));
    CHECK_EQ(bl_select(branches, 2), 1);
    CHECK_EQ(event.number, SIGUSR1);
    REQUIRE_OK(bl_group_exit(&group, 0));
}

TEST(a_branch_without_its_parts_is_refused, (usr1)) {
    bl_signal_event event;
    bl_branch branch = bl_on_signal(NULL, &event);
    CHECK_ERR(bl_select(&branch, 1), BL_EINVAL);
    branch = bl_on_signal(usr1, NULL);
    CHECK_ERR(bl_select(&branch, 1), BL_EINVAL);
}

/* ---- beside the signals of bl_run ---------------------------------------- */

struct seen {
    int first_rc;  /* of the wait for the event */
    int second_rc; /* of the wait after the subscription was closed */
    int rc;        /* of bl_run */
};

static int listens_then_not(void *arg) {
    struct seen *seen = arg;
    const int number = SIGTERM;
    bl_signals *signals;
    bl_signal_event event;
    int rc = bl_signals_open(&number, 1, &signals);
    if (rc < 0) return rc;
    for (int i = 0; i < 4; i++)
        (void)raise(SIGTERM);
    rc = bl_yield();
    seen->first_rc = rc < 0 ? rc : bl_signals_wait(signals, &event);
    bl_signals_close(signals);
    (void)raise(SIGTERM);
    seen->second_rc = bl_sleep(HOUR);
    return seen->second_rc;
}

static int runs_one_that_listens(void *arg) {
    struct seen *seen = arg;
    seen->rc = bl_run(listens_then_not, seen);
    return is_default(SIGTERM) ? 0 : 1;
}

TEST(a_subscription_wins_over_the_root_for_as_long_as_it_is_open,
     .no_loop = true) {
    struct seen *seen = shared_memory(sizeof *seen);
    CHECK_EQ(in_child(runs_one_that_listens, seen), 0);
    CHECK_EQ(seen->first_rc, 0);
    CHECK_ERR(seen->second_rc, BL_ECANCELED);
    CHECK_ERR(seen->rc, BL_EINTERRUPTED);
}

static int listens_for_good(void *arg) {
    const int number = SIGTERM;
    return bl_signals_open(&number, 1, arg);
}

/* One that is forgotten is a leak, and nothing worse. */
static int forgets_one(void *arg) {
    static bl_signals *forgotten;
    (void)arg;
    int rc = bl_run(listens_for_good, &forgotten);
    return rc == 0 && raise(SIGTERM) == 0 ? 0 : 1;
}

TEST(one_that_was_forgotten_does_no_harm, .no_loop = true) {
    CHECK_EQ(in_child(forgets_one, NULL), 0);
}

static int listens_as_a_host_does(void *arg) {
    const int number = SIGTERM;
    bl_signals *signals;
    bl_signal_event event;
    (void)arg;
    int rc = bl_signals_open(&number, 1, &signals);
    if (rc < 0) return rc;
    (void)raise(SIGTERM);
    rc = bl_signals_wait(signals, &event);
    bl_signals_close(signals);
    return rc;
}

static int runs_as_host(void *arg) {
    bl_loop_options options = { .size = sizeof options,
                                .signals = BL_SIGNALS_HOST };
    return bl_run_with(listens_as_a_host_does, arg, &options);
}

TEST(in_the_loop_of_a_host_one_can_subscribe_too, .no_loop = true) {
    CHECK_EQ(in_child(runs_as_host, NULL), 0);
}

/* ---- workers ------------------------------------------------------------- */

enum {
    WORKERS = 3
};

struct team {
    atomic_int ready;
    atomic_int heard;
};

/* The last that is ready raises the signal; all hear it. */
static int listens_as_a_worker(void *arg) {
    struct team *team = arg;
    const int number = SIGUSR1;
    bl_signals *signals;
    bl_signal_event event;
    int rc = bl_signals_open(&number, 1, &signals);
    if (rc < 0) return rc;
    if (atomic_fetch_add(&team->ready, 1) == WORKERS - 1) {
        (void)kill(getpid(), SIGUSR1);
    }
    rc = bl_signals_wait(signals, &event);
    if (rc == 0) atomic_fetch_add(&team->heard, 1);
    bl_signals_close(signals);
    return rc;
}

static int runs_workers(void *arg) {
    int rc = bl_run_workers(WORKERS, listens_as_a_worker, arg);
    return rc == 0 && is_default(SIGUSR1) ? 0 : 1;
}

TEST(each_worker_hears_a_signal, .no_loop = true) {
    struct team *team = shared_memory(sizeof *team);
    CHECK_EQ(in_child(runs_workers, team), 0);
    CHECK_EQ(atomic_load(&team->heard), WORKERS);
}

/* ---- forks --------------------------------------------------------------- */

static int forks(void *arg) {
    bl_signals *signals = arg;
    bl_signal_event event;
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) _exit(is_default(SIGUSR1) ? 0 : 1);
    if (waitpid(pid, &status, 0) != pid) return BL_EIO;
    if (status != 0) return BL_EIO;
    return bl_signals_try_wait(signals, &event) == BL_EAGAIN ? 0 : BL_EIO;
}

TEST(a_forked_child_has_left_its_parents_subscriptions, (usr1)) {
    CHECK_OK(forks(usr1));
}

/* ---- what is refused ----------------------------------------------------- */

PARAM(int, unwatchable, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
      SIGTRAP, SIGSYS, SIGABRT, 0, -1, 32, 33, 65, 1000);

TEST(some_signals_cannot_be_watched, (unwatchable)) {
    const int numbers[] = { SIGUSR1, unwatchable };
    bl_signals *signals = NULL;
    CHECK_ERR(bl_signals_open(numbers, 2, &signals), BL_EINVAL);
    CHECK(signals == NULL);
    CHECK(is_default(SIGUSR1));
}

TEST(arguments_are_checked, (usr1)) {
    const int number = SIGUSR2;
    bl_signals *signals = NULL;
    bl_signal_event event;
    CHECK_ERR(bl_signals_open(&number, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_signals_open(NULL, 1, &signals), BL_EINVAL);
    CHECK_ERR(bl_signals_open(&number, 0, &signals), BL_EINVAL);
    CHECK_ERR(bl_signals_wait(NULL, &event), BL_EINVAL);
    CHECK_ERR(bl_signals_wait(usr1, NULL), BL_EINVAL);
    CHECK_ERR(bl_signals_try_wait(NULL, &event), BL_EINVAL);
    CHECK_ERR(bl_signals_try_wait(usr1, NULL), BL_EINVAL);
    bl_signals_close(NULL);
}

static void without_a_loop(void *arg) {
    const int number = SIGUSR1;
    bl_signals *signals = arg;
    bl_signal_event event;
    CHECK_ERR(bl_signals_wait(signals, &event), BL_ENOLOOP);
    CHECK_ERR(bl_signals_try_wait(signals, &event), BL_ETHREAD);
    CHECK_ERR(bl_signals_open(&number, 1, &signals), BL_ENOLOOP);
}

TEST(without_a_loop_nothing_is_opened_and_nobody_waits, (usr1)) {
    on_thread(without_a_loop, usr1);
}

static int in_another_loop(void *arg) {
    bl_signal_event event;
    CHECK_ERR(bl_signals_wait(arg, &event), BL_ETHREAD);
    return 0;
}

TEST(a_subscription_belongs_to_its_loop, (usr1)) {
    CHECK_OK(run_elsewhere(in_another_loop, usr1, NULL));
}

static void from_a_callback(void *arg) {
    bl_signal_event event;
    CHECK_ERR(bl_signals_wait(arg, &event), BL_ENOTASK);
}

TEST(a_callback_cannot_wait, (usr1)) {
    bl_call call = { 0 };
    bl_call_soon(bl_loop_running(), &call, from_a_callback, usr1);
    t_settle();
    CHECK_OK(bl_yield());
}

TEST(without_memory_nothing_is_opened) {
    const int number = SIGUSR1;
    bl_signals *signals = NULL;
    famine_begin(0);
    int rc = bl_signals_open(&number, 1, &signals);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK(is_default(SIGUSR1));
}

TEST(without_a_descriptor_nothing_is_opened) {
    const int number = SIGUSR1;
    bl_signals *signals = NULL;
    limit_descriptors(0);
    int rc = bl_signals_open(&number, 1, &signals);
    unlimit_descriptors();
    CHECK_ERR(rc, BL_EMFILE);
    CHECK(is_default(SIGUSR1));
}

TEST(signals_have_names) {
    CHECK_STR(bl_signal_name(SIGTERM), "SIGTERM");
    CHECK_STR(bl_signal_name(SIGSYS), "SIGSYS");
    CHECK_STR(bl_signal_name(SIGRTMIN), "SIG?");
    CHECK_STR(bl_signal_name(0), "SIG?");
    CHECK(!bl_signal_is_ignored(0));
    CHECK(!bl_signal_is_ignored(65));
}
