/* SPDX-License-Identifier: MIT */
/*
 * tests/explore/test_app.c - what holds of an app in any order, whatever fails
 *
 * Six services require each other at random; while they start, run and stop,
 * they crash, lose their readiness, fail to start, and are begun again by
 * hand, at random moments.  Each schedule draws other ones.  What is checked
 * holds at every moment:
 *
 *   a body begins only when all that it requires, and would not outlive, runs:
 *   it was ready when that was decided, and may have lost its readiness since;
 *   it begins again only when what it pulls down has ended;
 *   it is told to stop only when what requires it has ended, unless it fails
 *   by itself;
 *   one service never has two bodies;
 *   at the end nothing is left, in time, and each has ended as it may.
 */
#include <belay/test.h>

#include <string.h>

enum {
    SCHEDULES = 150,
    PLAYERS = 6,
    EVENTS = 12
};

struct troupe;

struct player {
    struct troupe *troupe;
    bl_service *service;
    uint32_t requires; /* a bit for each */
    uint32_t keeps;    /* those of them that it outlives */
    int inside;
    bool crashes; /* as soon as it looks */
    bl_event nudge;
};

struct troupe {
    bl_app *app;
    uint64_t random;
    struct player players[PLAYERS];
    bool is_over;
};

static const char *const names[PLAYERS] = { "a", "b", "c", "d", "e", "f" };

/* Another number for each run, the same for each replay. */
static uint32_t draw(struct troupe *troupe, uint32_t count) {
    troupe->random ^= troupe->random << 13;
    troupe->random ^= troupe->random >> 7;
    troupe->random ^= troupe->random << 17;
    return (uint32_t)(troupe->random >> 33) % count;
}

static bl_ns a_while(struct troupe *troupe) {
    static const bl_ns whiles[] = { 0, 0, MS(1), MS(70), MS(300), SEC(2) };
    return whiles[draw(troupe, 6)];
}

/* Whether somebody inside has to end before `player` may. */
static bool is_needed(const struct player *player, bool counts_keepers) {
    const struct troupe *troupe = player->troupe;
    uint32_t bit = 1u << (player - troupe->players);
    for (int i = 0; i < PLAYERS; i++) {
        const struct player *other = &troupe->players[i];
        bool stands_on = (other->requires & bit) != 0;
        if ((other->keeps & bit) != 0 && !counts_keepers) stands_on = false;
        /* One that is not ready yet has not used it. */
        if (stands_on && other->inside > 0) return true;
    }
    return false;
}

static void check_beginning(struct player *player) {
    const struct troupe *troupe = player->troupe;
    CHECK_EQ(player->inside, 0);
    for (int i = 0; i < PLAYERS; i++) {
        uint32_t bit = 1u << i;
        if ((player->requires & bit) == 0 || (player->keeps & bit) != 0) {
            continue;
        }
        CHECK_EQ(bl_service_state_of(troupe->players[i].service),
                 BL_SERVICE_RUNNING);
    }
    CHECK(!is_needed(player, false));
    CHECK(!troupe->is_over);
}

static int play(struct player *player) {
    struct troupe *troupe = player->troupe;
    int rc = bl_sleep(a_while(troupe));
    if (rc < 0) return rc;
    if (draw(troupe, 8) == 0) return BL_ERR(BL_EIO, "stage fright");
    rc = bl_service_ready(player->service, NULL);
    if (rc < 0) return rc;
    bl_branch branches[] = { bl_on_event(bl_service_stopping(player->service)),
                             bl_on_event(&player->nudge) };
    rc = bl_select(branches, 2);
    if (rc < 0) return rc;
    if (rc == 1) {
        bl_event_clear(&player->nudge);
        return BL_ERR(BL_EPIPE, "a mishap");
    }
    CHECK(!is_needed(player, false)); /* told to stop: nobody needs us */
    rc = bl_sleep(a_while(troupe));
    if (rc < 0) return rc;
    return draw(troupe, 10) == 0 ? BL_ERR(BL_EPROTO, "a bad end") : 0;
}

static int player_run(bl_service *self, void *arg) {
    struct player *player = arg;
    player->service = self;
    check_beginning(player);
    player->inside++;
    int rc = play(player);
    player->inside--;
    return rc;
}

