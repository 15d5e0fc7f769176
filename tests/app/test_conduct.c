/* SPDX-License-Identifier: MIT */
/*
 * tests/app/test_conduct.c - who is started and stopped, and in which order
 */
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include "support/cast.h"
#include "support/famine.h"
#include "support/kids.h"
#include "sync/callers.h"

/* The usual cast: web and admin require db, metrics requires nobody. */
struct stage {
    bl_app *app;
    struct part db;
    struct part web;
    struct part admin;
    char lines[4096];
};

static void on_line(const char *line, void *context) {
    struct stage *stage = context;
    size_t used = strlen(stage->lines);
    snprintf(stage->lines + used, sizeof stage->lines - used, "%s\n", line);
}

static void stage_new(struct stage *stage) {
    bl_app_options options = { .size = sizeof options,
                               .log = on_line,
                               .log_context = stage };
    stage->lines[0] = '\0';
    stage->app = bl_app_new(&options);
}

/* db; web and admin require it. */
static void stage_set(struct stage *stage) {
    stage_new(stage);
    cast_add_restarted(stage->app, &stage->web, "web");
    cast_add_restarted(stage->app, &stage->admin, "admin");
    cast_add_restarted(stage->app, &stage->db, "db");
    bl_app_requires(stage->app, "web", "db", BL_DEP_RESTART_WITH);
    bl_app_requires(stage->app, "admin", "db", BL_DEP_RESTART_WITH);
}

static bl_app_info info_of(const bl_app *app) {
    bl_app_info info;
    bl_app_get_info(app, &info);
    return info;
}

/* ---- start and stop ------------------------------------------------------ */

