/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_workers.c - a server on each of several loops, at one port
 *
 * A *town* is a set of workers.  Each of the first has a *house*: a listener
 * that shares the port, and a server behind it.  The last worker is where the
 * visitors live, who ask over connections that the system spreads over the
 * houses.  What a house sees is its own, and is read when all have ended.
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include <belay.h>
#include <belay/http.h>

#include "support/host.h"

enum {
    HOUSES = 3,
    VISITORS = 12,
    VISITS = 16,     /* of each visitor */
    VISITS_MAX = 64, /* of all, before a stop amid them */
    ANSWER_BYTES = 5000
};

struct town;

/* A server, and what it has done. */
struct house {
    struct town *town;
    bl_event stop;
    bl_http_stats stats;
    int rc; /* of serving */
};

struct town {
    bl_channel *addresses[HOUSES]; /* of bl_addr: a house tells the next */
    bl_channel *begun;             /* of int: a handler waits for the stop */
    bl_channel *closing;           /* holds nothing: its end stops all */
    bl_http_handler *handler;
    bl_task_fn *visit; /* the root of the last worker */
    bool is_patient;   /* a house that is cancelled answers what it began */
    struct house houses[HOUSES];
    int rc; /* of the workers */

    /* The last worker's alone. */
    bl_http_client *client;
    char url[BL_ADDR_TEXT_BYTES + 32];
    int answer_count;
    int wrong_count;   /* answers that are not whole, or not the right ones */
    int failure_count; /* of visitors, who were turned away */
};

/* ---- houses -------------------------------------------------------------- */

/* A long answer, which ends with the question. */
static int answer(bl_http_exchange *exchange, void *arg) {
    char body[ANSWER_BYTES + 1];
    (void)arg;
    snprintf(body, sizeof body, "%*s", ANSWER_BYTES, exchange->path);
    return bl_http_reply_text(exchange, 200, body);
}

/* Answers when the server stops, and not before. */
static int answer_at_the_end(bl_http_exchange *exchange, void *arg) {
    struct house *house = arg;
    int one = 1;
    bl_scope scope = { 0 };
    bl_scope_options options = { .size = sizeof options,
                                 .token = bl_http_stop_token(exchange) };
    BL_TRY(bl_channel_try_put(house->town->begun, &one));
    BL_TRY(bl_scope_enter_with(&scope, &options));
    BL_TRY(bl_scope_exit(&scope, bl_sleep(BL_FOREVER)));
    return answer(exchange, arg);
}

/* The first house picks the port; all open one after the other. */
static int open_house(struct town *town, uint32_t index,
                      bl_listener **listener) {
    bl_addr address;
    bl_listen_options options = { .size = sizeof options,
                                  .is_port_shared = true };
    if (index == 0) {
        BL_TRY(bl_addr_parse("127.0.0.1:0", &address));
    } else {
        BL_TRY(bl_channel_get(town->addresses[index - 1], &address));
    }
    BL_TRY(bl_listen(&address, &options, listener));
    address = bl_listener_address(*listener);
    return bl_channel_put(town->addresses[index], &address);
}

/* Stops a house when all are stopped, or cancelled. */
static int await_closing(void *arg) {
    struct house *house = arg;
    int item;
    int rc = bl_channel_get(house->town->closing, &item);
    bl_event_set(&house->stop);
    return rc == BL_ESHUTDOWN ? 0 : rc;
}

static int serve(struct house *house, bl_listener *listener) {
    bl_http_options options = { .size = sizeof options,
                                .arg = house,
                                .stop = &house->stop,
                                .stats = &house->stats };
    if (!house->town->is_patient) {
        return bl_http_serve(listener, house->town->handler, &options);
    }
    int rc = BL_ECANCELED;
    BL_SHIELD(BL_SHIELD_FOREVER) {
        rc = bl_http_serve(listener, house->town->handler, &options);
    }
    return rc;
}

static int run_house(struct town *town, uint32_t index) {
    struct house *house = &town->houses[index];
    bl_listener *listener;
    int rc = 0;
    house->town = town;
    bl_event_init(&house->stop);
    BL_TRY(open_house(town, index, &listener));
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, await_closing, house);
        if (rc < 0) {
            bl_listener_close(listener);
        } else {
            rc = house->rc = serve(house, listener);
        }
    }
    return rc;
}

/* ---- visitors ------------------------------------------------------------ */

