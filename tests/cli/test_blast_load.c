/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_blast_load.c - a load, in virtual time, on servers that fail
 *
 * Server and load share a loop, so an hour takes no time, and every latency is
 * exactly what the server made of it.
 *
 *     Legs: sweep
 */
#include <stdlib.h>
#include <string.h>

#include <belay/test.h>

#include "cli/blast_load.h"

/* A server, and how it misbehaves. */
struct house {
    bl_listener *listener;
    bl_ns stall_from; /* it answers nothing from here */
    bl_ns stall_to;   /* to here */
    bl_ns pause;      /* before each answer */
    int answers_max;  /* of one connection, then it closes; 0: no limit */
    int deaf_count;   /* so many connections are closed at once */
    int cut_at;       /* this answer, from 1, is only begun; 0: none is */
    bool is_wrong;    /* it sends other bytes back */
    bool is_bulk;     /* it sends back whatever comes, and stops for it */
    int connections;
    int answered;
};

static int answer(bl_connection *connection, const char *bytes, size_t count) {
    struct house *house = connection->arg;
    bl_ns now = bl_now();

    if (now >= house->stall_from && now < house->stall_to) {
        int rc = bl_sleep_until(house->stall_to);
        if (rc < 0) return rc;
    }
    int rc = house->pause > 0 ? bl_sleep(house->pause) : 0;
    if (rc < 0) return rc;
    house->answered++;
    if (house->answered == house->cut_at) {
        rc = bl_stream_write_all(connection->stream, bytes, 1, NULL);
        return rc < 0 ? rc : BL_EIO;
    }
    return bl_stream_write_all(connection->stream,
                               house->is_wrong ? "wrong" : bytes, count, NULL);
}

static int serve_bulk(bl_connection *connection) {
    static char bytes[65536];

    for (;;) {
        bl_ssize count =
            bl_stream_read(connection->stream, bytes, sizeof(bytes));
        if (count <= 0) return (int)count;
        int rc =
            bl_stream_write_all(connection->stream, bytes, (size_t)count, NULL);
        if (rc < 0) return rc;
    }
}

static int serve_one(bl_connection *connection) {
    struct house *house = connection->arg;
    char bytes[5];

    if (house->connections < house->deaf_count) {
        house->connections++;
        return 0;
    }
    if (house->is_bulk) return serve_bulk(connection);

    house->connections++;
    for (int i = 0; house->answers_max == 0 || i < house->answers_max; i++) {
        int rc = bl_stream_read_exactly(connection->stream, bytes,
                                        sizeof(bytes), NULL);
        if (rc == BL_ECONNRESET) return 0;
        if (rc == 0) rc = answer(connection, bytes, sizeof(bytes));
        if (rc < 0) return rc;
    }
    return 0;
}

static int house_run(void *arg) {
    struct house *house = arg;
    bl_serve_options options = { .size = sizeof(options), .arg = house };
    bl_listener *listener = house->listener;
    house->listener = NULL; /* the server's from now on */
    return bl_serve(listener, serve_one, &options);
}

/* A load of "hello" on a house. */
struct visit {
    struct house house;
    struct blast_options options;
    struct blast_load load;
    struct blast_tally tally;
};

FIXTURE(struct visit *, visit) {
    struct visit *mine = calloc(1, sizeof(*mine));
    bl_addr any;
    REQUIRE(mine != NULL);
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &any));
    REQUIRE_OK(bl_tcp_listen(&any, &mine->house.listener));
    mine->options = (struct blast_options){
        .rate_milli = 100000,
        .duration = BL_SEC(10),
        .count = BLAST_COUNT_MAX,
        .connections = 4,
        .workers = 1,
        .timeout = BL_SEC(30),
        .reply_bytes = 5,
        .is_echo = true,
    };
    mine->load = (struct blast_load){
        .options = &mine->options,
        .wire = &blast_wire_bytes,
        .address = bl_listener_address(mine->house.listener),
        .request = (const unsigned char *)"hello",
        .request_bytes = 5,
    };
    YIELD(mine);
    bl_listener_close(mine->house.listener);
    free(mine);
}

