/* SPDX-License-Identifier: MIT */
/*
 * tests/app/test_renew.c - a new configuration for all services, or for none
 */
#include <belay/test.h>

#include <string.h>

#include "support/cast.h"
#include "support/famine.h"
#include "support/kids.h"

static const char config[] = "new";

struct stage {
    bl_app *app;
    struct part db;
    struct part web;
};

static void stage_up(struct stage *s, bl_group *group) {
    s->app = bl_app_new(NULL);
    cast_add_restarted(s->app, &s->web, "web");
    cast_add_restarted(s->app, &s->db, "db");
    bl_app_requires(s->app, "web", "db", BL_DEP_RESTART_WITH);
    REQUIRE_OK(bl_app_start(s->app, group));
    forget_notes();
}

static void stage_down(struct stage *s, bl_group *group) {
    CHECK_OK(bl_app_stop(s->app));
    CHECK_OK(bl_group_exit(group, 0));
    bl_app_free(s->app);
}

static bl_app_info info_of(const bl_app *app) {
    bl_app_info info;
    bl_app_get_info(app, &info);
    return info;
}

TEST(all_commit_in_the_order_of_their_dependencies) {
    struct stage s = { .db = { .needs_restart = "path" } };
    BL_GROUP_SCOPED(group);
    stage_up(&s, &group);
    CHECK_OK(bl_app_reload(s.app, config));
    CHECK_STR(notes(), "commit:db commit:web");
    CHECK(s.web.config == config);
    CHECK_EQ(info_of(s.app).generation, 1);
    CHECK_EQ(info_of(s.app).reload_rc, 0);
    CHECK_STR(info_of(s.app).reload_text, "db: path");
    stage_down(&s, &group);
}

TEST(one_that_fails_to_prepare_keeps_the_old_one_for_all) {
    struct stage s = { .web = { .prepare_rc = BL_EINVAL } };
    BL_GROUP_SCOPED(group);
    stage_up(&s, &group);
    CHECK_ERR(bl_app_reload(s.app, config), BL_EINVAL);
    CHECK_EQ(s.db.prepared, 1);
    CHECK_EQ(s.db.discarded, 1);
    CHECK_EQ(s.db.committed + s.web.committed, 0);
    CHECK_EQ(s.web.discarded, 0); /* it had made nothing */
    CHECK_EQ(info_of(s.app).generation, 0);
    CHECK_EQ(info_of(s.app).reload_rc, BL_EINVAL);
    CHECK_STR(info_of(s.app).reload_text, "web: line 12: no such thing");
    char text[512];
    bl_app_format_health(s.app, text, sizeof text);
    CHECK_CONTAINS(text, "app up ready 2/2 ready generation=0  reload "
                         "rejected: web: line 12");
    s.web.prepare_rc = 0;
    CHECK_OK(bl_app_reload(s.app, config));
    CHECK_EQ(info_of(s.app).generation, 1);
    stage_down(&s, &group);
}

struct reloading {
    struct stage *stage;
    int rc;
    bool has_ended;
};

static int reloads(void *arg) {
    struct reloading *reloading = arg;
    reloading->rc = bl_app_reload(reloading->stage->app, config);
    reloading->has_ended = true;
    return 0;
}

TEST(a_stop_while_it_prepares_discards_all) {
    struct stage s = { .web = { .prepare_time = HOUR } };
    struct reloading reloading = { .stage = &s };
    BL_GROUP_SCOPED(group);
    stage_up(&s, &group);
    REQUIRE_OK(bl_spawn(&group, reloads, &reloading));
    settle();
    CHECK_ERR(bl_app_reload(s.app, config), BL_ESTATE); /* one at a time */
    TAKES(0) CHECK_OK(bl_app_stop(s.app));
    settle();
    CHECK(reloading.has_ended);
    CHECK_ERR(reloading.rc, BL_ECANCELED);
    CHECK_EQ(s.db.discarded, 1);
    CHECK_EQ(s.db.committed + s.web.committed, 0);
    CHECK_ERR(bl_app_reload(s.app, config), BL_ESTATE);
    stage_down(&s, &group);
}

TEST(a_cancelled_caller_discards_all) {
    struct stage s = { .web = { .prepare_time = HOUR } };
    struct reloading reloading = { .stage = &s };
    BL_GROUP_SCOPED(group);
    stage_up(&s, &group);
    {
        BL_GROUP_SCOPED(inner);
        REQUIRE_OK(bl_spawn(&inner, reloads, &reloading));
        settle();
        bl_group_cancel(&inner);
        CHECK_OK(bl_group_exit(&inner, 0));
    }
    CHECK_ERR(reloading.rc, BL_ECANCELED);
    CHECK_EQ(s.db.discarded, 1);
    CHECK_EQ(info_of(s.app).generation, 0);
    CHECK_EQ(info_of(s.app).reload_rc, 0);
    stage_down(&s, &group);
}

TEST(one_that_waits_for_its_restart_is_passed_over) {
    struct stage s = { .db = { .name = "db" } };
    BL_GROUP_SCOPED(group);
    stage_up(&s, &group);
    cast_crash(&s.web, BL_EIO);
    settle();
    CHECK_OK(bl_app_reload(s.app, config));
    CHECK_EQ(s.db.committed, 1);
    CHECK_EQ(s.web.prepared, 0);
    stage_down(&s, &group);
}

TEST(without_memory_nothing_has_changed) {
    struct stage s = { .db = { .name = "db" } };
    BL_GROUP_SCOPED(group);
    CHECK_ERR(bl_app_reload(NULL, config), BL_ENOMEM);
    stage_up(&s, &group);
    famine_begin(0);
    CHECK_ERR(bl_app_reload(s.app, config), BL_ENOMEM);
    famine_end();
    CHECK_EQ(s.db.prepared, 0);
    CHECK_EQ(info_of(s.app).reload_rc, BL_ENOMEM);
    CHECK_STR(info_of(s.app).reload_text, bl_strerror(BL_ENOMEM));
    stage_down(&s, &group);
}
