/* SPDX-License-Identifier: MIT */
/*
 * http/talk.c - a server on a stream in memory, and what is said to it
 */
#include "http/talk.h"

#include <belay/test.h>

#include <string.h>

void talk_init(struct talk *talk, bl_http_handler *handler) {
    memset(talk, 0, sizeof *talk);
    talk->handler = handler;
    talk->options.size = sizeof talk->options;
    talk->options.stats = &talk->stats;
}

static int talk_serve(void *arg) {
    struct talk *talk = arg;
    talk->result = bl_http_serve_connection(talk->ends[0], NULL, talk->stop,
                                            talk->handler, &talk->options);
    talk->has_ended = true;
    if (talk->result == 0) return bl_stream_close(talk->ends[0]);
    bl_stream_abort(talk->ends[0]);
    return talk->result == BL_ECANCELED ? BL_ECANCELED : 0;
}

void talk_begin(struct talk *talk, size_t limit) {
    REQUIRE_OK(bl_mem_pair(0, talk->ends));
    REQUIRE_OK(bl_mem_limit(talk->ends[0], limit, limit));
    REQUIRE_OK(bl_token_new(&talk->stop));
    REQUIRE_OK(bl_group_enter(&talk->group));
    int rc = bl_spawn(&talk->group, talk_serve, talk);
    if (rc == 0) return;
    bl_stream_abort(talk->ends[0]);
    talk->result = rc;
    talk_end(talk);
    REQUIRE_OK(rc);
}

void talk_send_bytes(struct talk *talk, const char *bytes, size_t count) {
    int rc = bl_stream_write_all(talk->ends[1], bytes, count, NULL);
    CHECK(rc == 0 || rc == BL_EPIPE || rc == BL_ECONNRESET);
}

void talk_send(struct talk *talk, const char *text) {
    talk_send_bytes(talk, text, strlen(text));
}

void talk_send_end(struct talk *talk) {
    BL_IGNORE(bl_stream_shutdown_write(talk->ends[1]) < 0); /* it has gone */
}

/* Takes the lines out that begin with "Date: ". */
static void drop_dates(char *text) {
    char *line = text;
    while (*line != '\0') {
        char *end = strchr(line, '\n');
        if (end == NULL) return;
        if (strncmp(line, "Date: ", 6) == 0) {
            memmove(line, end + 1, strlen(end + 1) + 1);
        } else {
            line = end + 1;
        }
    }
}

/* Reads once behind what was said; 0 at the end, or if nothing comes. */
static bl_ssize hear_some(struct talk *talk) {
    size_t room = sizeof talk->said - 1 - talk->count;
    REQUIRE_GT(room, 0);
    bl_ssize count =
        bl_stream_read(talk->ends[1], talk->said + talk->count, room);
    if (count > 0) talk->count += (size_t)count;
    return count;
}

static const char *heard(struct talk *talk) {
    talk->said[talk->count] = '\0';
    talk->count = 0;
    drop_dates(talk->said);
    return talk->said;
}

const char *talk_hear(struct talk *talk) {
    bl_scope scope;
    bl_scope_enter_move_on(&scope, BL_US(1));
    bl_ssize count;
    do {
        count = hear_some(talk);
    } while (count > 0);
    BL_IGNORE(bl_scope_exit(&scope, (int)count) < 0); /* it has gone */
    return heard(talk);
}

const char *talk_hear_all(struct talk *talk) {
    while (hear_some(talk) > 0) {}
    return heard(talk);
}

int talk_end(struct talk *talk) {
    int rc = bl_group_exit(&talk->group, 0);
    CHECK(rc == 0 || rc == BL_ECANCELED);
    bl_stream_abort(talk->ends[1]);
    bl_token_unref(talk->stop);
    return talk->result;
}

const char *talk_once(struct talk *talk, bl_http_handler *handler,
                      const char *text) {
    talk_init(talk, handler);
    talk_begin(talk, 0);
    talk_send(talk, text);
    talk_send_end(talk);
    const char *said = talk_hear_all(talk);
    talk_end(talk);
    return said;
}
