/* SPDX-License-Identifier: MIT */
/*
 * tests/svc/test_service.c - start, ready, stop: the table of each, row by row
 *
 * Legs: sweep valgrind
 */
#include <belay/test.h>

#include <string.h>

#include "support/actor.h"

/* Somebody else who starts, stops or waits. */
struct caller {
    struct actor *actor;
    bl_group *group;
    int rc;
    void *value;
    bool has_returned;
};

static int call_start(void *arg) {
    struct caller *caller = arg;
    caller->rc = bl_service_start(&caller->actor->service, caller->group,
                                  &caller->value);
    caller->has_returned = true;
    return caller->rc == BL_ECANCELED && bl_is_cancelled() ? BL_ECANCELED : 0;
}

static int call_stop(void *arg) {
    struct caller *caller = arg;
    caller->rc = bl_service_stop(&caller->actor->service);
    caller->has_returned = true;
    return caller->rc == BL_ECANCELED && bl_is_cancelled() ? BL_ECANCELED : 0;
}

static int call_wait(void *arg) {
    struct caller *caller = arg;
    caller->rc = bl_service_wait(&caller->actor->service);
    caller->has_returned = true;
    return caller->rc == BL_ECANCELED && bl_is_cancelled() ? BL_ECANCELED : 0;
}

static bl_service_state state_of(const struct actor *actor) {
    return bl_service_state_of(&actor->service);
}

/* What the last transition says. */
static bl_service_change last_change(const struct actor *actor) {
    bl_service_change change = { .rc = 0 };
    size_t count = bl_service_history(&actor->service, &change, 1);
    CHECK_EQ(count, 1u);
    return change;
}

/* ---- made ---------------------------------------------------------------- */

static int run_nothing(bl_service *self, void *arg) {
    (void)self;
    (void)arg;
    return 0;
}

static int prepare_nothing(bl_service *self, bl_reload *reload) {
    (void)self;
    (void)reload;
    return 0;
}

static void decide_nothing(bl_service *self, bl_reload *reload) {
    (void)self;
    (void)reload;
}

