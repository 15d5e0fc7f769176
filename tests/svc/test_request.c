/* SPDX-License-Identifier: MIT */
/*
 * tests/svc/test_request.c - being asked to stop from outside the loop
 *
 * Legs: threads
 */
#include <belay/test.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "support/actor.h"
#include "support/host.h"

static const bl_service_options from_outside = {
    .size = sizeof from_outside,
    .stops_from_outside = true,
};

static bl_service_change last_change(const struct actor *actor) {
    bl_service_change change = { .rc = 0 };
    CHECK_EQ(bl_service_history(&actor->service, &change, 1), 1u);
    return change;
}

static void *ask_to_stop(void *arg) {
    struct actor *actor = arg;
    bl_thread_service_request_stop(&actor->service);
    return NULL;
}

TEST(another_thread_can_ask_for_a_stop, .clock = T_CLOCK_REAL) {
    ACTOR actor = { .life = 0 };
    pthread_t thread;
    REQUIRE_OK(actor_init(&actor, &from_outside));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_EQ(pthread_create(&thread, NULL, ask_to_stop, &actor), 0);
    CHECK_OK(bl_service_wait(&actor.service));
    CHECK_EQ(last_change(&actor).cause, BL_WHY_REQUESTED);
    CHECK_EQ(actor.stops_seen, 1);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

TEST(many_threads_that_ask_are_one_stop, .clock = T_CLOCK_REAL) {
    ACTOR actor = { .life = 0 };
    pthread_t threads[8];
    REQUIRE_OK(actor_init(&actor, &from_outside));
    BL_GROUP_SCOPED(group);
    for (int round = 0; round < 50; round++) {
        REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
        for (int i = 0; i < 8; i++) {
            REQUIRE_EQ(pthread_create(&threads[i], NULL, ask_to_stop, &actor),
                       0);
        }
        CHECK_OK(bl_service_wait(&actor.service));
        for (int i = 0; i < 8; i++)
            CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK_EQ(actor.stops_seen, 50);
}

static struct actor *signalled;
static void on_signal(int number) {
    (void)number;
    bl_thread_service_request_stop(&signalled->service);
}

TEST(a_signal_handler_can_ask_for_a_stop, .clock = T_CLOCK_REAL) {
    ACTOR actor = { .life = 0 };
    struct sigaction action = { .sa_handler = on_signal };
    struct sigaction before;
    REQUIRE_OK(actor_init(&actor, &from_outside));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    signalled = &actor;
    REQUIRE_EQ(sigaction(SIGUSR1, &action, &before), 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_RUNNING);
    CHECK_OK(bl_service_wait(&actor.service));
    CHECK_EQ(sigaction(SIGUSR1, &before, NULL), 0);
    CHECK_EQ(actor.stops_seen, 1);
}

TEST(a_service_can_ask_for_its_own_stop) {
    ACTOR actor = { .life = 0 };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    bl_thread_service_request_stop(&actor.service);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_RUNNING);
    CHECK_OK(bl_service_wait(&actor.service));
    CHECK_EQ(actor.stops_seen, 1);
}

TEST(a_request_before_the_first_start_is_remembered) {
    ACTOR actor = { .life = 0 };
    REQUIRE_OK(actor_init(&actor, NULL));
    bl_thread_service_request_stop(&actor.service);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_NEW);
    BL_GROUP_SCOPED(group);
    CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_ECANCELED);
    CHECK_EQ(actor.runs, 0);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_STOPPED);
    CHECK_EQ(last_change(&actor).cause, BL_WHY_REQUESTED);
    CHECK_OK(bl_service_start(&actor.service, &group, NULL)); /* once */
    CHECK_OK(bl_service_stop(&actor.service));
}

TEST(a_request_that_comes_after_the_end_is_stale) {
    ACTOR actor = { .life = 0 };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_OK(bl_service_stop(&actor.service));
    bl_thread_service_request_stop(&actor.service);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_OK(bl_sleep(SEC(1)));
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_RUNNING);
    REQUIRE_OK(bl_service_stop(&actor.service));
}

