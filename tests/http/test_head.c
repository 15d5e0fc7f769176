/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_head.c - heads that are read, and those that are refused
 *
 *     Legs: valgrind
 *
 * Each way to say one thing to one program and another to the next has a test
 * that names it.
 */
#include <belay/test.h>

#include "http/http.h"

enum {
    HEAD_BYTES = 4096,
    HEAD_FIELDS = 8
};

/* A head, and the bytes that it lies in. */
struct sample {
    char bytes[HEAD_BYTES];
    bl_http_field items[HEAD_FIELDS];
    bl__http_head head;
};

/* Finds and parses; BL_EAGAIN if the head is not complete. */
static int read_head(struct sample *sample, bl__http_kind kind,
                     const char *text, size_t count) {
    size_t searched = 0;
    REQUIRE_LE(count, sizeof sample->bytes);
    memcpy(sample->bytes, text, count);
    bl_ssize found = bl__http_head_find(kind, sample->bytes, count, &searched);
    if (found == 0) return BL_EAGAIN;
    if (found < 0) return (int)found;
    REQUIRE_LE(found, count);
    return bl__http_head_parse(kind, sample->bytes, (size_t)found,
                               sample->items, HEAD_FIELDS, &sample->head);
}

static int read_request(struct sample *sample, const char *text) {
    return read_head(sample, BL__HTTP_REQUEST, text, strlen(text));
}

static int read_response(struct sample *sample, const char *text) {
    return read_head(sample, BL__HTTP_RESPONSE, text, strlen(text));
}

/* A request of HTTP/1.1 with `lines` among its fields. */
#define WITH(lines) "POST / HTTP/1.1\r\nHost: a\r\n" lines "\r\n"

static int request_with(const char *text) {
    struct sample sample;
    return read_request(&sample, text);
}

/* ---- what is right ------------------------------------------------------ */

TEST(a_request_is_taken_apart) {
    struct sample sample;
    REQUIRE_OK(read_request(&sample,
                            "GET /a?b=c HTTP/1.1\r\nHost: example.org\r\n"
                            "X-Empty:\r\nX-Blank: \t \r\n"
                            "Accept:  text/html, */* \t\r\n\r\n"));
    const bl__http_head *head = &sample.head;
    CHECK_EQ(head->method, BL_HTTP_GET);
    CHECK_STR(head->method_name, "GET");
    CHECK_STR(head->target, "/a?b=c");
    CHECK_EQ(head->minor, 1);
    CHECK_EQ(head->length, -1);
    CHECK_EQ(head->fields.count, 4);
    CHECK_STR(head->host, "example.org");
    CHECK_STR(bl_http_fields_get(&head->fields, "accept"), "text/html, */*");
    CHECK_STR(bl_http_fields_get(&head->fields, "X-EMPTY"), "");
    CHECK_STR(bl_http_fields_get(&head->fields, "x-blank"), "");
    CHECK(bl_http_fields_get(&head->fields, "X") == NULL);
    CHECK(bl__http_head_persists(head));
}

TEST(a_response_is_taken_apart) {
    struct sample sample;
    REQUIRE_OK(read_response(&sample, "HTTP/1.0 404 Not Found here\r\n"
                                      "Content-Length: 12\r\n\r\n"));
    CHECK_EQ(sample.head.status, 404);
    CHECK_STR(sample.head.reason, "Not Found here");
    CHECK_EQ(sample.head.minor, 0);
    CHECK_EQ(sample.head.length, 12);
    CHECK(!bl__http_head_persists(&sample.head));
    REQUIRE_OK(read_response(&sample, "HTTP/1.1 204 \r\n\r\n"));
    CHECK_EQ(sample.head.status, 204);
    CHECK_STR(sample.head.reason, "");
    REQUIRE_OK(read_response(&sample, "HTTP/1.1 204\r\n\r\n"));
    CHECK_STR(sample.head.reason, "");
}

TEST(each_method_is_known_by_its_name) {
    for (int i = BL_HTTP_GET; i <= BL_HTTP_TRACE; i++) {
        struct sample sample;
        char text[64];
        const char *name = bl_http_method_name((bl_http_method)i);
        T_INFO("%s", name);
        snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", name,
                 i == BL_HTTP_CONNECT ? "a:80" : "/");
        CHECK_OK(read_request(&sample, text));
        CHECK_EQ(sample.head.method, i);
        CHECK_EQ(bl_http_method_of(name), i);
    }
    CHECK_EQ(bl_http_method_of("get"), BL_HTTP_OTHER);
    CHECK(bl_http_method_name(BL_HTTP_OTHER) == NULL);
}

TEST(a_head_is_found_wherever_it_is_cut) {
    const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET";
    size_t length = sizeof text - 4;
    for (size_t cut = 0; cut < length; cut++) {
        size_t searched = 0;
        T_INFO("cut at %zu", cut);
        CHECK_EQ(bl__http_head_find(BL__HTTP_REQUEST, text, cut, &searched), 0);
        CHECK_EQ(bl__http_head_find(BL__HTTP_REQUEST, text, sizeof text - 1,
                                    &searched),
                 length);
    }
}

