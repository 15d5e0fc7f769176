/* SPDX-License-Identifier: MIT */
/*
 * tests/svc/test_reload.c - prepare, then commit or discard
 *
 * Legs: sweep
 */
#include <belay/test.h>

#include <string.h>

/* A service whose configuration is a number. */
struct counter {
    bl_service service;
    int number;
    bl_ns prepare_time;
    int prepare_rc;
    bl_ns life; /* 0: until it is stopped */
    int prepares;
    int commits;
    int discards;
    uint64_t phases_seen; /* a bit for each */
};

static void counter_done(struct counter *counter) {
    bl_service_done(&counter->service);
}

#define COUNTER struct counter BL__CLEANUP(counter_done)

static int counter_run(bl_service *self, void *arg) {
    struct counter *counter = arg;
    int rc = bl_service_ready(self, counter);
    if (rc < 0) return rc;
    bl_branch branches[] = {
        bl_on_event(bl_service_stopping(self)),
        bl_on_sleep(counter->life > 0 ? counter->life : BL_FOREVER),
    };
    int which = bl_select(branches, 2);
    return which == 1 ? BL_EIO : which;
}

static int counter_prepare(bl_service *self, bl_reload *reload) {
    struct counter *counter = bl_service_arg(self);
    counter->prepares++;
    if (counter->prepare_time > 0) {
        int rc = bl_sleep(counter->prepare_time);
        if (rc < 0) return rc;
    }
    if (counter->prepare_rc < 0) {
        return BL_ERR(counter->prepare_rc, "line 12: no number");
    }
    reload->token = (void *)(uintptr_t) * (const int *)reload->config;
    if (*(const int *)reload->config > 100) {
        bl_reload_needs_restart(reload, "port");
        bl_reload_needs_restart(reload, "threads");
    }
    return 0;
}

static void counter_commit(bl_service *self, bl_reload *reload) {
    struct counter *counter = bl_service_arg(self);
    counter->number = (int)(uintptr_t)reload->token;
    counter->commits++;
}

static void counter_discard(bl_service *self, bl_reload *reload) {
    struct counter *counter = bl_service_arg(self);
    (void)reload;
    counter->discards++;
}

static void counter_watch(bl_service *service, const bl_service_change *change,
                          void *context) {
    struct counter *counter = context;
    bl_service_info info;
    if (change->subject != BL_CHANGE_PHASE) return;
    bl_service_get_info(service, &info);
    counter->phases_seen |= UINT64_C(1) << info.phase;
}

static void counter_init(struct counter *counter) {
    bl_service_options options = { .size = sizeof options,
                                   .name = "counter",
                                   .is_contained = true,
                                   .prepare = counter_prepare,
                                   .commit = counter_commit,
                                   .discard = counter_discard };
    REQUIRE_OK(
        bl_service_init(&counter->service, counter_run, counter, &options));
}

FIXTURE(struct counter *, counter) {
    COUNTER made = { .number = 1 };
    BL_GROUP_SCOPED(group);
    counter_init(&made);
    REQUIRE_OK(bl_service_start(&made.service, &group, NULL));
    YIELD(&made);
    BL_IGNORE(bl_service_stop(&made.service)); /* some have failed */
}

static bl_service_info info_of(const struct counter *counter) {
    bl_service_info info;
    bl_service_get_info(&counter->service, &info);
    return info;
}

TEST(a_reload_prepares_and_commits, (counter)) {
    bl_service_observer observer;
    int config = 2;
    counter->prepare_time = SEC(1);
    bl_service_observe(&counter->service, &observer, counter_watch, counter);
    TAKES(SEC(1)) CHECK_OK(bl_service_reload(&counter->service, &config));
    CHECK_EQ(counter->number, 2);
    CHECK_EQ(counter->discards, 0);
    CHECK(counter->phases_seen & (1u << BL_PHASE_RELOADING));
    bl_service_info info = info_of(counter);
    CHECK_EQ(info.generation, 1u);
    CHECK_EQ(info.reload_rc, 0);
    CHECK_STR(info.reload_text, "");
    CHECK_EQ(info.phase, BL_PHASE_NONE);
    bl_service_unobserve(&observer);
}

TEST(a_reload_that_fails_keeps_the_old_configuration, (counter)) {
    int config = 2;
    counter->prepare_rc = BL_EPROTO;
    CHECK_ERR(bl_service_reload(&counter->service, &config), BL_EPROTO);
    CHECK_EQ(counter->number, 1);
    CHECK_EQ(counter->commits, 0);
    CHECK_EQ(counter->discards, 0); /* nothing was prepared */
    bl_service_info info = info_of(counter);
    CHECK_EQ(info.generation, 0u);
    CHECK_EQ(info.reload_rc, BL_EPROTO);
    CHECK_STR(info.reload_text, "line 12: no number");
    CHECK_EQ(info.state, BL_SERVICE_RUNNING);
}

TEST(what_needs_a_restart_is_told_by_name, (counter)) {
    int config = 200;
    CHECK_OK(bl_service_reload(&counter->service, &config));
    CHECK_STR(info_of(counter).reload_text, "port, threads");
    CHECK_EQ(info_of(counter).reload_rc, 0);
}