TEST(a_request_ends_a_start_and_a_delay) {
    ACTOR actor = { .start_time = SEC(1), .life = SEC(1), .end = BL_EIO };
    bl_restart_policy policy = { .size = sizeof policy,
                                 .when = BL_RESTART_ON_FAILURE,
                                 .delay_min = SEC(20) };
    bl_service_options options = { .size = sizeof options, .restart = &policy };
    REQUIRE_OK(actor_init(&actor, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_OK(bl_sleep(SEC(2)));
    REQUIRE_EQ(bl_service_state_of(&actor.service), BL_SERVICE_BACKOFF);
    bl_thread_service_request_stop(&actor.service);
    TAKES(0) CHECK_OK(bl_service_wait(&actor.service));
    CHECK_EQ(actor.runs, 1);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_STOPPED);
}

static void ask_at_once(struct actor *actor) {
    bl_thread_service_request_stop(&actor->service);
}

/* The body returns while the request is on its way to the loop. */
TEST(a_body_that_ends_under_a_request_waits_for_it_to_arrive) {
    ACTOR actor = { .on_begin = ask_at_once, .never_ready = true, .life = -1 };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    actor.life = 1; /* shorter than anything else */
    CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_ECANCELED);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_STOPPED);
    CHECK_EQ(actor.runs, 1);
}

static int run_and_return(bl_service *self, void *arg) {
    (void)arg;
    bl_thread_service_request_stop(self);
    return 0;
}

TEST(a_request_that_is_on_its_way_at_the_end_still_counts) {
    SERVICE service = { 0 };
    REQUIRE_OK(bl_service_init(&service, run_and_return, NULL, NULL));
    BL_GROUP_SCOPED(group);
    CHECK_ERR(bl_service_start(&service, &group, NULL), BL_ECANCELED);
    CHECK_EQ(bl_service_state_of(&service), BL_SERVICE_STOPPED);
}

/* ---- deadlocks ----------------------------------------------------------- */

static int wait_for_a_stop_that_never_comes(void *arg) {
    struct actor *actor = arg;
    int rc;
    BL_GROUP(group, rc) {
        rc = bl_service_start(&actor->service, group, NULL);
    }
    return rc;
}

static struct asker {
    struct actor *actor;
    int rc;
    bool has_begun;
    bool is_over;
} asker;

static void *ask_in_a_while(void *arg) {
    struct asker *late = arg;
    while (!__atomic_load_n(&late->has_begun, __ATOMIC_SEQ_CST)) {
        if (__atomic_load_n(&late->is_over, __ATOMIC_SEQ_CST)) return NULL;
        sched_yield();
    }
    bl_thread_service_request_stop(&late->actor->service);
    return NULL;
}

static void note_begin(struct actor *actor) {
    (void)actor;
    __atomic_store_n(&asker.has_begun, true, __ATOMIC_SEQ_CST);
}

static void run_a_loop(void *arg) {
    struct asker *runs = arg;
    bl_loop_options options = quiet_options();
    options.clock = BL_CLOCK_REAL;
    runs->rc =
        bl_run_with(wait_for_a_stop_that_never_comes, runs->actor, &options);
    __atomic_store_n(&runs->is_over, true, __ATOMIC_SEQ_CST);
}

TEST(a_loop_where_nobody_can_stop_the_service_is_in_a_deadlock) {
    ACTOR actor = { .life = 0 };
    REQUIRE_OK(actor_init(&actor, NULL));
    asker = (struct asker){ .actor = &actor };
    on_thread(run_a_loop, &asker);
    CHECK_ERR(asker.rc, BL_EDEADLOCK);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_STOPPED);
}

TEST(a_loop_whose_service_may_be_stopped_from_outside_is_not) {
    ACTOR actor = { .on_begin = note_begin };
    pthread_t thread;
    REQUIRE_OK(actor_init(&actor, &from_outside));
    asker = (struct asker){ .actor = &actor };
    REQUIRE_EQ(pthread_create(&thread, NULL, ask_in_a_while, &asker), 0);
    on_thread(run_a_loop, &asker);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(asker.rc, 0);
    CHECK_EQ(actor.stops_seen, 1);
}