TEST(the_connection_field_is_a_list) {
    struct sample sample;
    REQUIRE_OK(read_request(
        &sample, WITH("Connection: Upgrade , CLOSE\r\nConnection: x,\r\n")));
    CHECK(sample.head.says_close);
    CHECK(sample.head.says_upgrade);
    CHECK(!sample.head.says_keep_alive);
    CHECK(!bl__http_head_persists(&sample.head));
    REQUIRE_OK(read_request(&sample, WITH("Connection: closed\r\n")));
    CHECK(!sample.head.says_close);
    REQUIRE_OK(read_request(
        &sample, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    CHECK(bl__http_head_persists(&sample.head));
}

/* ---- request smuggling -------------------------------------------------- */

TEST(content_length_beside_transfer_encoding_is_refused) {
    CHECK_ERR(request_with(WITH("Content-Length: 4\r\n"
                                "Transfer-Encoding: chunked\r\n")),
              BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("Transfer-Encoding: chunked\r\n"
                                "Content-Length: 4\r\n")),
              BL_EHTTP_MALFORMED);
}

TEST(two_content_lengths_are_refused) {
    CHECK_ERR(request_with(WITH("Content-Length: 4\r\nContent-Length: 5\r\n")),
              BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("Content-Length: 4\r\ncontent-length: 4\r\n")),
              BL_EHTTP_MALFORMED);
}

PARAM(const char *, bad_length, "4, 4", "+4", "-4", "0x4", "4 4", "", "four",
      "4.0", "1234567890123456789");

TEST(a_content_length_that_is_no_number_is_refused, (bad_length)) {
    char text[128];
    snprintf(text, sizeof text, WITH("Content-Length: %s\r\n"), bad_length);
    CHECK_ERR(request_with(text), BL_EHTTP_MALFORMED);
}

TEST(a_transfer_encoding_that_is_not_chunked_at_last_is_refused) {
    CHECK_ERR(request_with(WITH("Transfer-Encoding: chunked, identity\r\n")),
              BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("Transfer-Encoding: identity\r\n")),
              BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("Transfer-Encoding: xchunked\r\n")),
              BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("Transfer-Encoding: chunked;a=b\r\n")),
              BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("Transfer-Encoding:\r\n")), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("Transfer-Encoding: chunked\r\n"
                                "Transfer-Encoding: chunked\r\n")),
              BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with("POST / HTTP/1.0\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n"),
              BL_EHTTP_MALFORMED);
}

TEST(an_unknown_transfer_coding_has_a_code_of_its_own) {
    CHECK_ERR(request_with(WITH("Transfer-Encoding: gzip, chunked\r\n")),
              BL_EHTTP_CODING);
    CHECK_OK(request_with(WITH("Transfer-Encoding: Chunked\r\n")));
}

TEST(a_folded_line_is_refused) {
    CHECK_ERR(request_with(WITH("X: a\r\n b\r\n")), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("X: a\r\n\tb\r\n")), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("X:\r\n b\r\n")), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
              BL_EHTTP_MALFORMED);
}

TEST(a_space_before_the_colon_is_refused) {
    CHECK_ERR(request_with(WITH("Content-Length : 4\r\n")), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("X\t: 4\r\n")), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("X Y: 4\r\n")), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH(": 4\r\n")), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("X\r\n")), BL_EHTTP_MALFORMED);
}

TEST(a_bare_line_feed_is_refused_at_once) {
    CHECK_ERR(request_with("GET / HTTP/1.1\n"), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with("GET / HTTP/1.1\nHost: a\n\n"), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("X: a\nY: b\r\n")), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with("GET / HTTP/1.1\r\nHost: a\r\n\n"),
              BL_EHTTP_MALFORMED);
}

TEST(a_bare_carriage_return_is_refused) {
    CHECK_ERR(request_with(WITH("X: a\rY: b\r\n")), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("X: a\r\r\n")), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
              BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"),
              BL_EHTTP_MALFORMED);
}

TEST(a_nul_is_refused_everywhere) {
    const char text[] = "GET /a HTTP/1.1\r\nHost: a\r\nX: yz\r\n\r\n";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        struct sample sample;
        char spoilt[sizeof text];
        memcpy(spoilt, text, sizeof text);
        spoilt[i] = '\0';
        T_INFO("at %zu", i);
        int rc = read_head(&sample, BL__HTTP_REQUEST, spoilt, sizeof text - 1);
        CHECK(rc == BL_EHTTP_MALFORMED || rc == BL_EAGAIN);
    }
}