/* Runs the load beside the house, and adds it up. */
static int run(struct visit *visit) {
    int rc;
    int loaded = 0;

    REQUIRE_OK(blast_load_init(&visit->load));
    BL_GROUP(group, rc) {
        rc = bl_spawn_daemon(group, house_run, &visit->house);
        if (rc == 0) loaded = blast_load_work(&visit->load, 0);
    }
    blast_load_sum(&visit->load, &visit->tally);
    uint64_t due = blast_load_due(&visit->load);
    CHECK_EQ(visit->tally.answered + visit->tally.failed + visit->tally.dropped,
             visit->tally.sent);
    CHECK_GE(due, visit->tally.sent);
    blast_load_done(&visit->load);
    CHECK_OK(rc);
    return loaded;
}

static bl_ns latency(const struct visit *visit, double share) {
    return histogram_percentile(&visit->tally.latency, share);
}

static bl_ns service(const struct visit *visit, double share) {
    return histogram_percentile(&visit->tally.service, share);
}

/* ---- the times ----------------------------------------------------------- */

TEST(a_server_without_delay_has_no_latency, (visit), .tags = "bulky") {
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.sent, 1000);
    CHECK_EQ(visit->tally.answered, 1000);
    CHECK_EQ(visit->tally.opened, 4);
    CHECK_EQ(visit->tally.waited, 0);
    CHECK_EQ(visit->tally.latency.max, 0);
    CHECK_EQ(visit->tally.lag.count, 1000);
    CHECK_EQ(visit->tally.lag.max, 0);
    CHECK_EQ(visit->tally.bytes_sent, 5000);
    CHECK_EQ(visit->tally.bytes_received, 5000);
    CHECK_EQ(visit->tally.last_done - visit->tally.first_due,
             BL_SEC(10) - BL_MS(10));
}

/*
 * The proof that omission is not coordinated.  While the server stands still
 * for a second, 100 requests become due.  They are answered when it goes on:
 * the first after 1 s, the next after 0.99 s, and so on.  Only four of them
 * could be sent meanwhile, so by the time from sending it looks as if 996 of
 * 1,000 requests had been answered at once.
 */
TEST(a_second_of_standstill_is_seen_by_every_request_in_it, (visit),
     .tags = "bulky") {
    bl_ns begin = bl_now() + BL_MS(2); /* the lead of the schedule */
    visit->house.stall_from = begin + BL_SEC(5);
    visit->house.stall_to = begin + BL_SEC(6);
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.answered, 1000);
    CHECK_EQ(visit->tally.waited, 96);

    /* Of 1,000: the slowest, the 11th slowest, the 100th, the 101st. */
    CHECK_EQ(latency(visit, 1), BL_SEC(1));
    CHECK_NEAR(latency(visit, 0.99), BL_MS(900), BL_MS(2));
    CHECK_NEAR(latency(visit, 0.901), BL_MS(10), BL_US(20));
    CHECK_EQ(latency(visit, 0.9), 0);
    CHECK_NEAR(histogram_mean(&visit->tally.latency), BL_US(50500), BL_US(1));

    CHECK_EQ(service(visit, 1), BL_SEC(1));
    CHECK_EQ(service(visit, 0.996), 0);
}

/* The same server, measured as most do it. */
TEST(a_closed_loop_sees_one_slow_answer_for_each_connection, (visit),
     .tags = "bulky") {
    visit->options.rate_milli = 0;
    visit->options.connections = 1;
    visit->house.pause = BL_MS(10);
    visit->house.stall_from = bl_now() + BL_SEC(5);
    visit->house.stall_to = bl_now() + BL_SEC(6);
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.sent, 900);
    CHECK_NEAR(latency(visit, 1), BL_SEC(1) + BL_MS(10), BL_MS(10));
    CHECK_NEAR(latency(visit, 0.998), BL_MS(10), BL_US(20));
}

