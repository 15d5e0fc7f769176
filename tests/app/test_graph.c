/* SPDX-License-Identifier: MIT */
/*
 * tests/app/test_graph.c - names, circles, and the order of an app's services
 */
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include "support/cast.h"
#include "support/famine.h"

static int idle(bl_service *self, void *arg) {
    (void)self;
    (void)arg;
    return 0;
}

static void add(bl_app *app, const char *names) {
    for (; *names != '\0'; names++) {
        char name[2] = { *names, '\0' };
        bl_app_add(app, name, idle, NULL, NULL);
    }
}

/* Reads "ab" as: a requires b. */
static void require(bl_app *app, const char *pairs) {
    for (; *pairs != '\0'; pairs += pairs[2] == ' ' ? 3 : 2) {
        char from[2] = { pairs[0], '\0' };
        char to[2] = { pairs[1], '\0' };
        bl_app_requires(app, from, to, BL_DEP_RESTART_WITH);
    }
}

static bl_app *graph_of(const char *names, const char *pairs) {
    bl_app *app = bl_app_new(NULL);
    add(app, names);
    require(app, pairs);
    return app;
}

static const char *order_of(bl_app *app) {
    static char text[64];
    size_t i = 0;
    for (; bl_app_at(app, i) != NULL; i++)
        text[i] = bl_service_name(bl_app_at(app, i))[0];
    text[i] = '\0';
    return text;
}

static const char *complaint(int rc) {
    return bl_error_text(rc);
}

/* ---- the order ----------------------------------------------------------- */

TEST(without_edges_the_order_is_that_of_adding) {
    bl_app *app = bl_app_new(NULL);
    add(app, "cab");
    CHECK(bl_app_at(app, 0) == NULL); /* not checked yet */
    REQUIRE_OK(bl_app_check(app));
    CHECK_STR(order_of(app), "cab");
    bl_app_free(app);
}

TEST(what_is_required_comes_first) {
    bl_app *app = graph_of("abcd", "ab ac bd cd");
    REQUIRE_OK(bl_app_check(app));
    CHECK_STR(order_of(app), "dbca");
    bl_app_free(app);
}

TEST(what_is_required_may_be_added_later) {
    bl_app *app = graph_of("a", "ab");
    CHECK_ERR(bl_app_check(app), BL_ENOENT);
    add(app, "b");
    REQUIRE_OK(bl_app_check(app));
    CHECK_STR(order_of(app), "ba");
    bl_app_free(app);
}

TEST(after_orders_and_does_not_need) {
    bl_app *app = bl_app_new(NULL);
    add(app, "ab");
    bl_app_after(app, "a", "b");
    bl_app_after(app, "a", "nobody");
    REQUIRE_OK(bl_app_check(app));
    CHECK_STR(order_of(app), "ba");
    CHECK(bl_app_dep_lost(app, "a", "b") == NULL); /* not required */
    bl_app_free(app);
}

/* ---- what is wrong ------------------------------------------------------- */

static void check_circle(bl_app *app, const char *path) {
    CHECK_ERR(bl_app_check(app), BL_EDEADLK);
    CHECK_CONTAINS(complaint(BL_EDEADLK), path);
    CHECK(strchr(complaint(BL_EDEADLK), 'x') == NULL); /* is not in it */
    bl_app_free(app);
}

TEST(a_circle_is_shown_as_a_path) {
    check_circle(graph_of("xabcd", "xa ab bc ca"), "a -> b -> c -> a");
}

TEST(a_service_cannot_require_itself) {
    check_circle(graph_of("a", "aa"), "a -> a");
}

TEST(a_circle_of_after_is_a_circle_too) {
    bl_app *app = bl_app_new(NULL);
    add(app, "ab");
    bl_app_after(app, "a", "b");
    require(app, "ba");
    check_circle(app, "a -> b -> a");
}

TEST(a_circle_that_is_too_long_is_cut) {
    bl_app *app = bl_app_new(NULL);
    char name[32];
    char next[32];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "service-number-%d", i);
        snprintf(next, sizeof next, "service-number-%d", (i + 1) % 100);
        bl_app_add(app, name, idle, NULL, NULL);
        bl_app_requires(app, name, next, BL_DEP_KEEP);
    }
    check_circle(app, "service-number-0 -> service-number-1");
}

TEST(an_unknown_name_brings_the_nearest) {
    bl_app *app = bl_app_new(NULL);
    bl_app_add(app, "database", idle, NULL, NULL);
    bl_app_add(app, "web", idle, NULL, NULL);
    bl_app_requires(app, "web", "databsae", BL_DEP_KEEP);
    int rc = bl_app_check(app);
    CHECK_ERR(rc, BL_ENOENT);
    CHECK_CONTAINS(complaint(rc), "there is no service \"databsae\"");
    CHECK_CONTAINS(complaint(rc), "did you mean \"database\"?");
    bl_app_free(app);
}

TEST(an_unknown_name_like_no_other_brings_none) {
    bl_app *app = bl_app_new(NULL);
    add(app, "ab");
    bl_app_requires(app, "somebody", "b", BL_DEP_KEEP);
    int rc = bl_app_check(app);
    CHECK_ERR(rc, BL_ENOENT);
    CHECK_CONTAINS(complaint(rc), "there is no service \"somebody\"");
    CHECK(strstr(complaint(rc), "did you mean") == NULL);
    bl_app_free(app);
}