TEST(control_characters_are_refused_in_values_and_targets) {
    for (int c = 1; c < 256; c++) {
        char text[64];
        T_INFO("byte %d", c);
        snprintf(text, sizeof text, WITH("X: a%cb\r\n"), c);
        bool is_fine = c == '\t' || (c >= ' ' && c != 127);
        CHECK_EQ(request_with(text), is_fine ? 0 : BL_EHTTP_MALFORMED);
        snprintf(text, sizeof text, "GET /%c HTTP/1.1\r\nHost: a\r\n\r\n", c);
        is_fine = c > ' ' && c < 127;
        int rc = request_with(text);
        if (is_fine) {
            CHECK_OK(rc);
        } else {
            CHECK_ERR(rc, BL_EHTTP_MALFORMED);
        }
    }
}

TEST(a_request_line_has_one_space_at_each_place) {
    static const char *const lines[] = {
        "GET  / HTTP/1.1",   "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",   " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1",   "GET /\tHTTP/1.1",
        "GET / /b HTTP/1.1", "GET /",
        "GET HTTP/1.1",      "GET",
        "G(T / HTTP/1.1",    "GET / http/1.1",
        "GET / HTTP/1,1",    "GET / HTTP/11",
        "GET / HTTP/1.1x",   "GET / XHTTP/1.1",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[64];
        T_INFO("'%s'", lines[i]);
        snprintf(text, sizeof text, "%s\r\nHost: a\r\n\r\n", lines[i]);
        CHECK_ERR(request_with(text), BL_EHTTP_MALFORMED);
    }
}

TEST(a_host_is_needed_once) {
    CHECK_ERR(request_with("GET / HTTP/1.1\r\n\r\n"), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with(WITH("Host: b\r\n")), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
              BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
              BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
              BL_EHTTP_MALFORMED);
    CHECK_OK(request_with("GET / HTTP/1.0\r\n\r\n"));
    CHECK_OK(request_with("GET / HTTP/1.1\r\nHost:\r\n\r\n"));
}

/* ---- the rest ----------------------------------------------------------- */

TEST(other_versions_have_a_code_of_their_own) {
    CHECK_ERR(request_with("GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
              BL_EHTTP_VERSION);
    CHECK_ERR(request_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
              BL_EHTTP_VERSION);
    struct sample sample;
    CHECK_ERR(read_response(&sample, "HTTP/3.0 200 OK\r\n\r\n"),
              BL_EHTTP_VERSION);
}

TEST(a_method_that_the_parser_does_not_know_has_a_code_of_its_own) {
    CHECK_ERR(request_with("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
              BL_EHTTP_METHOD);
    CHECK_ERR(request_with("get / HTTP/1.1\r\nHost: a\r\n\r\n"),
              BL_EHTTP_METHOD);
}

TEST(what_begins_like_no_head_is_refused_at_once) {
    struct sample sample;
    CHECK_ERR(read_head(&sample, BL__HTTP_REQUEST, "\x16\x03\x01", 3),
              BL_EHTTP_MALFORMED); /* of TLS */
    CHECK_ERR(request_with(" "), BL_EHTTP_MALFORMED);
    CHECK_ERR(request_with("G"), BL_EAGAIN);
}

TEST(more_fields_than_there_is_room_for_are_an_error) {
    CHECK_OK(request_with(WITH("1: \r\n2: \r\n3: \r\n4: \r\n5: \r\n6: \r\n"
                               "7: \r\n")));
    CHECK_ERR(request_with(WITH("1: \r\n2: \r\n3: \r\n4: \r\n5: \r\n6: \r\n"
                                "7: \r\n8: \r\n")),
              BL_EHTTP_HEAD_SIZE);
}

TEST(responses_with_a_bad_first_line_are_refused) {
    static const char *const lines[] = {
        "HTTP/1.1 20 OK",      "HTTP/1.1 2000 OK", "HTTP/1.1  200 OK",
        "HTTP/1.1 2x0 OK",     "HTTP/1.1 099 OK",  "HTTP/1.1200 OK",
        "HTTP/1.1 200\tOK",    "HTTP/1.1",         "ICY 200 OK",
        "HTTP/1.1 200 O\001K",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct sample sample;
        char text[64];
        T_INFO("'%s'", lines[i]);
        snprintf(text, sizeof text, "%s\r\n\r\n", lines[i]);
        CHECK_ERR(read_response(&sample, text), BL_EHTTP_MALFORMED);
    }
}

FUZZ(any_head_is_survived, .max_len = 600, .corpus = "corpus/head") {
    struct sample sample;
    for (int kind = BL__HTTP_REQUEST; kind <= BL__HTTP_TRAILERS; kind++) {
        int rc =
            read_head(&sample, (bl__http_kind)kind, (const char *)data, size);
        if (rc < 0) continue;
        const bl__http_head *head = &sample.head;
        CHECK_LE(head->fields.count, HEAD_FIELDS);
        CHECK(!(head->is_chunked && head->length >= 0));
        for (size_t i = 0; i < head->fields.count; i++) {
            const bl_http_field *field = &head->fields.items[i];
            CHECK(bl_http_field_is_valid(field->name, field->value));
        }
    }
}