TEST(a_server_too_slow_for_the_rate_leaves_requests_unsent, (visit),
     .tags = "bulky") {
    visit->house.pause = BL_MS(80); /* so 50 answers a second, of 100 */
    REQUIRE_OK(blast_load_init(&visit->load));
    blast_load_done(&visit->load);
    int rc = run(visit);
    CHECK_OK(rc);
    /* 11 s of work for four connections, as a tenth is for latecomers. */
    CHECK_NEAR((double)visit->tally.answered, 550.0, 4.0);
    CHECK_EQ(visit->tally.failed, 0);
    /* Requests of 10 s are spread over twice the time, so the last that is
     * answered was due in the middle. */
    CHECK_NEAR(visit->tally.latency.max, BL_MS(5500), BL_MS(200));
    CHECK_EQ(visit->tally.service.max, BL_MS(80));
}

TEST(warm_up_is_not_measured, (visit), .tags = "bulky") {
    visit->options.warmup = BL_SEC(2);
    CHECK_OK(run(visit));
    CHECK_EQ(visit->house.answered, 1200);
    CHECK_EQ(visit->tally.sent, 1000);
    CHECK_EQ(visit->tally.lag.count, 1000);
    CHECK_EQ(visit->tally.latency.count, 1000);
}

TEST(a_count_ends_it_in_either_loop, (visit)) {
    visit->options.count = 9;
    visit->options.duration = BL_FOREVER;
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.sent, 9);
}

TEST(a_count_ends_a_closed_loop, (visit)) {
    visit->options.count = 9;
    visit->options.duration = BL_FOREVER;
    visit->options.rate_milli = 0;
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.sent, 9);
    CHECK_EQ(visit->tally.lag.count, 0);
}

/* ---- failures ------------------------------------------------------------ */

static const struct blast_error *only_error(const struct visit *visit) {
    CHECK_EQ(visit->tally.errors[1].count, 0);
    CHECK_EQ(visit->tally.errors[0].count, visit->tally.failed);
    return &visit->tally.errors[0];
}

TEST(a_new_connection_for_each_request, (visit)) {
    visit->options.is_fresh = true;
    visit->options.count = 6;
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.answered, 6);
    CHECK_EQ(visit->tally.opened, 6);
    CHECK_EQ(visit->house.connections, 6);
}

TEST(connections_closed_while_idle_are_opened_anew, (visit)) {
    visit->house.answers_max = 2;
    visit->options.count = 12;
    visit->options.connections = 2;
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.answered, 12);
    CHECK_EQ(visit->tally.failed, 0);
    CHECK_GE(visit->tally.reopened, 4);
    CHECK_EQ(visit->tally.opened, 2 + visit->tally.reopened);
}

TEST(connections_that_were_never_used_are_opened_anew_too, (visit)) {
    visit->house.deaf_count = 4;
    visit->options.count = 8;
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.answered, 8);
    CHECK_GE(visit->tally.reopened, 1); /* each that had a request */
    CHECK_LE(visit->tally.reopened, 4);
}

TEST(a_new_connection_that_is_closed_at_once_is_a_failure, (visit)) {
    visit->house.deaf_count = 8;
    visit->options.is_fresh = true;
    visit->options.count = 10;
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.answered, 2);
    CHECK_EQ(visit->tally.failed, 8);
    CHECK_EQ(visit->tally.reopened, 0);
}

TEST(an_answer_that_ends_early_is_a_failure_once, (visit), .tags = "bulky") {
    visit->house.cut_at = 7;
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.answered, 999);
    const struct blast_error *error = only_error(visit);
    CHECK_EQ(error->count, 1);
    /* The server resets what it could not finish. */
    CHECK(error->phase == BLAST_CLOSED || error->phase == BLAST_RECEIVE);
}