TEST(dependencies_are_ready_before_and_stopped_after, .tags = "order") {
    struct stage s = { .db = { .start_time = SEC(1), .stop_time = SEC(1) } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    CHECK(!bl_app_is_ready(s.app));
    TAKES(SEC(1)) REQUIRE_OK(bl_app_start(s.app, &group));
    CHECK_STR(notes(), "+db +web +admin");
    CHECK(bl_app_is_ready(s.app));
    CHECK_EQ(info_of(s.app).ready, 3);
    TAKES(SEC(1)) CHECK_OK(bl_app_stop(s.app));
    CHECK_STR(notes(), "+db +web +admin -admin -web -db");
    CHECK(info_of(s.app).has_ended);
    CHECK(!bl_app_is_ready(s.app));
    CHECK_OK(bl_app_stop(s.app)); /* again */
    CHECK_ERR(bl_app_start(s.app, &group), BL_EALREADY);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(independent_services_start_and_stop_at_the_same_time) {
    struct part parts[5];
    char name[16];
    bl_app *app = bl_app_new(NULL);
    BL_GROUP_SCOPED(group);
    memset(parts, 0, sizeof parts);
    for (int i = 0; i < 5; i++) {
        parts[i].start_time = SEC(3);
        parts[i].stop_time = SEC(2);
        snprintf(name, sizeof name, "p%d", i);
        cast_add(app, &parts[i], name, NULL);
    }
    TAKES(SEC(3)) REQUIRE_OK(bl_app_start(app, &group));
    TAKES(SEC(2)) CHECK_OK(bl_app_stop(app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(app);
}

TEST(a_width_limits_how_many_start_at_once) {
    struct part parts[5];
    char name[16];
    bl_app_options options = { .size = sizeof options, .start_width = 2 };
    bl_app *app = bl_app_new(&options);
    BL_GROUP_SCOPED(group);
    memset(parts, 0, sizeof parts);
    for (int i = 0; i < 5; i++) {
        parts[i].start_time = SEC(3);
        snprintf(name, sizeof name, "p%d", i);
        cast_add(app, &parts[i], name, NULL);
    }
    TAKES(SEC(9)) REQUIRE_OK(bl_app_start(app, &group));
    CHECK_OK(bl_app_stop(app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(app);
}

TEST(a_service_starts_as_soon_as_its_own_dependencies_are_ready) {
    struct part slow = { .start_time = SEC(9) };
    struct part quick = { .start_time = SEC(1) };
    struct part top = { .start_time = SEC(1) };
    bl_app *app = bl_app_new(NULL);
    BL_GROUP_SCOPED(group);
    cast_add(app, &slow, "slow", NULL);
    cast_add(app, &quick, "quick", NULL);
    cast_add(app, &top, "top", NULL);
    bl_app_requires(app, "top", "quick", BL_DEP_RESTART_WITH);
    TAKES(SEC(9)) REQUIRE_OK(bl_app_start(app, &group));
    CHECK_STR(notes(), "+quick +top +slow");
    CHECK_OK(bl_app_stop(app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(app);
}

TEST(a_failed_start_leaves_dependents_new_and_stops_the_others,
     .tags = "order") {
    struct stage s = { .db = { .start_time = SEC(2), .start_rc = BL_EIO } };
    struct part other = { .start_time = SEC(1) };
    BL_GROUP_SCOPED(group);
    stage_new(&s);
    cast_add(s.app, &s.web, "web", NULL);
    cast_add(s.app, &s.db, "db", NULL);
    cast_add(s.app, &other, "other", NULL);
    bl_app_requires(s.app, "web", "db", BL_DEP_RESTART_WITH);
    int rc = bl_app_start(s.app, &group);
    CHECK_ERR(rc, BL_EIO);
    CHECK_STR(bl_error_message(bl_error_current(rc)), "db has no luck");
    CHECK_EQ(s.web.runs, 0);
    CHECK_EQ(cast_state(&s.web), BL_SERVICE_NEW);
    CHECK_STR(notes(), "+other -db -other");
    char text[1024];
    bl_app_format_health(s.app, text, sizeof text);
    CHECK_CONTAINS(text, "web new not-ready health=ok incarnation=0 "
                         "failures=0  dep:db FAILED");
    CHECK_ERR(bl_app_wait(s.app), BL_EIO);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

static int start_app(void *arg) {
    struct stage *stage = arg;
    BL_GROUP_SCOPED(group);
    int rc = bl_app_start(stage->app, &group);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK(!stage->db.is_inside);
    CHECK(info_of(stage->app).has_ended);
    return bl_group_exit(&group, rc);
}

TEST(cancelling_the_start_leaves_nothing_behind) {
    struct stage s = { .db = { .start_time = SEC(1) },
                       .web = { .start_time = HOUR } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_spawn(&group, start_app, &s));
    CHECK_OK(bl_sleep(SEC(5)));
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(a_stop_before_the_start_is_remembered) {
    struct stage s = { .db = { .start_time = SEC(1) } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    CHECK(bl_app_begin_stop(s.app));
    CHECK(!bl_app_begin_stop(s.app));
    TAKES(0) CHECK_ERR(bl_app_start(s.app, &group), BL_ECANCELED);
    CHECK_EQ(s.db.runs, 0);
    CHECK_OK(bl_app_wait(s.app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

static int stops_app(void *arg) {
    CHECK_OK(bl_sleep(SEC(1)));
    bl_app_begin_stop(arg);
    return 0;
}

TEST(a_stop_during_the_start_ends_it, .tags = "order") {
    struct stage s = { .web = { .start_time = HOUR } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_spawn(&group, stops_app, s.app));
    TAKES(SEC(1)) CHECK_ERR(bl_app_start(s.app, &group), BL_ECANCELED);
    CHECK_STR(notes(), "+db +admin -admin -web -db");
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(an_app_whose_services_have_done_their_work_ends) {
    struct part job = { .start_time = SEC(1) };
    bl_service_options oneshot = { .size = sizeof oneshot, .is_oneshot = true };
    struct part after = { .start_time = SEC(1) };
    bl_app *app = bl_app_new(NULL);
    BL_GROUP_SCOPED(group);
    cast_add(app, &job, "job", &oneshot);
    cast_add(app, &after, "after", &oneshot);
    bl_app_requires(app, "after", "job", BL_DEP_RESTART_WITH);
    cast_crash(&job, 0);
    cast_crash(&after, 0);
    REQUIRE_OK(bl_app_start(app, &group));
    TAKES(0) CHECK_OK(bl_app_wait(app));
    CHECK_STR(notes(), "+job -job +after -after");
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(app);
}

/* ---- budgets ------------------------------------------------------------- */

TEST(the_deadline_bounds_the_sum_and_the_last_get_the_rest, (t_log)) {
    struct stage s = { .db = { .ignores_stop = true },
                       .web = { .ignores_stop = true },
                       .admin = { .ignores_stop = true } };
    (void)t_log;
    BL_GROUP_SCOPED(group);
    bl_app_options options = { .size = sizeof options,
                               .stop_deadline = SEC(15) };
    s.app = bl_app_new(&options);
    cast_add(s.app, &s.db, "db", NULL);
    cast_add(s.app, &s.web, "web", NULL);
    cast_add(s.app, &s.admin, "admin", NULL);
    bl_app_requires(s.app, "web", "db", BL_DEP_KEEP);
    bl_app_requires(s.app, "admin", "web", BL_DEP_KEEP);
    REQUIRE_OK(bl_app_start(s.app, &group));
    /* 10 s; then 2/3 of what is left, then 2/3 of that. */
    bl_ns before = bl_now();
    CHECK_OK(bl_app_stop(s.app));
    CHECK_LE(bl_now() - before, SEC(15));
    CHECK_GE(bl_now() - before, SEC(14));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(what_ignores_its_cancellation_is_abandoned_and_the_rest_goes_on, (t_log),
     .tags = "order") {
    struct stage s = { .web = { .ignores_stop = true,
                                .ignores_cancel = true } };
    (void)t_log;
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_app_start(s.app, &group));
    forget_notes();
    TAKES(SEC(12)) CHECK_ERR(bl_app_stop(s.app), BL_ETIMEDOUT);
    CHECK_STR(notes(), "-admin -db");
    CHECK(info_of(s.app).was_abandoned);
    CHECK_CONTAINS(s.lines, " 10.00  web    did not stop in 10.0 s -> "
                            "cancelling\n");
    CHECK_CONTAINS(s.lines, " 12.00  web    ABANDONED: task #");
    CHECK_CONTAINS(s.lines, "bl_event_wait(&part->release)");
    bl_event_set(&s.web.release);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(a_deadline_that_has_passed_leaves_a_tick_for_each, (t_log)) {
    struct stage s = { .web = { .ignores_stop = true,
                                .ignores_cancel = true } };
    (void)t_log;
    bl_app_options options = { .size = sizeof options,
                               .stop_deadline = SEC(3) };
    BL_GROUP_SCOPED(group);
    s.app = bl_app_new(&options);
    cast_add(s.app, &s.web, "web", NULL);
    cast_add(s.app, &s.db, "db", NULL);
    bl_app_requires(s.app, "web", "db", BL_DEP_KEEP);
    REQUIRE_OK(bl_app_start(s.app, &group));
    forget_notes();
    bl_ns before = bl_now();
    CHECK_ERR(bl_app_stop(s.app), BL_ETIMEDOUT);
    CHECK_STR(notes(), "-db");
    CHECK_EQ(cast_state(&s.db), BL_SERVICE_STOPPED);
    CHECK_LE(bl_now() - before, SEC(3) + MS(2));
    bl_event_set(&s.web.release);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(a_forced_stop_cancels_all_at_once) {
    struct stage s = { .db = { .ignores_stop = true },
                       .web = { .stop_time = HOUR },
                       .admin = { .ignores_stop = true } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_app_start(s.app, &group));
    CHECK(bl_app_begin_stop(s.app));
    CHECK_OK(bl_sleep(SEC(1)));
    bl_app_force_stop(s.app, SEC(2));
    TAKES(0) CHECK_OK(bl_app_wait(s.app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(a_forced_stop_gives_up_after_its_grace, (t_log)) {
    struct stage s = { .db = { .ignores_stop = true, .ignores_cancel = true } };
    (void)t_log;
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_app_start(s.app, &group));
    bl_app_force_stop(s.app, SEC(1));
    TAKES(SEC(1)) CHECK_ERR(bl_app_wait(s.app), BL_ETIMEDOUT);
    bl_event_set(&s.db.release);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

/* The process stood still for an hour, and no timer has been called yet. */
TEST(a_forced_stop_after_its_time_leaves_time_to_clean_up, (t_log),
     .clock = T_CLOCK_MANUAL) {
    struct stage s = { .db = { .ignores_stop = true, .ignores_cancel = true } };
    (void)t_log;
    BL_GROUP_SCOPED(group);
    stage_new(&s);
    cast_add(s.app, &s.db, "db", NULL);
    REQUIRE_OK(bl_app_start(s.app, &group));
    CHECK(bl_app_begin_stop(s.app));
    t_settle();
    CHECK_OK(bl_loop_advance(bl_loop_running(), HOUR));
    bl_app_force_stop(s.app, SEC(2));
    t_advance(US(500));
    bl_event_set(&s.db.release);
    t_settle();
    CHECK_EQ(cast_state(&s.db), BL_SERVICE_STOPPED);
    CHECK_OK(bl_app_wait(s.app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

/* ---- crashes ------------------------------------------------------------- */

TEST(a_crash_takes_dependents_down_first_and_up_last, .tags = "order") {
    struct stage s = { .web = { .stop_time = SEC(3) } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_app_start(s.app, &group));
    forget_notes();
    cast_crash(&s.db, BL_ECONNRESET);
    CHECK_OK(bl_sleep(SEC(10)));
    CHECK_STR(notes(), "-db -admin -web +db +web +admin");
    CHECK(bl_app_is_ready(s.app));
    CHECK_EQ(s.db.runs, 2);
    CHECK_EQ(s.web.runs, 2);
    bl_service_info info;
    bl_service_get_info(s.web.service, &info);
    CHECK_EQ(info.failures, 0); /* a victim is not counted */
    CHECK_OK(bl_app_stop(s.app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(a_crash_pulls_down_what_stands_on_what_it_pulls_down) {
    struct part parts[3];
    bl_app *app = bl_app_new(NULL);
    BL_GROUP_SCOPED(group);
    memset(parts, 0, sizeof parts);
    cast_add_restarted(app, &parts[0], "a");
    cast_add_restarted(app, &parts[1], "b");
    cast_add_restarted(app, &parts[2], "c");
    bl_app_requires(app, "b", "a", BL_DEP_RESTART_WITH);
    bl_app_requires(app, "c", "b", BL_DEP_RESTART_WITH);
    REQUIRE_OK(bl_app_start(app, &group));
    forget_notes();
    cast_crash(&parts[0], BL_EIO);
    CHECK_OK(bl_sleep(SEC(1)));
    CHECK_STR(notes(), "-a -c -b +a +b +c");
    CHECK_OK(bl_app_stop(app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(app);
}

TEST(a_crash_of_both_in_one_tick_is_one_cycle) {
    struct stage s = { .db = { .name = "db" } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_app_start(s.app, &group));
    forget_notes();
    cast_crash(&s.web, BL_EIO);
    cast_crash(&s.db, BL_EIO);
    CHECK_OK(bl_sleep(SEC(5)));
    CHECK_EQ(s.db.runs, 2);
    CHECK_EQ(s.web.runs, 2);
    CHECK_EQ(s.admin.runs, 2);
    CHECK(bl_app_is_ready(s.app));
    CHECK_OK(bl_app_stop(s.app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(a_crash_while_dependents_start_begins_both_again, .tags = "order") {
    struct stage s = { .web = { .start_time = SEC(5) } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_spawn(&group, kid_sleeps, ARG(SEC(2))));
    bl_task *task = NULL;
    (void)task;
    /* db crashes two seconds after it was ready; web is half-way. */
    bl_event_init(&s.db.crash);
    struct part *db = &s.db;
    bl_timer timer;
    bl_timer_init(&timer, (bl_callback *)(void (*)(void *))bl_event_set,
                  &db->crash);
    db->crash_rc = BL_EIO;
    bl_timer_start(bl_loop_running(), &timer, bl_ns_add(bl_now(), SEC(2)));
    REQUIRE_OK(bl_app_start(s.app, &group));
    CHECK_EQ(s.db.runs, 2);
    CHECK_EQ(s.web.runs, 2);
    CHECK_STR(notes(), "+db +admin -db -admin -web +db +admin +web");
    CHECK_OK(bl_app_stop(s.app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(one_that_keeps_is_told_and_goes_on) {
    struct stage s = { .db = { .name = "db" } };
    BL_GROUP_SCOPED(group);
    stage_new(&s);
    cast_add_restarted(s.app, &s.db, "db");
    cast_add_restarted(s.app, &s.web, "web");
    bl_app_requires(s.app, "web", "db", BL_DEP_KEEP);
    REQUIRE_OK(bl_app_start(s.app, &group));
    bl_event *lost = bl_app_dep_lost(s.app, "web", "db");
    bl_event *back = bl_app_dep_back(s.app, "web", "db");
    REQUIRE(lost != NULL);
    REQUIRE(back != NULL);
    CHECK(bl_app_dep_lost(s.app, "db", "web") == NULL);
    CHECK(bl_event_is_set(back));
    cast_crash(&s.db, BL_EIO);
    CHECK_OK(bl_event_wait(lost));
    CHECK(!bl_event_is_set(back));
    CHECK_OK(bl_event_wait(back));
    CHECK(!bl_event_is_set(lost));
    CHECK_EQ(s.web.runs, 1);
    CHECK_EQ(s.db.runs, 2);
    CHECK_OK(bl_app_stop(s.app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(one_that_shuts_down_ends_the_app) {
    struct stage s = { .db = { .name = "db" } };
    BL_GROUP_SCOPED(group);
    stage_new(&s);
    cast_add_restarted(s.app, &s.db, "db");
    cast_add_restarted(s.app, &s.web, "web");
    bl_app_requires(s.app, "web", "db", BL_DEP_SHUTDOWN);
    REQUIRE_OK(bl_app_start(s.app, &group));
    cast_crash(&s.db, BL_EPIPE);
    CHECK_ERR(bl_app_wait(s.app), BL_EPIPE);
    CHECK_EQ(s.db.runs, 1);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(one_that_fails_for_good_ends_the_app_in_order, .tags = "order") {
    struct stage s = { .web = { .stop_time = SEC(1) } };
    BL_GROUP_SCOPED(group);
    stage_new(&s);
    cast_add(s.app, &s.db, "db", NULL); /* never begun again */
    cast_add(s.app, &s.web, "web", NULL);
    cast_add(s.app, &s.admin, "admin", NULL);
    bl_app_requires(s.app, "admin", "web", BL_DEP_RESTART_WITH);
    REQUIRE_OK(bl_app_start(s.app, &group));
    forget_notes();
    cast_crash(&s.db, BL_EIO);
    CHECK_ERR(bl_app_wait(s.app), BL_EIO);
    CHECK_STR(notes(), "-db -admin -web");
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(an_optional_one_may_fail_and_takes_down_only_its_own) {
    struct stage s = { .db = { .name = "db" } };
    BL_GROUP_SCOPED(group);
    stage_new(&s);
    cast_add(s.app, &s.db, "db", NULL);
    cast_add(s.app, &s.web, "web", NULL);
    cast_add(s.app, &s.admin, "admin", NULL);
    bl_app_requires(s.app, "admin", "db", BL_DEP_RESTART_WITH);
    bl_app_set_optional(s.app, "db");
    bl_app_set_optional(s.app, "admin");
    REQUIRE_OK(bl_app_start(s.app, &group));
    settle();
    cast_crash(&s.db, BL_EIO);
    CHECK_OK(bl_sleep(SEC(1)));
    CHECK_EQ(cast_state(&s.db), BL_SERVICE_FAILED);
    CHECK_EQ(cast_state(&s.admin), BL_SERVICE_STOPPED);
    CHECK_EQ(cast_state(&s.web), BL_SERVICE_RUNNING);
    CHECK(bl_app_is_ready(s.app));
    CHECK_OK(bl_app_stop(s.app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(nobody_waits_for_an_optional_one_to_be_ready) {
    struct stage s = { .db = { .start_time = HOUR } };
    BL_GROUP_SCOPED(group);
    bl_service_options patient = { .size = sizeof patient,
                                   .start_timeout = 2 * HOUR,
                                   .start_max = 2 * HOUR };
    stage_new(&s);
    cast_add(s.app, &s.db, "db", &patient);
    cast_add(s.app, &s.web, "web", NULL);
    bl_app_set_optional(s.app, "db");
    TAKES(0) REQUIRE_OK(bl_app_start(s.app, &group));
    CHECK_OK(bl_app_stop(s.app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(those_that_begin_again_together_do, .tags = "order") {
    struct stage s = { .admin = { .stop_time = SEC(1) } };
    BL_GROUP_SCOPED(group);
    stage_new(&s);
    cast_add_restarted(s.app, &s.db, "db");
    cast_add_restarted(s.app, &s.web, "web");
    cast_add_restarted(s.app, &s.admin, "admin");
    bl_app_restart_together(s.app, "db", "web");
    bl_app_restart_together(s.app, "web", "admin");
    REQUIRE_OK(bl_app_start(s.app, &group));
    forget_notes();
    cast_crash(&s.web, BL_EIO);
    CHECK_OK(bl_sleep(SEC(5)));
    CHECK_STR(notes(), "-web -db -admin +web +db +admin");
    CHECK_EQ(s.db.runs, 2);
    CHECK_EQ(s.web.runs, 2);
    CHECK_EQ(s.admin.runs, 2);
    CHECK_OK(bl_app_stop(s.app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(lost_readiness_gates_new_starts_and_stops_nobody) {
    struct stage s = { .web = { .name = "web" } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_app_start(s.app, &group));
    bl_service_set_ready(s.db.service, false);
    CHECK_OK(bl_sleep(SEC(5)));
    CHECK_EQ(s.web.runs, 1);
    CHECK_EQ(cast_state(&s.web), BL_SERVICE_RUNNING);
    CHECK(!bl_app_is_ready(s.app));
    cast_crash(&s.web, BL_EIO); /* its restart waits, and is not skipped */
    CHECK_OK(bl_sleep(SEC(60)));
    CHECK_EQ(cast_state(&s.web), BL_SERVICE_BACKOFF);
    bl_service_set_ready(s.db.service, true);
    CHECK_OK(bl_sleep(MS(1)));
    CHECK_EQ(cast_state(&s.web), BL_SERVICE_RUNNING);
    CHECK_EQ(s.web.runs, 2);
    CHECK_OK(bl_app_stop(s.app));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(a_stop_ends_the_delay_of_a_restart) {
    struct stage s = { .db = { .name = "db" } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_app_start(s.app, &group));
    cast_crash(&s.db, BL_EIO);
    settle();
    CHECK_EQ(cast_state(&s.db), BL_SERVICE_BACKOFF);
    TAKES(0) CHECK_OK(bl_app_stop(s.app));
    CHECK_EQ(s.db.runs, 1);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

/* ---- an operator --------------------------------------------------------- */

TEST(a_restart_by_hand_is_ordered_and_not_counted, .tags = "order") {
    struct stage s = { .web = { .stop_time = SEC(1) } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    CHECK_ERR(bl_app_restart(s.app, "db"), BL_ESTATE);
    REQUIRE_OK(bl_app_start(s.app, &group));
    for (int round = 0; round < 20; round++) {
        forget_notes();
        CHECK_OK(bl_app_restart(s.app, "db"));
        CHECK_OK(bl_sleep(SEC(2)));
        CHECK_STR(notes(), "-admin -web -db +db +web +admin");
    }
    CHECK_ERR(bl_app_restart(s.app, "nobody"), BL_ENOENT);
    CHECK_OK(bl_app_stop(s.app));
    CHECK_ERR(bl_app_restart(s.app, "db"), BL_ESTATE);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

/* ---- without memory, and cancelled --------------------------------------- */

TEST(without_memory_the_start_fails_and_nothing_runs) {
    for (int spare = 0; spare < 12; spare++) {
        struct stage s = { .db = { .name = "db" } };
        BL_GROUP_SCOPED(group);
        stage_set(&s);
        famine_begin(spare);
        int rc = bl_app_start(s.app, &group);
        famine_end();
        if (rc < 0) CHECK_EQ(rc, BL_ENOMEM);
        if (rc == 0) CHECK_OK(bl_app_stop(s.app));
        CHECK(!s.db.is_inside);
        CHECK_OK(bl_group_exit(&group, 0));
        bl_app_free(s.app);
    }
}

TEST(the_way_down_needs_no_memory, .tags = "order") {
    struct stage s = { .db = { .name = "db" } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    REQUIRE_OK(bl_app_start(s.app, &group));
    famine_begin(0);
    CHECK_OK(bl_app_stop(s.app));
    famine_end();
    CHECK_STR(notes(), "+db +web +admin -admin -web -db");
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(cancelled_anywhere_nothing_is_left, .sweep = T_CANCEL | T_OOM) {
    struct stage s = { .db = { .start_time = SEC(1) } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    int rc = bl_app_start(s.app, &group);
    if (rc == 0) {
        cast_crash(&s.db, BL_EIO);
        rc = bl_sleep(SEC(3));
        bl_app_begin_stop(s.app);
        BL_SHIELD(BL_SHIELD_FOREVER) {
            BL_IGNORE(bl_app_wait(s.app)); /* however it ended */
        }
    }
    CHECK_ALWAYS(!s.db.is_inside);
    CHECK_ALWAYS(!s.web.is_inside);
    rc = bl_group_exit(&group, rc);
    CHECK_ALWAYS(rc == 0 || t_injected());
    bl_app_free(s.app);
}

static bl_group *the_group; /* that apps would be started in */

static int start(void *app) {
    return bl_app_start(app, the_group);
}

static int stop(void *app) {
    return bl_app_stop(app);
}

static int reload(void *app) {
    return bl_app_reload(app, NULL);
}

TEST(calls_that_wait_say_where_they_cannot_be_made) {
    struct stage s = { .db = { .stop_time = SEC(1) } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    the_group = &group;
    CHECK_ERR(without_loop(start, s.app), BL_ENOLOOP);
    CHECK_ERR(in_callback(start, s.app), BL_ENOTASK);
    REQUIRE_OK(bl_app_start(s.app, &group));
    CHECK_ERR(without_loop(reload, s.app), BL_ENOLOOP);
    CHECK_ERR(in_callback(reload, s.app), BL_ENOTASK);
    bl_app_begin_stop(s.app);
    CHECK_ERR(without_loop(stop, s.app), BL_ENOLOOP);
    CHECK_ERR(in_callback(stop, s.app), BL_ENOTASK);
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, "the caller has no time");
    CHECK_ERR(bl_app_stop(s.app), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, 0));
    CHECK_OK(bl_app_stop(s.app)); /* it went on */
    CHECK(!s.db.is_inside);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
}

TEST(a_listener_of_an_app_is_found_or_opened) {
    bl_app *app = bl_app_new(NULL);
    bl_listener *listener;
    bl_listener *second = NULL;
    bl_addr address;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    CHECK_ERR(bl_app_listen(NULL, "web", &address, NULL, &listener), BL_EINVAL);
    REQUIRE_OK(bl_app_listen(app, "web", &address, NULL, &listener));
    address = bl_listener_address(listener);
    int rc = bl_app_listen(app, "web", &address, NULL, &second);
    CHECK_ERR(rc, BL_EADDRINUSE);
    char text[BL_ADDR_TEXT_BYTES];
    bl_addr_format(&address, text, sizeof text);
    CHECK_CONTAINS(bl_error_message(bl_error_current(rc)), text);
    bl_listener_close(listener);
    CHECK(bl_app_notify(app) == NULL);
    bl_app_free(app);
}

/* Whether a connection to `listener` is told to ask a silent peer. */
static bool keeps_alive(bl_listener *listener) {
    bl_addr address = bl_listener_address(listener);
    bl_stream *ends[2];
    int is_on = 0;
    socklen_t length = sizeof is_on;
    REQUIRE_OK(bl_connect(&address, NULL, &ends[0]));
    REQUIRE_OK(bl_listener_accept(listener, &ends[1], NULL));
    int fd = bl_stream_fd(ends[1]);
    REQUIRE(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &is_on, &length) == 0);
    bl_stream_abort(ends[0]);
    bl_stream_abort(ends[1]);
    return is_on != 0;
}

TEST(a_listener_that_is_begun_again_has_its_options) {
    bl_app *app = bl_app_new(NULL);
    bl_socket_options careful = { .size = sizeof careful,
                                  .keepalive_idle = SEC(60) };
    bl_listen_options options = { .size = sizeof options, .socket = &careful };
    bl_addr any;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &any));
    for (int round = 0; round < 2; round++) {
        bl_listener *listener;
        REQUIRE_OK(bl_app_listen(app, "web", &any, &options, &listener));
        T_INFO("%d", round);
        CHECK(keeps_alive(listener));
        bl_listener_close(listener);
    }
    bl_app_free(app);
}

TEST(misuse_is_refused) {
    struct stage s = { .db = { .name = "db" } };
    BL_GROUP_SCOPED(group);
    stage_set(&s);
    CHECK_ERR(bl_app_start(NULL, &group), BL_ENOMEM);
    CHECK_ERR(bl_app_start(s.app, NULL), BL_EINVAL);
    CHECK_ERR(bl_app_stop(NULL), BL_ENOMEM);
    CHECK_ERR(bl_app_wait(NULL), BL_ENOMEM);
    CHECK(!bl_app_begin_stop(NULL));
    bl_app_force_stop(NULL, 0);
    CHECK(bl_app_find(s.app, NULL) == NULL);
    CHECK(bl_app_find(s.app, "db") == s.db.service);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(s.app);
    bl_app_free(NULL);
}
