/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_happy.c - the first of several addresses that answers
 *
 * The attempts are scripted: each address answers, or refuses, after a time of
 * its own.  The notebook says when each began and how it ended.
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/socket.h"
#include "support/kids.h"

/* The port of an address is the line of the script that it follows. */
struct line {
    bl_ns delay;
    int rc;
};

static const struct line *script;

static int attempt(void *context, const bl_addr *address, bl_stream **stream) {
    const struct line *line = &script[bl_addr_port(address)];
    (void)context;
    bl_stream *ends[2];
    CHECK_STR(bl_task_name(bl_task_current()), "connect attempt");
    note("%u@%d", (unsigned)bl_addr_port(address), (int)(bl_now() / BL_MS(1)));
    int rc = bl_sleep(line->delay);
    if (rc < 0) {
        note("-%u", (unsigned)bl_addr_port(address));
        return rc;
    }
    if (line->rc == BL_ECANCELED) bl_task_cancel(bl_task_current());
    if (line->rc < 0) return line->rc;
    rc = bl_mem_pair(0, ends);
    if (rc < 0) return rc;
    bl_stream_abort(ends[1]);
    *stream = ends[0];
    return 0;
}

/* Races the addresses; `names` are "4" and "6", in the resolver's order. */
static int race(const char *names, bl_ns delay, bl_stream **stream) {
    bl_addr addresses[8];
    size_t count = strlen(names);
    for (size_t i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s:%zu",
                 names[i] == '6' ? "[::1]" : "127.0.0.1", i);
        REQUIRE_OK(bl_addr_parse(text, &addresses[i]));
    }
    forget_notes();
    return bl__happy_connect("here:1", addresses, count, delay, attempt, NULL,
                             stream);
}

TEST(one_address_that_answers_is_all_there_is) {
    static const struct line lines[] = { { BL_MS(10), 0 } };
    bl_stream *stream;
    script = lines;
    REQUIRE_OK(race("4", 0, &stream));
    CHECK_STR(notes(), "0@0");
    CHECK_OK(bl_stream_close(stream));
}

TEST(the_next_attempt_begins_after_a_quarter_of_a_second, .tags = "order") {
    static const struct line lines[] = {
        { HOUR, 0 }, { HOUR, 0 }, { BL_MS(100), 0 }, { BL_MS(1), 0 }
    };
    bl_stream *stream;
    script = lines;
    REQUIRE_OK(race("6666", 0, &stream));
    CHECK_STR(notes(), "0@0 1@250 2@500 -0 -1");
    CHECK_EQ(bl_now(), BL_MS(600));
    CHECK_OK(bl_stream_close(stream));
}

TEST(a_failed_attempt_is_followed_at_once) {
    static const struct line lines[] = { { BL_MS(10), BL_ECONNREFUSED },
                                         { BL_MS(20), BL_ECONNREFUSED },
                                         { BL_MS(30), 0 } };
    bl_stream *stream;
    script = lines;
    REQUIRE_OK(race("444", 0, &stream));
    CHECK_STR(notes(), "0@0 1@10 2@30");
    CHECK_EQ(bl_now(), BL_MS(60));
    CHECK_OK(bl_stream_close(stream));
}

TEST(families_alternate_beginning_with_the_first, .tags = "order") {
    static const struct line lines[] = { { HOUR, 0 }, { HOUR, 0 },
                                         { HOUR, 0 }, { HOUR, 0 },
                                         { HOUR, 0 }, { BL_MS(1), 0 } };
    bl_stream *stream;
    script = lines;
    /* 6(0) 4(3) 6(1) 4(4) 6(2) 4(5) */
    REQUIRE_OK(race("666444", BL_MS(10), &stream));
    CHECK_STR(notes(), "0@0 3@10 1@20 4@30 2@40 5@50 -0 -3 -1 -4 -2");
    CHECK_OK(bl_stream_close(stream));
}

TEST(an_attempt_that_answers_late_may_still_win) {
    static const struct line lines[] = { { BL_MS(300), 0 }, { HOUR, 0 } };
    bl_stream *stream;
    script = lines;
    REQUIRE_OK(race("64", 0, &stream));
    CHECK_STR(notes(), "0@0 1@250 -1");
    CHECK_EQ(bl_now(), BL_MS(300));
    CHECK_OK(bl_stream_close(stream));
}

TEST(two_that_answer_at_the_same_time_leave_one, .schedules = 20) {
    static const struct line lines[] = { { BL_MS(250), 0 }, { 0, 0 } };
    bl_stream *stream;
    script = lines;
    REQUIRE_OK(race("64", 0, &stream));
    CHECK_OK(bl_stream_close(stream)); /* the other one does not leak */
}

TEST(when_all_fail_the_last_failure_counts_and_all_are_named) {
    static const struct line lines[] = { { BL_MS(10), -ENETUNREACH },
                                         { BL_MS(20), BL_ECONNREFUSED } };
    bl_stream *stream = NULL;
    script = lines;
    int rc = race("64", 0, &stream);
    CHECK_ERR(rc, BL_ECONNREFUSED);
    CHECK(stream == NULL);
    REQUIRE(bl_error_current(rc) != NULL);
    const char *text = bl_error_message(bl_error_current(rc));
    CHECK_CONTAINS(text, "here:1");
    CHECK_CONTAINS(text, "[::1]:0");
    CHECK_CONTAINS(text, "127.0.0.1:1");
}

TEST(attempts_that_were_cancelled_alone_are_a_failure) {
    static const struct line lines[] = { { BL_MS(10), BL_ECANCELED } };
    bl_stream *stream = NULL;
    script = lines;
    CHECK_ERR(race("4", 0, &stream), -ECONNABORTED);
    CHECK(stream == NULL);
}

TEST(a_time_limit_ends_the_race, .tags = "order") {
    static const struct line lines[] = { { HOUR, 0 }, { HOUR, 0 } };
    bl_stream *stream = NULL;
    script = lines;
    int rc = 0;
    BL_TIMEOUT(rc, BL_MS(400)) {
        rc = race("64", 0, &stream);
    }
    CHECK_ERR(rc, BL_ETIMEDOUT);
    CHECK_STR(notes(), "0@0 1@250 -0 -1");
    CHECK(stream == NULL);
}

TEST(cancelled_or_without_memory_nothing_leaks, .sweep = T_CANCEL | T_OOM) {
    static const struct line lines[] = { { BL_MS(10), BL_ECONNREFUSED },
                                         { BL_MS(500), 0 },
                                         { BL_MS(20), 0 } };
    bl_stream *stream = NULL;
    script = lines;
    int rc = race("644", 0, &stream);
    if (!t_injected()) CHECK_OK(rc);
    CHECK_ALWAYS((rc == 0) == (stream != NULL));
    bl_stream_abort(stream);
}