TEST(other_bytes_are_a_mismatch, (visit), .tags = "bulky") {
    visit->house.is_wrong = true;
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.answered, 0);
    CHECK_EQ(visit->tally.latency.count, 0);
    CHECK_EQ(only_error(visit)->phase, BLAST_MISMATCH);
    CHECK_EQ(only_error(visit)->count, 1000);
}

TEST(other_bytes_may_be_allowed, (visit), .tags = "bulky") {
    visit->house.is_wrong = true;
    visit->options.is_echo = false;
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.answered, 1000);
}

TEST(bytes_behind_the_answer_are_a_mismatch, (visit), .tags = "bulky") {
    visit->options.is_echo = false;
    visit->options.reply_bytes = 3;
    CHECK_OK(run(visit));
    CHECK_EQ(only_error(visit)->phase, BLAST_MISMATCH);
}

TEST(an_answer_may_end_with_a_mark, (visit), .tags = "bulky") {
    visit->options.is_echo = false;
    visit->options.until = (unsigned char *)"lo";
    visit->options.until_bytes = 2;
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.answered, 1000);
}

TEST(a_mark_in_the_middle_is_a_mismatch, (visit), .tags = "bulky") {
    visit->options.is_echo = false;
    visit->options.until = (unsigned char *)"l";
    visit->options.until_bytes = 1;
    CHECK_OK(run(visit));
    CHECK_EQ(only_error(visit)->phase, BLAST_MISMATCH);
}

TEST(no_answer_need_be_awaited, (visit)) {
    visit->options.is_echo = false;
    visit->options.reply_bytes = 0;
    visit->options.count = 5;
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.answered, 5);
    CHECK_EQ(visit->tally.bytes_received, 0);
}

/* Each takes half a second and then a new connection. */
TEST(a_timeout_counts_as_the_time_it_took, (visit)) {
    visit->house.pause = BL_SEC(3600);
    visit->options.timeout = BL_MS(500);
    visit->options.rate_milli = 4000;
    visit->options.duration = BL_SEC(2);
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.sent, 8);
    CHECK_EQ(visit->tally.failed, 8);
    CHECK_EQ(only_error(visit)->phase, BLAST_RECEIVE);
    CHECK_EQ(only_error(visit)->code, BL_ETIMEDOUT);
    CHECK_EQ(visit->tally.latency.count, 8);
    CHECK_EQ(visit->tally.latency.min, BL_MS(500));
    CHECK_EQ(visit->tally.opened, 4 + 4);
}

TEST(nobody_there_is_found_out_before_the_load, (visit)) {
    bl_listener_close(visit->house.listener);
    visit->house.listener = NULL;
    REQUIRE_OK(blast_load_init(&visit->load));
    CHECK_ERR(blast_load_work(&visit->load, 0), BL_ECONNREFUSED);
    blast_load_sum(&visit->load, &visit->tally);
    CHECK_EQ(visit->tally.sent, 0);
    blast_load_done(&visit->load);
}

TEST(nobody_there_fails_each_request_with_a_connection_of_its_own, (visit),
     .tags = "bulky") {
    bl_listener_close(visit->house.listener);
    visit->house.listener = NULL;
    visit->options.is_fresh = true;
    REQUIRE_OK(blast_load_init(&visit->load));
    CHECK_OK(blast_load_work(&visit->load, 0));
    blast_load_sum(&visit->load, &visit->tally);
    CHECK_EQ(visit->tally.failed, 1000);
    CHECK_EQ(only_error(visit)->phase, BLAST_CONNECT);
    CHECK_EQ(only_error(visit)->code, BL_ECONNREFUSED);
    blast_load_done(&visit->load);
}