TEST(options_out_of_range_make_no_service) {
    SERVICE service = { 0 };
    bl_service_options good = { .size = sizeof good };
    CHECK_ERR(bl_service_init(NULL, run_nothing, NULL, &good), BL_EINVAL);
    CHECK_ERR(bl_service_init(&service, NULL, NULL, &good), BL_EINVAL);
    const bl_restart_policy no_policy = { .size = 1 };
    const struct {
        bl_service_options options;
        const char *why;
    } bad[] = {
        { { .size = 0 }, "size is not sizeof(bl_service_options)" },
        { { .size = sizeof good, .start_timeout = -1 },
          "start_timeout is negative" },
        { { .size = sizeof good, .start_max = -1 }, "start_max is negative" },
        { { .size = sizeof good, .drain_delay = -1 },
          "drain_delay is negative" },
        { { .size = sizeof good, .stop_timeout = -1 },
          "stop_timeout is negative" },
        { { .size = sizeof good, .cancel_grace = -1 },
          "cancel_grace is negative" },
        { { .size = sizeof good, .heartbeat = -1 }, "heartbeat is negative" },
        { { .size = sizeof good, .prepare = prepare_nothing },
          "there is a prepare without a commit" },
        { { .size = sizeof good, .commit = decide_nothing },
          "there is a commit or a discard without a prepare" },
        { { .size = sizeof good, .discard = decide_nothing },
          "there is a commit or a discard without a prepare" },
        { { .size = sizeof good, .restart = &no_policy },
          "restart is no policy that bl_restart_check accepts" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        T_INFO("%s", bad[i].why);
        int rc = bl_service_init(&service, run_nothing, NULL, &bad[i].options);
        REQUIRE_EQ(rc, BL_EINVAL);
        CHECK_STR(bl_error_message(bl_error_current(rc)), bad[i].why);
    }
}

TEST(a_service_has_a_name_and_a_state_from_the_beginning, .no_loop = true) {
    SERVICE service = { 0 };
    bl_service_info info;
    REQUIRE_OK(bl_service_init(&service, run_nothing, NULL, NULL));
    CHECK_STR(bl_service_name(&service), "service");
    bl_service_get_info(&service, &info);
    CHECK_EQ(info.state, BL_SERVICE_NEW);
    CHECK_EQ(info.incarnation, 0u);
    CHECK_EQ(info.deadline, BL_FOREVER);
    CHECK(!info.is_ready);
    CHECK(info.is_alive);
    CHECK_STR(bl_service_state_name(BL_SERVICE_BACKOFF), "backoff");
    CHECK_STR(bl_service_state_name((bl_service_state)99), "?");
    bl_service_done(NULL);
}

TEST(a_service_that_was_not_initialised_is_refused) {
    bl_service zeroed = { ._state = BL_SERVICE_NEW };
    BL_GROUP_SCOPED(group);
    CHECK_ERR(bl_service_start(NULL, &group, NULL), BL_EINVAL);
    CHECK_ERR(bl_service_start(&zeroed, &group, NULL), BL_EINVAL);
    CHECK_ERR(bl_service_stop(NULL), BL_EINVAL);
    CHECK_ERR(bl_service_stop(&zeroed), BL_EINVAL);
    CHECK_ERR(bl_service_wait(&zeroed), BL_EINVAL);
    CHECK_ERR(bl_service_ready(&zeroed, NULL), BL_EINVAL);
    CHECK_ERR(bl_service_extend(&zeroed, 1), BL_EINVAL);
    CHECK_ERR(bl_service_until_stop(&zeroed, call_stop, NULL), BL_EINVAL);
}

/* Uses a service where nothing can wait. */
static int use_in_callback_rc[3];
static void use_in_callback(void *context) {
    struct caller *caller = context;
    bl_service *service = &caller->actor->service;
    use_in_callback_rc[0] = bl_service_start(service, caller->group, NULL);
    use_in_callback_rc[1] = bl_service_stop(service);
    use_in_callback_rc[2] = bl_service_wait(service);
}

TEST(a_callback_cannot_wait_for_a_service) {
    ACTOR actor = { .life = 0 };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    struct caller caller = { .actor = &actor, .group = &group };
    bl_call call = { ._fn = NULL };
    bl_call_soon(bl_loop_running(), &call, use_in_callback, &caller);
    REQUIRE_OK(bl_sleep(MS(1)));
    for (int i = 0; i < 3; i++)
        CHECK_ERR(use_in_callback_rc[i], BL_ENOTASK);
    CHECK_EQ(state_of(&actor), BL_SERVICE_NEW);
}

TEST(a_thread_without_a_loop_cannot_wait_for_a_service, .no_loop = true) {
    ACTOR actor = { .life = 0 };
    bl_group group = { ._host = NULL };
    REQUIRE_OK(actor_init(&actor, NULL));
    CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_ENOLOOP);
    CHECK_ERR(bl_service_stop(&actor.service), BL_ENOLOOP);
    CHECK_ERR(bl_service_wait(&actor.service), BL_ENOLOOP);
}

/* ---- start --------------------------------------------------------------- */

TEST(a_start_returns_when_it_is_ready_with_the_value) {
    ACTOR actor = { .start_time = SEC(3), .value = &actor };
    void *value = NULL;
    REQUIRE_OK(actor_init(&actor, NULL));
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_NEW);
    BL_GROUP_SCOPED(group);
    TAKES(SEC(3)) {
        REQUIRE_OK(bl_service_start(&actor.service, &group, &value));
    }
    CHECK(value == &actor);
    CHECK_EQ(bl_service_state_of(&actor.service), BL_SERVICE_RUNNING);
    CHECK(bl_service_is_ready(&actor.service));
    CHECK_OK(bl_service_stop(&actor.service));
    CHECK_EQ(actor.stops_seen, 1);
    CHECK_STR(actor_path(&actor), "starting>running>stopping>stopped");
}

TEST(a_start_of_a_running_service_says_so_and_gives_the_value) {
    ACTOR actor = { .value = &actor };
    void *value = NULL;
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    CHECK_EQ(bl_service_start(&actor.service, &group, NULL), 0);
    CHECK_EQ(bl_service_start(&actor.service, &group, &value), 1);
    CHECK(value == &actor);
    CHECK_EQ(actor.runs, 1);
    CHECK_OK(bl_service_stop(&actor.service));
}

TEST(a_hundred_starts_at_once_run_one_body_with_equal_results) {
    ACTOR actor = { .start_time = SEC(1), .value = &actor };
    struct caller callers[100];
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(services);
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 100; i++) {
        callers[i] = (struct caller){ .actor = &actor, .group = &services };
        REQUIRE_OK(bl_spawn(&group, call_start, &callers[i]));
    }
    REQUIRE_OK(bl_group_exit(&group, 0));
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(callers[i].rc, 0);
        CHECK(callers[i].value == &actor);
    }
    CHECK_EQ(actor.runs, 1);
    CHECK_OK(bl_service_stop(&actor.service));
}

