/* SPDX-License-Identifier: MIT */
/*
 * docs/test_guide.c - what docs/guide/testing.md shows
 *
 * The page shows parts of this file word for word, so it is written as one
 * would write it for a project: the code under test, then its tests.
 */
#include <belay/test.h>

#include <string.h>

/* ---- the code under test ------------------------------------------------- */

/* A service that others wait for, and that is stopped in good order. */
struct service {
    bl_event ready;
    bl_event stopping;
    bl_task *task;
    int asked;
};

static int service_run(void *arg) {
    struct service *service = arg;
    int rc = bl_sleep(BL_MS(200)); /* reads its tables */
    if (rc < 0) return rc;
    bl_event_set(&service->ready);
    rc = bl_event_wait(&service->stopping);
    if (rc < 0) return rc;
    return bl_sleep(BL_MS(50)); /* writes them back */
}

static int service_start(struct service *service, bl_group *group) {
    *service =
        (struct service){ .ready = BL_EVENT_INIT, .stopping = BL_EVENT_INIT };
    return bl_spawn_task(group, service_run, service, &service->task);
}

static int service_ask(struct service *service) {
    int rc = bl_event_wait(&service->ready);
    if (rc < 0) return rc;
    return ++service->asked;
}

static int service_stop(struct service *service) {
    bl_event_set(&service->stopping);
    int rc = bl_task_join(service->task, NULL);
    bl_task_unref(service->task);
    return rc;
}

/* Fails the first times. */
struct link {
    int failures;
    int calls;
};

static int link_open(struct link *link) {
    return ++link->calls <= link->failures ? BL_ECONNREFUSED : 0;
}

/* Tries again and again, pausing a second, two, four. */
static int link_open_patiently(struct link *link) {
    int rc = link_open(link);
    for (int i = 0; i < 4 && rc == BL_ECONNREFUSED; i++) {
        rc = bl_sleep(BL_SEC(1 << i));
        if (rc < 0) return rc;
        rc = link_open(link);
    }
    return rc;
}

/* ---- the first four ------------------------------------------------------ */

TEST(a_queue_keeps_its_order) {
    bl_queue queue;
    int first = 1;
    int second = 2;
    int got = 0;
    REQUIRE_OK(bl_queue_init(&queue, sizeof(int), 10));
    CHECK_OK(bl_queue_put(&queue, &first));
    CHECK_OK(bl_queue_put(&queue, &second));
    CHECK_OK(bl_queue_get(&queue, &got));
    CHECK_EQ(got, 1);
    bl_queue_done(&queue);
}

FIXTURE(struct service *, service) {
    struct service made;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(service_start(&made, &group));
    YIELD(&made);
    CHECK_OK(service_stop(&made));
}

TEST(the_service_answers, (service)) {
    CHECK_EQ(service_ask(service), 1);
    CHECK_EQ(service_ask(service), 2);
}

TEST(the_service_gets_ready, (service)) {
    REQUIRE_OK(bl_wait_for(bl_event_wait(&service->ready), SEC(1)));
}

PARAM(int, failures, 0, 1, 3);

TEST(a_link_is_tried_again, (failures)) {
    struct link link = { .failures = failures };
    CHECK_OK(link_open_patiently(&link));
    CHECK_EQ(link.calls, failures + 1);
}

/* ---- checks -------------------------------------------------------------- */

TEST(every_even_number_is_twice_another) {
    for (int i = 0; i < 10; i++) {
        T_INFO("number %d", i);
        CHECK_EQ((2 * i) % 2, 0);
    }
}

TEST(the_tree_of_tasks_is_as_it_was, (service)) {
    t_settle();
    CHECK_STR(t_task_tree(),
              "fixtures: waits for the tear-down\n"
              "  service: waits for YIELD\n"
              "    service_run: waits for sleep in bl_sleep(BL_MS(200))\n"
              "test: running\n");
    REQUIRE_OK(bl_event_wait(&service->ready));
    t_settle();
    CHECK_SNAPSHOT("service.txt", t_task_tree(), strlen(t_task_tree()));
}

/* ---- time ---------------------------------------------------------------- */

TEST(pauses_double, (failures)) {
    struct link link = { .failures = failures };
    TAKES(SEC((1 << failures) - 1)) CHECK_OK(link_open_patiently(&link));
}

TEST(the_service_takes_its_time, (service)) {
    CHECK_NEVER(bl_event_is_set(&service->ready), MS(199));
    REQUIRE_EVENTUALLY(bl_event_is_set(&service->ready), MS(10));
    CHECK_EQ(bl_now(), MS(200));
}

static int open_link(void *arg) {
    return link_open_patiently(arg);
}

TEST(time_is_moved_by_hand, .clock = T_CLOCK_MANUAL) {
    struct link link = { .failures = 2 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, open_link, &link));
    t_settle();
    CHECK_EQ(link.calls, 1);
    t_advance(SEC(1));
    CHECK_EQ(link.calls, 2);
    t_advance(SEC(2));
    CHECK_EQ(link.calls, 3);
    REQUIRE_OK(bl_group_exit(&group, 0));
}

/* ---- fixtures ------------------------------------------------------------ */

FIXTURE(int, answer, (service), .scope = T_TEST) { /* the scope by default */
    int number = service_ask(service);
    REQUIRE_OK(number);
    if (YIELD(number) != T_PASSED) {
        printf("the service was asked %d times\n", service->asked);
    }
}

TEST(a_fixture_may_need_another, (answer, service)) {
    CHECK_EQ(answer, 1);
    CHECK_EQ(service->asked, 1);
}

struct address_case {
    const char *text;
    int rc;
};

PARAM(struct address_case, address, { "127.0.0.1:80", 0 }, { "[::1]:80", 0 },
      { "127.0.0.1", BL_EINVAL }, { "", BL_EINVAL });

TEST(addresses_are_read, (address)) {
    bl_addr parsed;
    CHECK_ERR(bl_addr_parse(address.text, &parsed), address.rc);
}

TEST(what_is_written_can_be_read, (t_tmpdir, t_rng)) {
    char path[200];
    unsigned char written[64];
    unsigned char read[64];
    t_rng_fill(t_rng, written, sizeof written);
    snprintf(path, sizeof path, "%s/table", t_tmpdir);

    FILE *file = fopen(path, "w+e");
    REQUIRE_NE(file, NULL);
    CHECK_EQ(fwrite(written, 1, sizeof written, file), sizeof written);
    rewind(file);
    CHECK_EQ(fread(read, 1, sizeof read, file), sizeof read);
    fclose(file);
    CHECK_MEM(read, sizeof read, written, sizeof written);
}

/* ---- order --------------------------------------------------------------- */

static int second_step(void *arg) {
    SEQ(1) strcat(arg, "b");
    SEQ(3) strcat(arg, "d");
    return 0;
}

TEST(steps_of_two_tasks) {
    char steps[8] = "";
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, second_step, steps));
    SEQ(0) strcat(steps, "a");
    SEQ(2) strcat(steps, "c");
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_STR(steps, "abcd");
}
