/* SPDX-License-Identifier: MIT */
/*
 * tests/app/test_crowd.c - very many connections, and a stop
 *
 *     Legs: solo
 */
#include <belay/test.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "support/sockets.h"

enum {
    CROWD_MAX = 10000,
    CROWD_MIN = 4000,
    BATCH = 50, /* at a time in the listener's queue */
    SPARE = 100 /* descriptors for everything else */
};

struct hall {
    bl_app *app;
    bl_addr address;
    bl_stream *guests[CROWD_MAX];
    char line[256]; /* the last */
};

static void on_line(const char *line, void *context) {
    struct hall *hall = context;
    if (strstr(line, "drained") == NULL) return;
    snprintf(hall->line, sizeof hall->line, "%s", line);
}

/* Answers one word, and again. */
static int greet(bl_connection *connection) {
    char word[2];
    for (;;) {
        int rc = bl_connection_wait(connection);
        if (rc <= 0) return rc;
        rc = bl_stream_read_exactly(connection->stream, word, 2, NULL);
        if (rc == 0) {
            rc = bl_stream_write_all(connection->stream, word, 2, NULL);
        }
        if (rc < 0) return rc;
    }
}

static int hall_run(bl_service *self, void *arg) {
    struct hall *hall = arg;
    bl_listener *listener;
    bl_addr any = loopback();
    int rc = bl_app_listen(hall->app, "hall", &any, NULL, &listener);
    if (rc < 0) return rc;
    hall->address = bl_listener_address(listener);
    return bl_service_serve(self, listener, greet, NULL);
}

/* As many as the limit of descriptors allows, which have two ends here. */
static int crowd_size(void) {
    struct rlimit limit;
    REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur >= 2 * CROWD_MAX + SPARE) return CROWD_MAX;
    int count = ((int)limit.rlim_cur - SPARE) / 2;
    if (count < CROWD_MIN) t_skip("only %d descriptors", (int)limit.rlim_cur);
    return count;
}

/* Each has spoken, and been answered, so that it is idle and not new. */
static void come(struct hall *hall, int first, int end) {
    char word[2];
    for (int i = first; i < end; i++) {
        REQUIRE_OK(bl_connect(&hall->address, NULL, &hall->guests[i]));
        REQUIRE_OK(bl_stream_write_all(hall->guests[i], "hi", 2, NULL));
    }
    for (int i = first; i < end; i++)
        REQUIRE_OK(bl_stream_read_exactly(hall->guests[i], word, 2, NULL));
}

/* The most that the process has ever had, in KiB. */
static long memory_peak(void) {
    struct rusage usage;
    REQUIRE_EQ(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

/* A wake-up for nothing, as hard mode makes them, has a handler read. */
TEST(a_crowd_of_idle_connections_ends_at_once_and_takes_no_memory,
     .tags = "order") {
    static struct hall hall;
    bl_app_options options = { .size = sizeof options,
                               .log = on_line,
                               .log_context = &hall };
    char wanted[64];
    int count = crowd_size();
    BL_GROUP_SCOPED(group);
    hall.app = bl_app_new(&options);
    bl_app_add(hall.app, "hall", hall_run, &hall, NULL);
    REQUIRE_OK(bl_app_start(hall.app, &group));
    for (int i = 0; i < count; i += BATCH)
        come(&hall, i, i + BATCH < count ? i + BATCH : count);
    long before = memory_peak();
    TAKES(0) CHECK_OK(bl_app_stop(hall.app));
    CHECK_LE(memory_peak() - before, 1024); /* 100 bytes for each */
    snprintf(wanted, sizeof wanted, "drained %d, cut 0", count);
    CHECK_CONTAINS(hall.line, wanted);
    for (int i = 0; i < count; i++)
        CHECK_OK(bl_stream_close(hall.guests[i]));
    CHECK_OK(bl_group_exit(&group, 0));
    bl_app_free(hall.app);
}