TEST(errors_of_building_are_remembered_and_the_first_one_counts) {
    bl_app *app = bl_app_new(NULL);
    add(app, "a");
    CHECK(bl_app_add(app, "a", idle, NULL, NULL) == NULL);
    CHECK(bl_app_add(app, "", idle, NULL, NULL) == NULL);
    CHECK(bl_app_add(app, "b", idle, NULL, NULL) == NULL); /* it is broken */
    int rc = bl_app_check(app);
    CHECK_ERR(rc, BL_EEXIST);
    CHECK_CONTAINS(complaint(rc), "two services are called \"a\"");
    bl_app_free(app);
}

struct bad {
    const char *what;
    void (*build)(bl_app *app);
    int rc;
    const char *why;
};

static void no_name(bl_app *app) {
    CHECK(bl_app_add(app, NULL, idle, NULL, NULL) == NULL);
}
static void long_name(bl_app *app) {
    bl_app_add(app, "a name that has thirty-two bytes", idle, NULL, NULL);
}
static void no_run(bl_app *app) {
    bl_app_add(app, "a", NULL, NULL, NULL);
}
static void bad_service_options(bl_app *app) {
    bl_service_options options = { .size = sizeof options, .stop_timeout = -1 };
    bl_app_add(app, "a", idle, NULL, &options);
}
static void half_edge(bl_app *app) {
    add(app, "a");
    bl_app_requires(app, "a", NULL, BL_DEP_KEEP);
}
static void bad_edge(bl_app *app) {
    add(app, "ab");
    bl_app_requires(app, "a", "b", (bl_dep_fail)99);
}
static void optional_nobody(bl_app *app) {
    bl_app_set_optional(app, "nobody");
}
static void together_nobody(bl_app *app) {
    add(app, "a");
    bl_app_restart_together(app, "a", NULL);
}

static const struct bad bads[] = {
    { "no name", no_name, BL_EINVAL,
      "a service needs a name of 1 to 31 bytes" },
    { "a long name", long_name, BL_EINVAL,
      "a service needs a name of 1 to 31 bytes" },
    { "no run", no_run, BL_EINVAL, "service \"a\" has no function to run" },
    { "bad options", bad_service_options, BL_EINVAL,
      "service \"a\": stop_timeout is negative" },
    { "half an edge", half_edge, BL_EINVAL, "a dependency needs two names" },
    { "a bad edge", bad_edge, BL_EINVAL,
      "\"a\" requires \"b\" in no known way" },
    { "optional nobody", optional_nobody, BL_ENOENT,
      "no service is called \"nobody\" yet" },
    { "together with nobody", together_nobody, BL_ENOENT,
      "no service is called \"\" yet" },
};

TEST(each_kind_of_misuse_is_said_by_check) {
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        bl_app *app = bl_app_new(NULL);
        T_INFO("%s", bads[i].what);
        bads[i].build(app);
        int rc = bl_app_check(app);
        CHECK_EQ(rc, bads[i].rc);
        CHECK_STR(complaint(rc), bads[i].why);
        bl_app_free(app);
    }
}

static int load_nothing(bl_app *app, void **config, void *context) {
    (void)app;
    (void)config;
    (void)context;
    return 0;
}

TEST(bad_options_of_an_app_are_remembered) {
    static const bl_loop_options no_loop = { .size = 1 };
    enum {
        GOOD = sizeof(bl_app_options)
    };
    static const struct {
        bl_app_options options;
        const char *why;
    } wrong[] = {
        { { .size = 1 }, "size is not sizeof(bl_app_options)" },
        { { .size = GOOD, .stop_deadline = -1 }, "stop_deadline is negative" },
        { { .size = GOOD, .force_grace = -1 }, "force_grace is negative" },
        { { .size = GOOD, .ready_fd = -1 }, "ready_fd is negative" },
        { { .size = GOOD, .load = load_nothing },
          "load and unload are there together, or neither is" },
        { { .size = GOOD, .loop = &no_loop },
          "loop->size is not sizeof(bl_loop_options)" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        T_INFO("%s", wrong[i].why);
        bl_app *app = bl_app_new(&wrong[i].options);
        CHECK_ERR(bl_app_check(app), BL_EINVAL);
        CHECK_CONTAINS(complaint(BL_EINVAL), wrong[i].why);
        bl_app_free(app);
    }
}

TEST(without_memory_it_says_so) {
    famine_begin(0);
    bl_app *app = bl_app_new(NULL);
    famine_end();
    CHECK(app == NULL);
    CHECK(bl_app_add(app, "a", idle, NULL, NULL) == NULL);
    bl_app_requires(app, "a", "b", BL_DEP_KEEP);
    bl_app_after(app, "a", "b");
    bl_app_set_optional(app, "a");
    bl_app_restart_together(app, "a", "b");
    CHECK_ERR(bl_app_check(app), BL_ENOMEM);
    CHECK(bl_app_find(app, "a") == NULL);
    CHECK(bl_app_at(app, 0) == NULL);
    bl_app_free(app);
    for (int spare = 1; spare < 4; spare++) {
        famine_begin(spare);
        app = bl_app_new(NULL);
        add(app, "ab");
        require(app, "ab");
        famine_end();
        CHECK_ERR(bl_app_check(app), BL_ENOMEM);
        bl_app_free(app);
    }
}
