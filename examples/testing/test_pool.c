/* SPDX-License-Identifier: MIT */
/*
 * testing/test_pool.c - tests that try every order, and every way to fail
 *
 * Build with -DBUG_RACE for a wake-up that is lost in a rare order of events,
 * with -DBUG_CANCEL for a connection that is lost when a task is cancelled at
 * the wrong moment.
 */
#include <belay/test.h>

/* ---- the code under test: a pool of connections -------------------------- */

struct pool {
    int limit;
    int made; /* connections */
    int idle; /* of them */
    bl_event has_idle;
};

static int pool_connect(struct pool *pool) {
    pool->made++;
    int rc = bl_sleep(BL_MS(1)); /* a handshake */
#ifndef BUG_CANCEL
    if (rc < 0) pool->made--;
#endif
    return rc;
}

static int pool_take(struct pool *pool) {
    while (pool->idle == 0) {
        if (pool->made < pool->limit) return pool_connect(pool);
#ifdef BUG_RACE
        /* A line in a log, say: meanwhile a connection may be given back. */
        int yielded = bl_yield();
        if (yielded < 0) return yielded;
#endif
        bl_event_clear(&pool->has_idle);
        int rc = bl_event_wait(&pool->has_idle);
        if (rc < 0) return rc;
    }
    pool->idle--;
    return 0;
}

static void pool_give_back(struct pool *pool) {
    pool->idle++;
    bl_event_set(&pool->has_idle);
}

/* ---- the fixture: its tear-down checks what must always be true ---------- */

FIXTURE(struct pool *, pool) {
    struct pool made = { .limit = 1, .has_idle = BL_EVENT_INIT };
    YIELD(&made);
    CHECK_EQ(made.idle, made.made); /* nothing that was lent is lost */
}

/* ---- the tests ----------------------------------------------------------- */

/* Asks two things, with a pause after each. */
static int ask_twice(void *arg) {
    struct pool *pool = arg;
    int rc = 0;
    for (int i = 0; i < 2 && rc == 0; i++) {
        rc = pool_take(pool);
        if (rc < 0) return rc;
        rc = bl_sleep(BL_MS(1)); /* the answer takes its time */
        pool_give_back(pool);
        if (rc == 0) rc = bl_sleep(BL_MS(1));
    }
    return rc;
}

/* Run as it is, and then in 300 orders in which the same could happen. */
TEST(three_share_one_connection, (pool), .schedules = 300) {
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 3; i++)
        REQUIRE_OK(bl_spawn(&group, ask_twice, pool));
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(pool->made, 1);
}

/* Run as it is, then cancelled at its first checkpoint, its second, ..., then
 * with its first allocation failing, its second, ... */
TEST(nothing_is_lost_whatever_happens, (pool), .sweep = T_CANCEL | T_OOM) {
    char *note = bl_alloc(100);
    if (note == NULL) return;
    int rc = pool_take(pool);
    if (rc == 0) {
        snprintf(note, 100, "one of %d", pool->made);
        rc = bl_yield();
        pool_give_back(pool);
    }
    bl_free(note);
    CHECK_OK(rc);
}
