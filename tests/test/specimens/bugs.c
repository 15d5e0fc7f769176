/* SPDX-License-Identifier: MIT */
/*
 * specimens/bugs.c - planted bugs that the plain run of a test does not meet
 *
 * A pool lends out one connection.  Each bug is one that people write: a wait
 * that looks and then waits, with a yield in between; a count that is not
 * rolled back when a call is cancelled; a connection that is used after
 * another task has freed it.
 */
#include <string.h>

#include <belay/test.h>

struct pool {
    int idle;
    int made;
    int made_max;
    bl_event freed;
    bool has_window; /* the first bug */
    bool rolls_back; /* without it, the second */
};

/* Connecting takes a moment, and may be called off. */
static int pool_connect(struct pool *pool) {
    pool->made++;
    int rc = bl_sleep(MS(1));
    if (rc < 0 && pool->rolls_back) {
        pool->made--;
        bl_event_set(&pool->freed); /* it is somebody else's turn */
    }
    return rc;
}

static int pool_get(struct pool *pool) {
    while (pool->idle == 0) {
        if (pool->made < pool->made_max) return pool_connect(pool);
        if (pool->has_window) {
            int rc = bl_yield(); /* a line of log, say */
            if (rc < 0) return rc;
        }
        bl_event_clear(&pool->freed);
        int rc = bl_event_wait(&pool->freed);
        if (rc < 0) return rc;
    }
    pool->idle--;
    return 0;
}

static void pool_put(struct pool *pool) {
    pool->idle++;
    bl_event_set(&pool->freed);
}

FIXTURE(struct pool *, pool) {
    struct pool *made = bl_alloc(sizeof *made);
    REQUIRE_NE(made, NULL);
    *made = (struct pool){ .made_max = 1,
                           .freed = BL_EVENT_INIT,
                           .rolls_back = true };
    YIELD(made);
    CHECK_EQ(made->idle, made->made); /* nothing that was lent out is lost */
    bl_free(made);
}

static int user(void *arg) {
    struct pool *pool = arg;
    int rc = pool_get(pool);
    if (rc < 0) return rc;
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = bl_yield();
    }
    pool_put(pool);
    return rc;
}

/* The first bug: a wake-up is lost between looking and waiting. */
TEST(a_lost_wakeup, (pool), .tags = "order") {
    BL_GROUP_SCOPED(users);
    pool->has_window = true;
    for (int i = 0; i < 3; i++) {
        REQUIRE_OK(bl_spawn(&users, user, pool));
    }
    REQUIRE_OK(bl_group_exit(&users, 0));
    CHECK_EQ(pool->made, 1);
}

TEST(no_lost_wakeup, (pool), .tags = "order") {
    BL_GROUP_SCOPED(users);
    for (int i = 0; i < 3; i++) {
        REQUIRE_OK(bl_spawn(&users, user, pool));
    }
    REQUIRE_OK(bl_group_exit(&users, 0));
    CHECK_EQ(pool->made, 1);
}

static void get_and_put(struct pool *pool) {
    char *scratch = bl_alloc(100);
    if (scratch == NULL) return;
    if (pool_get(pool) == 0) {
        BL_IGNORE(bl_yield());
        pool_put(pool);
    }
    bl_free(scratch);
}

/* The second bug: who is cancelled while connecting takes it along. */
TEST(a_lost_connection, (pool), .tags = "cancel") {
    pool->rolls_back = false;
    get_and_put(pool);
}

TEST(no_lost_connection, (pool), .tags = "cancel") {
    get_and_put(pool);
}

/* The third bug: one task frees what another one still looks at. */
struct connection {
    char *name;
    bl_event closed;
};

static int closer(void *arg) {
    struct connection *connection = arg;
    int rc = bl_sleep(MS(1));
    bl_free(connection->name);
    bl_event_set(&connection->closed);
    return rc;
}

static int reader(void *arg) {
    struct connection *connection = arg;
    int rc = bl_sleep(MS(1));
    if (rc < 0) return rc;
    CHECK_STR(connection->name, "alpha");
    return 0;
}

TEST(a_use_after_free, .tags = "order") {
    BL_GROUP_SCOPED(group);
    struct connection connection = { .closed = BL_EVENT_INIT };
    connection.name = bl_alloc(6);
    REQUIRE_NE(connection.name, NULL);
    memcpy(connection.name, "alpha", 6);
    REQUIRE_OK(bl_spawn(&group, reader, &connection));
    REQUIRE_OK(bl_spawn(&group, closer, &connection));
    REQUIRE_OK(bl_group_exit(&group, 0));
}

/* Needs one order of three tasks, of the 24 that there are of four. */
static int order[8];
static int order_count;

static int note_number(void *arg) {
    order[order_count++] = *(int *)arg;
    return 0;
}

static void run_numbers(void) {
    static int numbers[] = { 0, 1, 2, 3 };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 4; i++) {
        REQUIRE_OK(bl_spawn(&group, note_number, &numbers[i]));
    }
    REQUIRE_OK(bl_group_exit(&group, 0));
}

TEST(one_order_of_many, .tags = "order") {
    run_numbers();
    CHECK(!(order[0] == 3 && order[1] == 1 && order[2] == 2));
}

/* Tells its order, and the numbers it draws. */
TEST(tells_its_order, (t_rng), .tags = "tells") {
    run_numbers();
    printf("order %d%d%d%d drew %llu\n", order[0], order[1], order[2], order[3],
           (unsigned long long)t_rng_below(t_rng, 1000));
}

/* Fails whenever the order is not the plain one; but twice in two ways. */
TEST(two_failures, .tags = "order") {
    run_numbers();
    if (order[0] == 3) t_fail("the fourth was first");
    CHECK(order[0] == 0 || order[1] != 0);
}

/* Some orders never end. */
TEST(hangs_in_trials, .tags = "order", .watchdog = MS(300)) {
    run_numbers();
    while (order[0] == 0 && order[1] != 1) {}
    CHECK_NE(order[0], 3);
}