TEST(a_hundred_starts_at_once_fail_as_one) {
    ACTOR actor = { .start_time = SEC(1),
                    .never_ready = true,
                    .life = MS(1),
                    .end = BL_EADDRINUSE };
    struct caller callers[100];
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(services);
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 100; i++) {
        callers[i] = (struct caller){ .actor = &actor, .group = &services };
        REQUIRE_OK(bl_spawn(&group, call_start, &callers[i]));
    }
    REQUIRE_OK(bl_group_exit(&group, 0));
    for (int i = 0; i < 100; i++)
        CHECK_ERR(callers[i].rc, BL_EADDRINUSE);
    CHECK_EQ(actor.runs, 1);
    REQUIRE_OK(bl_group_exit(&services, 0)); /* it was told already */
}

TEST(a_body_that_returns_before_it_is_ready_has_not_started) {
    ACTOR actor = { .never_ready = true, .life = SEC(1) };
    const bl_error *error;
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_ERR(bl_service_start(&actor.service, &group, NULL), BL_ENOTREADY);
    CHECK_CONTAINS(bl_error_message(bl_error_current(BL_ENOTREADY)), "actor");
    CHECK_EQ(state_of(&actor), BL_SERVICE_FAILED);
    CHECK_ERR(bl_service_result(&actor.service, &error), BL_ENOTREADY);
    CHECK(error != NULL);
    CHECK_EQ(last_change(&actor).cause, BL_WHY_RETURNED);
    CHECK_EQ(bl_group_alive_count(&group), 0u);
    REQUIRE_OK(bl_group_exit(&group, 0));
}

TEST(a_start_that_fails_returns_the_error_of_the_body) {
    ACTOR actor = { .never_ready = true, .life = SEC(1), .end = BL_EADDRINUSE };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_ERR(bl_service_start(&actor.service, &group, NULL), BL_EADDRINUSE);
    CHECK_EQ(state_of(&actor), BL_SERVICE_FAILED);
    CHECK_EQ(last_change(&actor).rc, BL_EADDRINUSE);
    CHECK_EQ(last_change(&actor).cause, BL_WHY_ERROR);
    CHECK_ERR(bl_service_stop(&actor.service), BL_EADDRINUSE);
    REQUIRE_OK(bl_group_exit(&group, 0));
}

TEST(what_has_failed_can_be_started_again) {
    ACTOR actor = { .never_ready = true, .life = SEC(1) };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_ERR(bl_service_start(&actor.service, &group, NULL), BL_ENOTREADY);
    actor.never_ready = false;
    actor.life = 0;
    REQUIRE_EQ(bl_service_start(&actor.service, &group, NULL), 0);
    CHECK_OK(bl_service_stop(&actor.service));
    REQUIRE_EQ(bl_service_start(&actor.service, &group, NULL), 0);
    CHECK_OK(bl_service_stop(&actor.service));
    bl_service_info info;
    bl_service_get_info(&actor.service, &info);
    CHECK_EQ(info.incarnation, 3u);
    CHECK_STR(actor_path(&actor),
              "starting>failed>starting>running>stopping>stopped>"
              "starting>running>stopping>stopped");
}

TEST(a_start_while_it_stops_is_refused) {
    ACTOR actor = { .cleanup_time = SEC(1) };
    struct caller caller = { .actor = &actor };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_OK(bl_spawn(&group, call_stop, &caller));
    REQUIRE_OK(bl_sleep(MS(1)));
    CHECK_EQ(state_of(&actor), BL_SERVICE_STOPPING);
    TAKES(0) {
        CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_ESTATE);
    }
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(state_of(&actor), BL_SERVICE_STOPPED);
}

/* ---- the start deadline -------------------------------------------------- */

TEST(a_start_that_takes_too_long_is_cancelled_at_its_deadline) {
    ACTOR actor = { .start_time = SEC(3600) };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    TAKES(SEC(30)) {
        REQUIRE_ERR(bl_service_start(&actor.service, &group, NULL),
                    BL_ETIMEDOUT);
    }
    CHECK_EQ(actor.cancels_seen, 1);
    CHECK_EQ(state_of(&actor), BL_SERVICE_FAILED);
    CHECK_EQ(last_change(&actor).cause, BL_WHY_TIMEOUT);
    REQUIRE_OK(bl_group_exit(&group, 0));
}