static bool is_whole(const bl_http_answer *got, const char *path) {
    size_t bytes = strlen(path);
    return got->status == 200 && got->body_bytes == ANSWER_BYTES &&
           strcmp(got->body + ANSWER_BYTES - bytes, path) == 0;
}

/* Asks once, over a kept connection or, if it is final, the last time. */
static int ask(struct town *town, int number, bool is_final) {
    char path[32];
    char url[sizeof town->url + sizeof path];
    bl_http_answer *got;
    bl_http_call_options options = { .size = sizeof options,
                                     .is_final = is_final };
    snprintf(path, sizeof path, "/%d", number);
    snprintf(url, sizeof url, "%s%s", town->url, path);
    BL_TRY(bl_http_send(town->client, "GET", url, &options, &got));
    town->answer_count++;
    if (!is_whole(got, path)) town->wrong_count++;
    bl_http_answer_free(got);
    return 0;
}

/* For visitors who expect to find the houses closed one day. */
static int turned_away(struct town *town, int rc) {
    if (rc < 0) town->failure_count++;
    return rc == BL_ECANCELED ? rc : 0;
}

static int visit_often(void *arg) {
    struct town *town = arg;
    for (int i = 0; i < VISITS; i++)
        BL_TRY(ask(town, i, i % 2 == 1));
    return 0;
}

/* Comes until nobody is there any more, and is the one to have all stopped
 * once there were enough visits. */
static int visit_to_the_end(void *arg) {
    struct town *town = arg;
    int rc = 0;
    for (int i = 0; rc == 0; i++) {
        rc = ask(town, i, i % 4 == 3);
        if (town->answer_count == VISITS_MAX) {
            bl_channel_shutdown(town->closing);
        }
    }
    return turned_away(town, rc);
}

static int visit_once(void *arg) {
    return ask(arg, 0, false);
}

static int visit_in_vain(void *arg) {
    return turned_away(arg, ask(arg, 0, false));
}

/* Knows where the houses are, once all are open. */
static int open_client(struct town *town) {
    bl_addr address;
    char text[BL_ADDR_TEXT_BYTES];
    bl_http_client_options options = { .size = sizeof options,
                                       .proxy = "",
                                       .host_connections_max = VISITORS };
    BL_TRY(bl_channel_get(town->addresses[HOUSES - 1], &address));
    bl_addr_format(&address, text, sizeof text);
    snprintf(town->url, sizeof town->url, "http://%s", text);
    return bl_http_client_open(&options, &town->client);
}

static int send_visitors(struct town *town, bl_group *group, bl_task_fn *fn) {
    int rc = 0;
    for (int i = 0; i < VISITORS && rc == 0; i++)
        rc = bl_spawn(group, fn, town);
    return rc;
}

static int visit_with(struct town *town, bl_task_fn *fn) {
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = send_visitors(town, group, fn);
    }
    return rc;
}

static int stop_amid_visits(void *arg) {
    return visit_with(arg, visit_to_the_end);
}

/* All visits are over when the houses are stopped. */
static int visit_and_stop(void *arg) {
    struct town *town = arg;
    int rc = visit_with(town, visit_often);
    bl_channel_shutdown(town->closing);
    return rc;
}

static int await_begun(struct town *town) {
    int one;
    for (int i = 0; i < VISITORS; i++)
        BL_TRY(bl_channel_get(town->begun, &one));
    return 0;
}

/* All are stopped with every visitor waiting for an answer. */
static int stop_visits_under_way(void *arg) {
    struct town *town = arg;
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = send_visitors(town, group, visit_once);
        if (rc == 0) rc = await_begun(town);
        if (rc == 0) bl_channel_shutdown(town->closing);
    }
    return rc;
}

static int cancel_all(struct town *town, bl_task_fn *fn) {
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = send_visitors(town, group, fn);
        if (rc == 0) rc = await_begun(town);
        bl_thread_workers_cancel(bl_workers_running(), "test");
    }
    return rc;
}

static int cancel_all_under_way(void *arg) {
    return cancel_all(arg, visit_in_vain);
}

/* Those who ask want their answers, although all are cancelled. */
static int cancel_all_and_hear(void *arg) {
    int rc = BL_ECANCELED;
    BL_SHIELD(BL_SHIELD_FOREVER) {
        rc = cancel_all(arg, visit_once);
    }
    return rc;
}

/* ---- a town -------------------------------------------------------------- */

static int live(void *arg) {
    struct town *town = arg;
    uint32_t index = bl_worker_index();
    if (index < HOUSES) return run_house(town, index);
    BL_TRY(open_client(town));
    int rc = town->visit(town);
    bl_http_client_close(town->client);
    return rc;
}