static void troupe_form(struct troupe *troupe) {
    bl_restart_policy policy = { .size = sizeof policy,
                                 .when = BL_RESTART_ON_FAILURE,
                                 .restarts_max = BL_RESTARTS_NO_LIMIT };
    bl_service_options options = { .size = sizeof options, .restart = &policy };
    bl_app_options app_options = { .size = sizeof app_options,
                                   .start_width = draw(troupe, 3) };
    troupe->app = bl_app_new(&app_options);
    for (int i = 0; i < PLAYERS; i++) {
        struct player *player = &troupe->players[i];
        player->troupe = troupe;
        bl_event_init(&player->nudge);
        policy.when =
            draw(troupe, 12) == 0 ? BL_RESTART_NEVER : BL_RESTART_ON_FAILURE;
        player->service =
            bl_app_add(troupe->app, names[i], player_run, player, &options);
        for (int j = 0; j < i; j++) {
            if (draw(troupe, 3) > 0) continue;
            bool keeps = draw(troupe, 4) == 0;
            player->requires |= 1u << j;
            if (keeps) player->keeps |= 1u << j;
            bl_app_requires(troupe->app, names[i], names[j],
                            keeps ? BL_DEP_KEEP : BL_DEP_RESTART_WITH);
        }
        if (draw(troupe, 4) == 0) bl_app_set_optional(troupe->app, names[i]);
    }
    if (draw(troupe, 3) == 0) {
        bl_app_restart_together(troupe->app, names[draw(troupe, PLAYERS)],
                                names[draw(troupe, PLAYERS)]);
    }
}

/* Something happens to one of them. */
static void mishap(struct troupe *troupe) {
    struct player *player = &troupe->players[draw(troupe, PLAYERS)];
    switch (draw(troupe, 5)) {
    case 0: bl_service_set_ready(player->service, false); break;
    case 1: bl_service_set_ready(player->service, true); break;
    case 2:
        BL_IGNORE(bl_app_restart(troupe->app, /* or it does not run */
                                 bl_service_name(player->service)));
        break;
    default: bl_event_set(&player->nudge); break;
    }
}

static int fate(void *arg) {
    struct troupe *troupe = arg;
    int rc = 0;
    for (int i = 0; rc == 0 && i < EVENTS; i++) {
        mishap(troupe);
        if (draw(troupe, 2) == 0) mishap(troupe); /* in the same tick */
        rc = bl_sleep(a_while(troupe));
    }
    for (int i = 0; i < PLAYERS; i++)
        bl_service_set_ready(troupe->players[i].service, true);
    if (draw(troupe, 2) == 0) bl_app_begin_stop(troupe->app);
    return rc;
}

static void check_end(const struct troupe *troupe) {
    for (int i = 0; i < PLAYERS; i++) {
        bl_service_state state =
            bl_service_state_of(troupe->players[i].service);
        CHECK(state == BL_SERVICE_NEW || state == BL_SERVICE_STOPPED ||
              state == BL_SERVICE_FAILED);
        CHECK_EQ(troupe->players[i].inside, 0);
    }
    bl_app_info info;
    bl_app_get_info(troupe->app, &info);
    CHECK(info.has_ended);
    CHECK(!info.was_abandoned);
}

TEST(whatever_happens_the_order_holds, (t_log), .schedules = SCHEDULES) {
    struct troupe troupe = { .random = 88172645463325252u };
    (void)t_log;
    /* The schedule's own choices are what differs from run to run. */
    for (int i = 0; i < 12; i++) {
        troupe.random += bl_choose(BL_CHOICE_SELECT, 4096);
        draw(&troupe, 2);
    }
    BL_GROUP_SCOPED(group);
    troupe_form(&troupe);
    REQUIRE_OK(bl_app_check(troupe.app));
    REQUIRE_OK(bl_spawn(&group, fate, &troupe));
    int rc = bl_app_start(troupe.app, &group);
    if (rc == 0) CHECK_OK(bl_sleep(SEC(20)));
    bl_ns before = bl_now();
    BL_IGNORE(bl_app_stop(troupe.app)); /* however it ends */
    CHECK_LE(bl_now() - before, SEC(25));
    troupe.is_over = true;
    check_end(&troupe);
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(troupe.app);
}