TEST(of_two_services_both_or_none_are_reloaded, (counter)) {
    COUNTER other = { .number = 1, .prepare_rc = BL_EPROTO };
    bl_reload first;
    bl_reload second;
    int config = 2;
    BL_GROUP_SCOPED(group);
    counter_init(&other);
    REQUIRE_OK(bl_service_start(&other.service, &group, NULL));
    REQUIRE_OK(bl_reload_prepare(&first, &counter->service, &config));
    CHECK_ERR(bl_reload_prepare(&second, &other.service, &config), BL_EPROTO);
    bl_reload_discard(&second); /* nothing to do */
    bl_reload_discard(&first);
    bl_reload_discard(&first);
    CHECK(!bl_reload_commit(&first));
    CHECK_EQ(counter->discards, 1);
    CHECK_EQ(counter->commits, 0);
    CHECK_EQ(other.discards, 0);
    CHECK_OK(bl_service_stop(&other.service));
}

TEST(a_service_that_prepares_nothing_need_not_discard) {
    COUNTER plain = { .number = 1 };
    bl_service_options options = { .size = sizeof options,
                                   .prepare = counter_prepare,
                                   .commit = counter_commit };
    bl_reload reload;
    int config = 2;
    REQUIRE_OK(bl_service_init(&plain.service, counter_run, &plain, &options));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&plain.service, &group, NULL));
    REQUIRE_OK(bl_reload_prepare(&reload, &plain.service, &config));
    bl_reload_discard(&reload);
    CHECK_EQ(plain.number, 1);
    CHECK_OK(bl_service_reload(&plain.service, &config));
    CHECK_EQ(plain.number, 2);
    CHECK_OK(bl_service_stop(&plain.service));
}

TEST(a_service_without_a_prepare_cannot_be_reloaded) {
    COUNTER plain = { .number = 1 };
    int config = 2;
    REQUIRE_OK(bl_service_init(&plain.service, counter_run, &plain, NULL));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_service_start(&plain.service, &group, NULL));
    bl_reload reload;
    CHECK_ERR(bl_reload_prepare(&reload, &plain.service, &config), BL_ENOTSUP);
    CHECK_OK(bl_service_stop(&plain.service));
}

TEST(only_a_running_service_can_be_reloaded) {
    COUNTER counter = { .number = 1 };
    int config = 2;
    counter_init(&counter);
    bl_reload reload;
    CHECK_ERR(bl_reload_prepare(&reload, &counter.service, &config), BL_ESTATE);
    CHECK_ERR(bl_service_reload(&counter.service, &config), BL_ESTATE);
}

static int reload_now(void *arg) {
    struct counter *counter = arg;
    int config = 2;
    int rc = bl_service_reload(&counter->service, &config);
    bl_error_handled();
    return rc < 0 ? -rc : 0; /* as a value: it is not a failure here */
}

TEST(a_second_reload_while_one_is_prepared_is_refused, (counter)) {
    int config = 3;
    counter->prepare_time = SEC(1);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, reload_now, counter));
    REQUIRE_OK(bl_sleep(MS(1)));
    CHECK_ERR(bl_service_reload(&counter->service, &config), BL_ESTATE);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(counter->number, 2);
}

TEST(a_stop_ends_a_reload_that_is_being_prepared, (counter)) {
    bl_task *task;
    bl_outcome outcome;
    counter->prepare_time = SEC(100);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn_task(&group, reload_now, counter, &task));
    REQUIRE_OK(bl_sleep(SEC(1)));
    TAKES(0) CHECK_OK(bl_service_stop(&counter->service));
    REQUIRE_OK(bl_task_join(task, &outcome));
    CHECK_EQ(outcome.rc, -BL_ESHUTDOWN);
    CHECK_EQ(counter->number, 1);
    CHECK_EQ(counter->commits + counter->discards, 0);
    bl_task_unref(task);
}

TEST(a_crash_between_the_phases_discards_what_was_prepared) {
    COUNTER counter = { .number = 1, .life = SEC(1) };
    bl_reload reload;
    int config = 2;
    BL_GROUP_SCOPED(group);
    counter_init(&counter);
    REQUIRE_OK(bl_service_start(&counter.service, &group, NULL));
    REQUIRE_OK(bl_reload_prepare(&reload, &counter.service, &config));
    CHECK_ERR(bl_service_wait(&counter.service), BL_EIO);
    REQUIRE_OK(bl_service_start(&counter.service, &group, NULL));
    CHECK(!bl_reload_commit(&reload));
    CHECK_EQ(counter.discards, 1);
    CHECK_EQ(counter.number, 1);
    CHECK_EQ(info_of(&counter).generation, 0u);
    CHECK_OK(bl_service_stop(&counter.service));
}

TEST(a_crash_while_it_prepares_ends_the_reload) {
    COUNTER counter = { .number = 1, .life = SEC(1), .prepare_time = SEC(2) };
    bl_reload reload;
    int config = 2;
    BL_GROUP_SCOPED(group);
    counter_init(&counter);
    REQUIRE_OK(bl_service_start(&counter.service, &group, NULL));
    CHECK_ERR(bl_reload_prepare(&reload, &counter.service, &config),
              BL_ESHUTDOWN);
    CHECK_EQ(counter.commits + counter.discards, 0);
    CHECK_ERR(bl_service_wait(&counter.service), BL_EIO);
}

TEST(a_cancelled_reload_changes_nothing, (counter)) {
    int config = 2;
    counter->prepare_time = SEC(100);
    CHECK_ERR(
        bl_wait_for(bl_service_reload(&counter->service, &config), SEC(1)),
        BL_ETIMEDOUT);
    CHECK_EQ(counter->number, 1);
    CHECK_EQ(info_of(counter).reload_rc, 0);
    CHECK_EQ(info_of(counter).phase, BL_PHASE_NONE);
}