static void run_town(void *arg) {
    struct town *town = arg;
    bl_loop_options loop = { .size = sizeof loop, .is_quiet = true };
    bl_workers_options options = { .size = sizeof options,
                                   .count = HOUSES + 1,
                                   .loop = &loop };
    town->rc = bl_run_workers_with(live, town, &options);
    bl_error_handled();
}

/* What all houses have done together. */
static bl_http_stats live_through(struct town *town) {
    bl_http_stats all = { .requests = 0 };
    for (int i = 0; i < HOUSES; i++)
        REQUIRE_OK(bl_channel_new(sizeof(bl_addr), 1, &town->addresses[i]));
    REQUIRE_OK(bl_channel_new(sizeof(int), VISITORS, &town->begun));
    REQUIRE_OK(bl_channel_new(sizeof(int), 1, &town->closing));
    on_thread(run_town, town);
    bl_channel_unref(town->closing);
    bl_channel_unref(town->begun);
    for (int i = 0; i < HOUSES; i++) {
        const bl_http_stats *stats = &town->houses[i].stats;
        bl_channel_unref(town->addresses[i]);
        CHECK_EQ(stats->connections.active, 0);
        all.connections.accepted += stats->connections.accepted;
        all.connections.failed += stats->connections.failed;
        all.requests += stats->requests;
        all.failed += stats->failed;
        all.drained += stats->drained;
        all.cut += stats->cut;
    }
    CHECK_OK(town->rc);
    CHECK_EQ(town->wrong_count, 0);
    return all;
}

TEST(houses_at_one_port_share_the_visits, .clock = T_CLOCK_REAL) {
    struct town town = { .handler = answer, .visit = visit_and_stop };
    bl_http_stats all = live_through(&town);
    CHECK_EQ(town.answer_count, VISITORS * VISITS);
    CHECK_EQ(all.requests, VISITORS * VISITS);
    CHECK_EQ(all.failed, 0);
    CHECK_EQ(all.cut, 0);
    CHECK_LT(all.connections.accepted, all.requests); /* some were kept */
    for (int i = 0; i < HOUSES; i++) {
        CHECK_OK(town.houses[i].rc);
        CHECK_GT(town.houses[i].stats.requests, 0);
    }
}

TEST(a_stop_of_all_amid_visits_loses_no_answer, .clock = T_CLOCK_REAL) {
    for (int i = 0; i < 20; i++) {
        struct town town = { .handler = answer, .visit = stop_amid_visits };
        bl_http_stats all = live_through(&town);
        CHECK_GE(town.answer_count, VISITS_MAX);
        CHECK_EQ(all.requests, town.answer_count);
        CHECK_EQ(town.failure_count, VISITORS);
        CHECK_EQ(all.failed, 0);
        CHECK_EQ(all.connections.failed, 0);
        CHECK_EQ(all.cut, 0);
    }
}

TEST(a_stop_of_all_lets_every_house_answer_what_it_began,
     .clock = T_CLOCK_REAL) {
    struct town town = { .handler = answer_at_the_end,
                         .visit = stop_visits_under_way };
    bl_http_stats all = live_through(&town);
    CHECK_EQ(town.answer_count, VISITORS);
    CHECK_EQ(all.requests, VISITORS);
    CHECK_EQ(all.drained, VISITORS);
    CHECK_EQ(all.cut, 0);
}

TEST(cancelled_workers_cut_their_visits, .clock = T_CLOCK_REAL) {
    struct town town = { .handler = answer_at_the_end,
                         .visit = cancel_all_under_way };
    bl_http_stats all = live_through(&town);
    CHECK_EQ(town.answer_count, 0);
    CHECK_EQ(town.failure_count, VISITORS);
    CHECK_EQ(all.requests, VISITORS);
    for (int i = 0; i < HOUSES; i++)
        CHECK_ERR(town.houses[i].rc, BL_ECANCELED);
}

TEST(cancelled_workers_answer_what_they_began_in_a_shield,
     .clock = T_CLOCK_REAL) {
    struct town town = { .handler = answer_at_the_end,
                         .visit = cancel_all_and_hear,
                         .is_patient = true };
    bl_http_stats all = live_through(&town);
    CHECK_EQ(town.answer_count, VISITORS);
    CHECK_EQ(all.drained, VISITORS);
    CHECK_EQ(all.cut, 0);
    for (int i = 0; i < HOUSES; i++)
        CHECK_OK(town.houses[i].rc);
}
