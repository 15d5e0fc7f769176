/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_event_parser.c - server-sent events, out of their bytes
 */
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include "http/event_parser.h"

static char told[4096];

static void tell(const struct bl__event_parser *parser) {
    size_t length = strlen(told);
    snprintf(told + length, sizeof told - length, "[%s|%s|%s]",
             parser->type.count == 0 ? "" : parser->type.bytes,
             parser->data.bytes, parser->id.count == 0 ? "" : parser->id.bytes);
}

/* Feeds `bytes` in pieces of `piece`, and returns all events, one after the
 * other, as "[type|data|id]". */
static const char *events_of(struct bl__event_parser *parser, const char *bytes,
                             size_t count, size_t piece) {
    told[0] = '\0';
    for (size_t at = 0; at < count;) {
        size_t left = count - at;
        size_t used;
        int rc = bl__event_parser_feed(parser, bytes + at,
                                       left < piece ? left : piece, &used);
        REQUIRE_GE(rc, 0);
        at += used;
        if (rc == 1) tell(parser);
    }
    return told;
}

struct sample {
    const char *text;
    const char *events;
};

PARAM(struct sample, sample, { "data: a\n\n", "[|a|]" }, { "data: a\n", "" },
      { "data: a", "" }, { "\n\n\n", "" },
      { "data:a\r\rdata:b\r\n\r\ndata:c\n\n", "[|a|][|b|][|c|]" },
      { "data: YHOO\ndata: +2\ndata: 10\n\n", "[|YHOO\n+2\n10|]" },
      { ": comment\n\ndata: first\nid: 1\n\ndata:second\nid\n\n"
        "data:  third\n\n",
        "[|first|1][|second|][| third|]" },
      { "data\n\ndata\ndata\n\ndata:", "[||][|\n|]" },
      { "data:test\n\ndata: test\n\n", "[|test|][|test|]" },
      { "event: x\ndata: 1\n\ndata: 2\n\n", "[x|1|][|2|]" },
      { "event: x\n\ndata: 2\n\n", "[|2|]" },
      { "id: 7\n\ndata: 2\n\n", "[|2|7]" },
      { "what: 1\nDATA: no\n data: no\ndata : no\ndata: yes\n\n", "[|yes|]" },
      { "\xef\xbb\xbf"
        "data: a\n\n",
        "[|a|]" },
      { "\xef\xbb"
        "data: a\n\ndata: b\n\n",
        "[|b|]" },
      { "data: a\n\n\xef\xbb\xbf"
        "data: b\n\n",
        "[|a|]" },
      { "data: \xef\xbb\xbf\xf0\x9f\x98\x80\n\n",
        "[|\xef\xbb\xbf\xf0\x9f\x98\x80|]" });

TEST(a_stream_is_read_by_the_standard, (sample)) {
    for (size_t piece = 1; piece < 12; piece++) {
        struct bl__event_parser parser;
        bl__event_parser_init(&parser, 100);
        CHECK_STR(events_of(&parser, sample.text, strlen(sample.text), piece),
                  sample.events);
        bl__event_parser_done(&parser);
    }
}

TEST(an_id_with_a_nul_is_passed_over) {
    static const char text[] = "id: a\nid: b\0c\ndata: x\n\n";
    struct bl__event_parser parser;
    bl__event_parser_init(&parser, 100);
    CHECK_STR(events_of(&parser, text, sizeof text - 1, 3), "[|x|a]");
    bl__event_parser_done(&parser);
}

TEST(a_retry_is_a_number_of_milliseconds) {
    static const char text[] =
        "retry: 1500\nretry: 1x\nretry: -1\nretry:\nretry: 9999999999\n";
    struct bl__event_parser parser;
    bl__event_parser_init(&parser, 100);
    CHECK_EQ(parser.retry, -1);
    CHECK_STR(events_of(&parser, text, sizeof text - 1, 1000), "");
    CHECK_EQ(parser.retry, BL_MS(1500));
    bl__event_parser_done(&parser);
}

TEST(a_new_stream_keeps_the_id_and_nothing_else) {
    struct bl__event_parser parser;
    bl__event_parser_init(&parser, 100);
    static const char first[] = "id: 1\ndata: a\n\nevent: x\nid: 2\ndata: b\r";
    CHECK_STR(events_of(&parser, first, sizeof first - 1, 100), "[|a|1]");
    bl__event_parser_restart(&parser);
    static const char second[] = "\xef\xbb\xbf\ndata: c\n\n";
    CHECK_STR(events_of(&parser, second, sizeof second - 1, 2), "[|c|1]");
    bl__event_parser_done(&parser);
}

static int feed(struct bl__event_parser *parser, const char *text) {
    size_t used;
    return bl__event_parser_feed(parser, text, strlen(text), &used);
}

TEST(nothing_grows_beyond_the_limit) {
    struct bl__event_parser parser;
    bl__event_parser_init(&parser, 10);
    CHECK_OK(feed(&parser, "data:12345")); /* just so */
    CHECK_ERR(feed(&parser, "6"), BL_EMSGSIZE);
    bl__event_parser_restart(&parser);
    CHECK_OK(feed(&parser, "data:1234\n"));
    CHECK_OK(feed(&parser, "data:567"));
    CHECK_ERR(feed(&parser, "89\n"), BL_EMSGSIZE); /* with its LFs */
    bl__event_parser_done(&parser);
}

/* Asked for again, it would be too long again. */
TEST(what_is_too_long_is_behind_us) {
    struct bl__event_parser parser;
    bl__event_parser_init(&parser, 10);
    CHECK_OK(feed(&parser, "id: 1\n"));
    CHECK_ERR(feed(&parser, "data: much too long"), BL_EMSGSIZE);
    bl__event_parser_restart(&parser);
    CHECK_STR(events_of(&parser, "data:x\n\n", 8, 8), "[|x|1]");
    bl__event_parser_done(&parser);
}

TEST(whatever_memory_is_missing_is_told, .sweep = T_OOM) {
    struct bl__event_parser parser;
    bl__event_parser_init(&parser, 100);
    int rc = feed(&parser, "id: 1\nevent: x\ndata: a\n\n");
    if (rc < 0) {
        CHECK_ERR(rc, BL_ENOMEM);
    } else {
        CHECK_EQ(rc, 1);
    }
    bl__event_parser_done(&parser);
}

FUZZ(pieces_make_no_difference, .max_len = 300) {
    struct bl__event_parser parser;
    char whole[sizeof told];
    bl__event_parser_init(&parser, 400);
    events_of(&parser, (const char *)data, size, size + 1);
    memcpy(whole, told, sizeof told);
    bl__event_parser_done(&parser);
    bl__event_parser_init(&parser, 400);
    CHECK_STR(events_of(&parser, (const char *)data, size, 1), whole);
    bl__event_parser_done(&parser);
}