TEST(a_start_that_ignores_its_cancellation_is_given_up_after_the_grace,
     (t_log)) {
    ACTOR actor = { .start_time = SEC(3600), .ignores_cancel = true };
    bl_service_info info;
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    TAKES(SEC(32)) {
        REQUIRE_ERR(bl_service_start(&actor.service, &group, NULL),
                    BL_ETIMEDOUT);
    }
    bl_service_get_info(&actor.service, &info);
    CHECK(info.is_abandoned);
    CHECK_EQ(info.state, BL_SERVICE_FAILED);
    CHECK_CONTAINS(t_log_text(t_log), "bl_event_wait(&actor->release)");
    CHECK_ERR(bl_service_start(&actor.service, &group, NULL), BL_EBUSY);
    bl_event_set(&actor.release);
    REQUIRE_OK(bl_sleep(MS(1)));
    bl_service_get_info(&actor.service, &info);
    CHECK(!info.is_abandoned);
    actor.start_time = 0;
    actor.ignores_cancel = false;
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_OK(bl_service_stop(&actor.service));
}

static void extend_once(struct actor *actor) {
    CHECK_ERR(bl_service_extend(&actor->service, -1), BL_EINVAL);
    CHECK_EQ(bl_service_extend(&actor->service, SEC(50)), 0);
}

TEST(a_body_can_extend_its_start) {
    ACTOR actor = { .start_time = SEC(49), .on_begin = extend_once };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    TAKES(SEC(49)) {
        REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    }
    CHECK_ERR(bl_service_extend(&actor.service, SEC(1)), BL_ESTATE);
    CHECK_OK(bl_service_stop(&actor.service));
}

static void extend_too_far(struct actor *actor) {
    CHECK_EQ(bl_service_extend(&actor->service, SEC(600)), 1);
    CHECK_EQ(bl_service_extend(&actor->service, SEC(1)), 0); /* no sooner */
}

TEST(no_extension_passes_the_maximum) {
    ACTOR actor = { .start_time = SEC(3600), .on_begin = extend_too_far };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    TAKES(SEC(300)) {
        REQUIRE_ERR(bl_service_start(&actor.service, &group, NULL),
                    BL_ETIMEDOUT);
    }
}

/* ---- ready --------------------------------------------------------------- */

static int ready_rc[2];
static int run_ready_twice(bl_service *self, void *arg) {
    ready_rc[0] = bl_service_ready(self, arg);
    ready_rc[1] = bl_service_ready(self, NULL);
    return bl_event_wait(bl_service_stopping(self));
}

TEST(being_ready_twice_is_refused_and_changes_nothing) {
    SERVICE service = { 0 };
    void *value = NULL;
    REQUIRE_OK(bl_service_init(&service, run_ready_twice, &service, NULL));
    CHECK_ERR(bl_service_ready(&service, NULL), BL_ESTATE);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&service, &group, &value));
    CHECK_OK(ready_rc[0]);
    CHECK_ERR(ready_rc[1], BL_EALREADY);
    CHECK(value == &service);
    CHECK_OK(bl_service_stop(&service));
}

/* Is ready after it was told to stop. */
static int run_ready_too_late(bl_service *self, void *arg) {
    (void)arg;
    BL_IGNORE(bl_event_wait(bl_service_stopping(self))); /* or cancelled */
    ready_rc[0] = bl_service_ready(self, NULL);
    return 0;
}

TEST(ready_after_a_stop_was_asked_for_is_accepted_without_effect) {
    SERVICE service = { 0 };
    bl_service_change changes[16];
    REQUIRE_OK(bl_service_init(&service, run_ready_too_late, NULL, NULL));
    BL_GROUP_SCOPED(group);
    struct caller starter = { .actor = (struct actor *)(void *)&service,
                              .group = &group };
    REQUIRE_OK(bl_spawn(&group, call_start, &starter));
    REQUIRE_OK(bl_sleep(MS(1)));
    CHECK_OK(bl_service_stop(&service));
    CHECK_OK(ready_rc[0]);
    size_t count = bl_service_history(&service, changes, 16);
    for (size_t i = 0; i < count; i++)
        CHECK_NE(changes[i].to, BL_SERVICE_RUNNING);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(starter.rc, BL_ECANCELED);
}