TEST(a_closed_loop_does_not_hammer_at_a_closed_door, (visit), .tags = "bulky") {
    bl_listener_close(visit->house.listener);
    visit->house.listener = NULL;
    visit->options.is_fresh = true;
    visit->options.rate_milli = 0;
    REQUIRE_OK(blast_load_init(&visit->load));
    CHECK_OK(blast_load_work(&visit->load, 0));
    blast_load_sum(&visit->load, &visit->tally);
    CHECK_LE(visit->tally.failed, 4 * 1000); /* one each 10 ms */
    CHECK_GT(visit->tally.failed, 100);
    blast_load_done(&visit->load);
}

/* ---- the end ------------------------------------------------------------- */

static int load_task(void *arg) {
    return blast_load_work(arg, 0);
}

TEST(a_run_that_is_cancelled_has_counted_so_far, (visit), .tags = "bulky") {
    visit->house.pause = BL_MS(15);
    int rc;
    REQUIRE_OK(blast_load_init(&visit->load));
    BL_GROUP(group, rc) {
        rc = bl_spawn_daemon(group, house_run, &visit->house);
        if (rc == 0) rc = bl_wait_for(load_task(&visit->load), BL_MS(5006));
        CHECK_ERR(rc, BL_ETIMEDOUT);
        rc = 0;
    }
    CHECK_OK(rc);
    blast_load_sum(&visit->load, &visit->tally);
    /* Due at 0, 10, ... 5000 ms; the last two are on their way. */
    CHECK_EQ(visit->tally.sent, 501);
    CHECK_EQ(visit->tally.answered, 499);
    CHECK_EQ(visit->tally.dropped, 2);
    CHECK_EQ(visit->tally.failed, 0);
    CHECK_EQ(blast_load_due(&visit->load), 501);
    blast_load_done(&visit->load);
}

static int count_watch(struct blast_load *load) {
    int rc = bl_sleep(BL_SEC(5));
    if (rc == 0) {
        CHECK_NEAR(atomic_load(&load->workers[0].live.answered), 500, 1);
        CHECK_EQ(atomic_load(&load->workers[0].live.failed), 0);
        rc = bl_sleep(BL_FOREVER);
    }
    CHECK_ERR(rc, BL_ECANCELED);
    return rc;
}

TEST(the_watch_looks_on_and_ends_with_the_load, (visit), .tags = "bulky") {
    visit->load.watch = count_watch;
    CHECK_OK(run(visit));
}

/* By the virtual clock a loop that never sleeps would stop the time. */
TEST(a_precise_load_ends_as_any_other, (visit), .tags = "bulky",
     .clock = BL_TEST_CLOCK_REAL) {
    visit->options.is_precise = true;
    visit->options.rate_milli = 1000000;
    visit->options.count = 5;
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.answered, 5);
    CHECK_EQ(visit->tally.lag.count + visit->tally.waited, 5);
}

/* More than all buffers between the two hold.  What opens the window of a full
 * connection again may be a timer of the kernel's, so real time has to pass. */
TEST(large_bodies_are_sent_and_received_at_once, (visit), .tags = "bulky",
     .clock = BL_TEST_CLOCK_REAL) {
    enum {
        BYTES = 32 << 20
    };
    unsigned char *body = malloc(BYTES);
    REQUIRE(body != NULL);
    for (size_t i = 0; i < BYTES; i++)
        body[i] = (unsigned char)(i / 1000);
    visit->load.request = body;
    visit->load.request_bytes = visit->options.reply_bytes = BYTES;
    visit->options.count = 2;
    visit->options.connections = 1;
    visit->house.is_bulk = true;
    CHECK_OK(run(visit));
    CHECK_EQ(visit->tally.answered, 2);
    CHECK_EQ(visit->tally.bytes_sent, 2 * (uint64_t)BYTES);
    CHECK_EQ(visit->tally.bytes_received, 2 * (uint64_t)BYTES);
    free(body);
}
