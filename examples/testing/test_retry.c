/* SPDX-License-Identifier: MIT */
/*
 * testing/test_retry.c - code that waits, tested without waiting
 *
 * Every body is a task on a fresh loop with a virtual clock.  In a project of
 * its own the code under test would be linked; here it stands above its tests.
 */
#include <belay/test.h>

/* ---- the code under test ------------------------------------------------- */

/* Weather from a station that is busy now and then. */
struct station {
    int busy_for; /* calls */
    int calls;
    bl_event has_news;
};

static int ask(struct station *station) {
    return ++station->calls <= station->busy_for ? BL_EAGAIN : 0;
}

/* Asks until there is an answer, five times at most, pausing in between. */
static int ask_patiently(struct station *station) {
    bl_ns pause = BL_MS(100);
    for (int i = 1;; i++, pause *= 2) {
        int rc = ask(station);
        if (rc != BL_EAGAIN || i == 5) return rc;
        rc = bl_sleep(pause);
        if (rc < 0) return rc; /* cancelled */
    }
}

/* A task that asks every half minute, and tells the others. */
static int watch(void *arg) {
    struct station *station = arg;
    for (;;) {
        int rc = bl_sleep(BL_SEC(30));
        if (rc < 0) return rc;
        rc = ask_patiently(station);
        if (rc < 0) return rc;
        bl_event_set(&station->has_news);
    }
}

/* ---- the tests ----------------------------------------------------------- */

TEST(an_hour_takes_no_time) {
    TAKES(SEC(3600)) CHECK_OK(bl_sleep(SEC(3600)));
}

/* A parameter: whatever names it runs once for each value. */
PARAM(int, busy_for, 0, 1, 3);

TEST(pauses_double, (busy_for)) {
    struct station station = { .busy_for = busy_for };
    TAKES(MS(100) * ((1 << busy_for) - 1)) {
        REQUIRE_OK(ask_patiently(&station));
    }
    CHECK_EQ(station.calls, busy_for + 1);
}

TEST(news_come_within_a_minute) {
    struct station station = { .busy_for = 1, .has_news = BL_EVENT_INIT };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, watch, &station));
    CHECK_ERR(bl_wait_for(bl_event_wait(&station.has_news), SEC(30)),
              BL_ETIMEDOUT);
    REQUIRE_EVENTUALLY(bl_event_is_set(&station.has_news), SEC(60));
    CHECK_EQ(bl_now(), SEC(30) + MS(100)); /* not a moment later */
    bl_group_cancel(&group);
}

TEST(a_busy_station_is_a_timeout, .xfail = "#12: it returns BL_EAGAIN") {
    struct station station = { .busy_for = 99 };
    CHECK_ERR(ask_patiently(&station), BL_ETIMEDOUT);
}

static const char *without_antenna(void) {
    return "no antenna on this machine";
}

TEST(a_real_station_answers, .skip_if = without_antenna) {
    struct station station = { .busy_for = 0 };
    CHECK_OK(ask_patiently(&station));
}