/* ---- stop ---------------------------------------------------------------- */

TEST(a_service_that_was_never_started_stops_at_once_and_can_start_later) {
    ACTOR actor = { .life = 0 };
    REQUIRE_OK(actor_init(&actor, NULL));
    CHECK_ERR(bl_service_wait(&actor.service), BL_ESTATE);
    CHECK_OK(bl_service_stop(&actor.service));
    CHECK_EQ(state_of(&actor), BL_SERVICE_STOPPED);
    CHECK_EQ(actor.runs, 0);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    CHECK_OK(bl_service_stop(&actor.service));
    CHECK_EQ(actor.runs, 1);
}

TEST(a_stop_cancels_a_start_and_waits_for_the_body) {
    ACTOR actor = { .start_time = SEC(20), .cleanup_time = SEC(1) };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    struct caller starter = { .actor = &actor, .group = &group };
    REQUIRE_OK(bl_spawn(&group, call_start, &starter));
    REQUIRE_OK(bl_sleep(SEC(1)));
    TAKES(SEC(1)) CHECK_OK(bl_service_stop(&actor.service));
    CHECK_EQ(actor.inside, 0);
    CHECK_EQ(actor.cancels_seen, 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(starter.rc, BL_ECANCELED);
    CHECK_STR(actor_path(&actor), "starting>stopping>stopped");
}

TEST(a_start_that_was_stopped_before_its_turn_runs_no_body, .tags = "order") {
    ACTOR actor = { .life = 0 };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    struct caller starter = { .actor = &actor, .group = &group };
    REQUIRE_OK(bl_spawn(&group, call_start, &starter));
    REQUIRE_OK(bl_yield()); /* now the start has begun, and the body has not */
    CHECK_EQ(state_of(&actor), BL_SERVICE_STARTING);
    CHECK_OK(bl_service_stop(&actor.service));
    CHECK_EQ(actor.runs, 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(starter.rc, BL_ECANCELED);
}

TEST(a_hundred_stops_are_one_and_get_equal_results) {
    ACTOR actor = { .cleanup_time = SEC(1), .stop_result = BL_EIO };
    struct caller callers[100];
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    for (int i = 0; i < 100; i++) {
        callers[i] = (struct caller){ .actor = &actor };
        REQUIRE_OK(bl_spawn(&group, call_stop, &callers[i]));
    }
    REQUIRE_OK(bl_group_exit(&group, 0)); /* the stops were told the error */
    for (int i = 0; i < 100; i++)
        CHECK_ERR(callers[i].rc, BL_EIO);
    CHECK_EQ(actor.stops_seen, 1);
    CHECK_EQ(state_of(&actor), BL_SERVICE_FAILED);
    CHECK_ERR(bl_service_stop(&actor.service), BL_EIO);
    CHECK_ERR(bl_service_wait(&actor.service), BL_EIO);
    CHECK_EQ(actor.stops_seen, 1);
}

PARAM(bool, only_waits, false, true);

/* A turn ends after 128 calls that need not wait, in whichever that is. */
TEST(who_stops_it_hears_of_its_end_whenever_the_turn_is_over, (only_waits)) {
    for (int calls = 0; calls < 130; calls++) {
        ACTOR actor = { .stop_result = BL_EIO };
        T_INFO("after %d calls", calls);
        REQUIRE_OK(actor_init(&actor, NULL));
        BL_GROUP_SCOPED(group);
        REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
        for (int i = 0; i < calls; i++)
            REQUIRE_OK(bl_checkpoint());
        if (only_waits) bl_service_begin_stop(&actor.service, BL_FOREVER);
        REQUIRE_ERR(only_waits ? bl_service_wait(&actor.service)
                               : bl_service_stop(&actor.service),
                    BL_EIO);
        REQUIRE_OK(bl_group_exit(&group, 0));
    }
}

static int stop_inside_rc[4];
static int stop_inside_child(void *arg) {
    stop_inside_rc[1] = bl_service_stop(arg);
    return 0;
}

static int run_stop_inside(bl_service *self, void *arg) {
    bl_group *group = arg;
    int rc;
    stop_inside_rc[3] = bl_service_start(self, group, NULL);
    rc = bl_service_ready(self, NULL);
    if (rc < 0) return rc;
    stop_inside_rc[0] = bl_service_stop(self);
    stop_inside_rc[2] = bl_service_wait(self);
    BL_GROUP(children, rc) {
        rc = bl_spawn(children, stop_inside_child, self);
    }
    if (rc < 0) return rc;
    bl_service_begin_stop(self, BL_FOREVER);
    return bl_event_wait(bl_service_stopping(self));
}

TEST(a_service_cannot_wait_for_itself) {
    SERVICE service = { 0 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_init(&service, run_stop_inside, &group, NULL));
    REQUIRE_OK(bl_service_start(&service, &group, NULL));
    CHECK_OK(bl_service_wait(&service));
    for (int i = 0; i < 4; i++)
        CHECK_ERR(stop_inside_rc[i], BL_EDEADLK);
}

TEST(who_waits_for_the_end_hears_how_it_was) {
    ACTOR actor = { .life = SEC(5), .end = BL_EIO };
    struct caller waiter = { .actor = &actor };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_OK(bl_spawn(&group, call_wait, &waiter));
    TAKES(SEC(5)) REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(waiter.rc, BL_EIO);
}

TEST(a_failure_that_nobody_waits_for_is_an_error_of_the_group) {
    ACTOR actor = { .life = SEC(5), .end = BL_EIO };
    REQUIRE_OK(actor_init(&actor, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&actor.service, &group, NULL));
    REQUIRE_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK(bl_error_match(bl_error_current(BL_EGROUP), BL_EIO));
    CHECK_EQ(state_of(&actor), BL_SERVICE_FAILED);
}

/* ---- until the stop ------------------------------------------------------ */

static int until_rc[4];
static int sleep_long(void *arg) {
    (void)arg;
    return bl_sleep(SEC(3600));
}

static int run_until_stop(bl_service *self, void *arg) {
    (void)arg;
    int rc = bl_service_ready(self, NULL);
    if (rc < 0) return rc;
    BL_UNTIL_STOP(self, rc) {
        rc = bl_sleep(SEC(3600));
    }
    until_rc[0] = rc;
    until_rc[1] = bl_service_until_stop(self, sleep_long, NULL);
    return bl_sleep(SEC(1)); /* outside nothing is cancelled */
}

TEST(a_scope_until_the_stop_is_cancelled_by_it_and_by_nothing_later) {
    SERVICE service = { 0 };
    REQUIRE_OK(bl_service_init(&service, run_until_stop, NULL, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&service, &group, NULL));
    until_rc[0] = until_rc[1] = 1;
    REQUIRE_OK(bl_sleep(SEC(10)));
    TAKES(SEC(1)) CHECK_OK(bl_service_stop(&service));
    CHECK_EQ(until_rc[0], 0);
    CHECK_EQ(until_rc[1], 0);
}

TEST(a_scope_until_the_stop_passes_on_what_is_not_its_own) {
    SERVICE service = { 0 };
    REQUIRE_OK(bl_service_init(&service, run_nothing, NULL, NULL));
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, "test");
    CHECK_ERR(bl_service_until_stop(&service, sleep_long, NULL), BL_ECANCELED);
    BL_IGNORE(bl_scope_exit(&scope, 0)); /* 0, as it is given */
    int rc = 1;
    BL_UNTIL_STOP((bl_service *)NULL, rc) {
        t_fail("there is no service");
    }
    CHECK_ERR(rc, BL_EINVAL);
}

static int leave_early(bl_service *self) {
    int rc;
    BL_UNTIL_STOP(self, rc) {
        BL_SCOPE_RETURN(bl_sleep(SEC(3600)));
    }
    return rc;
}

static int run_leave_early(bl_service *self, void *arg) {
    (void)arg;
    int rc = bl_service_ready(self, NULL);
    if (rc < 0) return rc;
    until_rc[2] = leave_early(self);
    BL_UNTIL_STOP(self, rc) {
        rc = 5; /* what is not a cancellation stays */
        break;
    }
    until_rc[3] = rc;
    return 0;
}

TEST(a_scope_until_the_stop_can_be_left_early) {
    SERVICE service = { 0 };
    REQUIRE_OK(bl_service_init(&service, run_leave_early, NULL, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&service, &group, NULL));
    REQUIRE_OK(bl_sleep(SEC(10)));
    CHECK_OK(bl_service_stop(&service));
    CHECK_EQ(until_rc[2], 0);
    CHECK_EQ(until_rc[3], 5);
}
