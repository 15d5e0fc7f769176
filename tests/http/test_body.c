/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_body.c - bodies by length, in chunks, and until the end
 *
 *     Legs: sweep valgrind
 */
#include <belay/test.h>

#include <belay.h>

#include "http/http.h"
#include "support/famine.h"

PARAM(int, at_once, 0, 1, 2, 7);    /* bytes a read gets; 0: all */
PARAM(size_t, portion, 1, 3, 5000); /* bytes that are asked for */

enum {
    INPUT_BYTES = 512,
    TRAILER_FIELDS = 4
};

/* A body, and who sends it. */
struct post {
    bl_stream *ends[2];
    char bytes[INPUT_BYTES];
    bl_http_field items[TRAILER_FIELDS];
    bl__http_input input;
    bl_http_body body;
};

static void post_open(struct post *post, bl__http_framing framing,
                      int64_t length, int limit) {
    REQUIRE_OK(bl_mem_pair(0, post->ends));
    REQUIRE_OK(bl_mem_limit(post->ends[0], (size_t)limit, 0));
    post->input = (bl__http_input){ .stream = post->ends[0],
                                    .bytes = post->bytes,
                                    .capacity = sizeof post->bytes };
    bl__http_body_init(&post->body, &post->input, framing, length);
    post->body.items = post->items;
    post->body.items_max = TRAILER_FIELDS;
}

static void post_send(struct post *post, const char *text, size_t count) {
    REQUIRE_OK(bl_stream_write_all(post->ends[1], text, count, NULL));
}

static void post_end(struct post *post) {
    REQUIRE_OK(bl_stream_shutdown_write(post->ends[1]));
}

static void post_close(struct post *post) {
    bl_stream_abort(post->ends[0]);
    bl_stream_abort(post->ends[1]);
}

/* Reads all of it, so many bytes at a time.  Returns the length or a code. */
static bl_ssize read_all(struct post *post, size_t portion, char *all) {
    char part[5000];
    size_t total = 0;
    REQUIRE_LE(portion, sizeof part);
    for (;;) {
        bl_ssize count = bl_http_body_read(&post->body, part, portion);
        if (count <= 0) return count < 0 ? count : (bl_ssize)total;
        REQUIRE_LE(count, portion);
        memcpy(all + total, part, (size_t)count);
        total += (size_t)count;
    }
}

/* What reading a chunked body ends with. */
static bl_ssize read_chunked(const char *text, char *all) {
    struct post post;
    post_open(&post, BL__HTTP_CHUNKED, -1, 0);
    post_send(&post, text, strlen(text));
    post_end(&post);
    bl_ssize count = read_all(&post, 64, all);
    post_close(&post);
    return count;
}

/* ---- what is right ------------------------------------------------------ */

TEST(a_body_of_a_length_ends_there, (at_once, portion)) {
    struct post post;
    char all[64];
    post_open(&post, BL__HTTP_LENGTH, 11, at_once);
    post_send(&post, "hello worldGET /", 16);
    CHECK_EQ(bl_http_body_length(&post.body), 11);
    CHECK_EQ(read_all(&post, portion, all), 11);
    CHECK_MEM(all, 11, "hello world", 11);
    CHECK_EQ(bl_http_body_read(&post.body, all, 10), 0);
    /* What comes behind it is the next message's. */
    char next[5];
    size_t left = bl__http_input_count(&post.input);
    memcpy(next, post.input.bytes + post.input.start, left);
    if (left < 5) {
        REQUIRE_OK(
            bl_stream_read_exactly(post.ends[0], next + left, 5 - left, NULL));
    }
    CHECK_MEM(next, 5, "GET /", 5);
    post_close(&post);
}

TEST(a_body_in_chunks_has_its_trailers, (at_once, portion)) {
    struct post post;
    char all[64];
    const char text[] = "5\r\nhello\r\n001;a=\"b\"\r\n \r\n5\r\nworld\r\n"
                        "0\r\nSum: 12\r\nMore:\r\n\r\nGET";
    post_open(&post, BL__HTTP_CHUNKED, -1, at_once);
    post_send(&post, text, sizeof text - 1);
    CHECK_EQ(bl_http_body_length(&post.body), -1);
    CHECK_EQ(bl_http_body_trailers(&post.body)->count, 0);
    CHECK_EQ(read_all(&post, portion, all), 11);
    CHECK_MEM(all, 11, "hello world", 11);
    const bl_http_fields *trailers = bl_http_body_trailers(&post.body);
    CHECK_EQ(trailers->count, 2);
    CHECK_STR(bl_http_fields_get(trailers, "sum"), "12");
    CHECK_STR(bl_http_fields_get(trailers, "more"), "");
    post_close(&post);
}

TEST(a_body_without_a_length_ends_with_the_stream, (at_once, portion)) {
    struct post post;
    char all[64];
    post_open(&post, BL__HTTP_UNTIL_CLOSE, -1, at_once);
    post_send(&post, "hello", 5);
    post_end(&post);
    CHECK_EQ(read_all(&post, portion, all), 5);
    CHECK_MEM(all, 5, "hello", 5);
    CHECK_EQ(bl_http_body_read(&post.body, all, 1), 0);
    post_close(&post);
}

TEST(an_empty_body_is_at_its_end) {
    struct post post;
    char byte;
    post_open(&post, BL__HTTP_EMPTY, -1, 0);
    CHECK_EQ(bl_http_body_length(&post.body), 0);
    CHECK_EQ(bl_http_body_read(&post.body, &byte, 1), 0);
    CHECK_EQ(bl_http_body_read_all(&post.body, &byte, 1), 0);
    post_close(&post);
}

TEST(much_data_goes_past_the_buffer) {
    struct post post;
    static char sent[30000];
    static char got[30000];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)(i * 7);
    post_open(&post, BL__HTTP_LENGTH, sizeof sent, 0);
    post_send(&post, sent, sizeof sent);
    CHECK_EQ(bl_http_body_read_all(&post.body, got, sizeof got), sizeof sent);
    CHECK_MEM(got, sizeof got, sent, sizeof sent);
    post_close(&post);
}

TEST(a_pinned_head_stays_where_it_is, (at_once), .tags = "bulky") {
    struct post post;
    char all[2000];
    post_open(&post, BL__HTTP_CHUNKED, -1, at_once);
    memcpy(post.bytes, "head", 4);
    post.input.start = 4;
    post.input.end = 4;
    bl__http_input_pin(&post.input);
    for (int i = 0; i < 100; i++)
        post_send(&post, "a\r\n0123456789\r\n", 15);
    post_send(&post, "0\r\nA: b\r\n\r\n", 11);
    CHECK_EQ(read_all(&post, 9, all), 1000);
    CHECK_MEM(post.bytes, 4, "head", 4);
    CHECK_STR(bl_http_fields_get(bl_http_body_trailers(&post.body), "a"), "b");
    post_close(&post);
}

/* ---- in one piece ------------------------------------------------------- */

TEST(a_body_is_taken_in_one_piece, (at_once)) {
    struct post post;
    char *data = NULL;
    size_t bytes = 0;
    post_open(&post, BL__HTTP_CHUNKED, -1, at_once);
    post_send(&post, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 21);
    REQUIRE_OK(bl_http_body_take(&post.body, 5, &data, &bytes));
    CHECK_EQ(bytes, 5);
    CHECK_STR(data, "abcde");
    bl_free(data);
    post_close(&post);
}

TEST(a_body_that_is_too_long_is_not_taken) {
    struct post post;
    char *data = NULL;
    post_open(&post, BL__HTTP_CHUNKED, -1, 0);
    post_send(&post, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 21);
    CHECK_ERR(bl_http_body_take(&post.body, 4, &data, NULL),
              BL_EHTTP_BODY_SIZE);
    post_close(&post);
    post_open(&post, BL__HTTP_LENGTH, 5, 0);
    CHECK_ERR(bl_http_body_take(&post.body, 4, &data, NULL),
              BL_EHTTP_BODY_SIZE);
    CHECK(data == NULL);
    post_close(&post);
}

TEST(a_buffer_that_is_too_small_is_filled) {
    struct post post;
    char buffer[4];
    post_open(&post, BL__HTTP_LENGTH, 6, 0);
    post_send(&post, "abcdef", 6);
    CHECK_ERR(bl_http_body_read_all(&post.body, buffer, 4), BL_EMSGSIZE);
    CHECK_MEM(buffer, 4, "abcd", 4);
    CHECK_EQ(bl_http_body_read_all(&post.body, buffer, 2), 2);
    CHECK_MEM(buffer, 2, "ef", 2);
    post_close(&post);
}

TEST(without_memory_a_body_is_not_taken) {
    struct post post;
    char *data = NULL;
    post_open(&post, BL__HTTP_LENGTH, 2, 0);
    post_send(&post, "ab", 2);
    famine_begin(0);
    CHECK_ERR(bl_http_body_take(&post.body, 10, &data, NULL), BL_ENOMEM);
    famine_end();
    REQUIRE_OK(bl_http_body_take(&post.body, 10, &data, NULL));
    CHECK_STR(data, "ab");
    bl_free(data);
    post_close(&post);
}

/* ---- what is wrong ------------------------------------------------------ */

PARAM(const char *, bad_chunks, "\r\n", "x\r\n", "-1\r\n", "+1\r\na\r\n",
      "0x1\r\na\r\n", " 1\r\na\r\n", "1 \r\na\r\n", "1\na\n0\n\n", "1\r\na\n",
      "1\r\nab\r\n", "1\r\na\rx", "1;\x01\r\na\r\n", "1;\n", "1\rx",
      "1234567890abcdef\r\n", "0000000000000001\r\na\r\n", "0\r\n\n",
      "0\r\nA : b\r\n\r\n", "0\r\nA: b\r\n c\r\n\r\n", "0\r\n: b\r\n\r\n",
      "0\r\nA\r\n\r\n");

TEST(bad_chunk_sizes_are_refused, (bad_chunks)) {
    char all[64];
    CHECK_ERR(read_chunked(bad_chunks, all), BL_EHTTP_MALFORMED);
}

TEST(a_chunk_extension_is_bounded) {
    char text[400] = "1;";
    char all[64];
    memset(text + 2, 'x', 200);
    strcpy(text + 202, "\r\na\r\n0\r\n\r\n");
    CHECK_EQ(read_chunked(text, all), 1);
    memset(text + 2, 'x', 380);
    text[382] = '\0';
    CHECK_ERR(read_chunked(text, all), BL_EHTTP_MALFORMED);
}

TEST(trailers_are_bounded) {
    char text[1000] = "0\r\n";
    char all[64];
    memset(text + 3, 'x', 900);
    CHECK_ERR(read_chunked(text, all), BL_EHTTP_HEAD_SIZE);
    CHECK_ERR(read_chunked("0\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n\r\n", all),
              BL_EHTTP_HEAD_SIZE);
}

TEST(a_body_that_is_cut_off_is_told, (at_once)) {
    const char text[] = "5\r\nhello\r\n0\r\nA: b\r\n\r\n";
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        struct post post;
        char all[64];
        T_INFO("cut at %zu", cut);
        post_open(&post, BL__HTTP_CHUNKED, -1, at_once);
        post_send(&post, text, cut);
        post_end(&post);
        CHECK_ERR(read_all(&post, 64, all), BL_EHTTP_TRUNCATED);
        CHECK_ERR(bl_http_body_read(&post.body, all, 1), BL_EHTTP_TRUNCATED);
        post_close(&post);
    }
}

TEST(the_limit_of_a_body_holds_before_it_is_read) {
    struct post post;
    char all[64];
    post_open(&post, BL__HTTP_LENGTH, 5, 0);
    post.body.bytes_max = 4;
    CHECK_ERR(bl_http_body_read(&post.body, all, 1), BL_EHTTP_BODY_SIZE);
    post_close(&post);
    post_open(&post, BL__HTTP_CHUNKED, -1, 0);
    post.body.bytes_max = 4;
    post_send(&post, "3\r\nabc\r\n2\r\n", 11);
    CHECK_ERR(bl_http_body_read_all(&post.body, all, 2), BL_EMSGSIZE);
    CHECK_EQ(bl_http_body_read(&post.body, all, 64), 1);
    CHECK_ERR(bl_http_body_read(&post.body, all, 64), BL_EHTTP_BODY_SIZE);
    CHECK_ERR(bl_http_body_read(&post.body, all, 64), BL_EHTTP_BODY_SIZE);
    post_close(&post);
    post_open(&post, BL__HTTP_UNTIL_CLOSE, -1, 0);
    post.body.bytes_max = 4;
    post_send(&post, "abcde", 5);
    CHECK_ERR(read_all(&post, 64, all), BL_EHTTP_BODY_SIZE);
    post_close(&post);
}

TEST(arguments_of_reading_are_checked) {
    struct post post;
    char *data;
    post_open(&post, BL__HTTP_LENGTH, 5, 0);
    CHECK_ERR(bl_http_body_read(NULL, &data, 1), BL_EINVAL);
    CHECK_ERR(bl_http_body_read(&post.body, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_http_body_read_all(NULL, &data, 1), BL_EINVAL);
    CHECK_ERR(bl_http_body_read_all(&post.body, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_http_body_take(NULL, 1, &data, NULL), BL_EINVAL);
    CHECK_ERR(bl_http_body_take(&post.body, 1, NULL, NULL), BL_EINVAL);
    CHECK_EQ(bl_http_body_length(NULL), 0);
    CHECK_EQ(bl_http_body_trailers(NULL)->count, 0);
    post_close(&post);
}

/* ---- slow peers --------------------------------------------------------- */

/* Sends a byte each second, for as long as it is let. */
static int send_slowly(void *arg) {
    struct post *post = arg;
    for (;;) {
        int rc = bl_sleep(SEC(1));
        if (rc < 0) return rc;
        rc = bl_stream_write_all(post->ends[1], "x", 1, NULL);
        if (rc < 0) return rc;
    }
}

TEST(a_body_that_comes_a_byte_a_second_is_given_up) {
    struct post post;
    char all[2000];
    post_open(&post, BL__HTTP_LENGTH, 1000, 0);
    post.body.pace.patience = SEC(30);
    post.body.pace.rate = 100;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, send_slowly, &post));
    TAKES(SEC(30)) {
        CHECK_ERR(read_all(&post, 10, all), BL_ETIMEDOUT);
    }
    CHECK_ERR(bl_http_body_read(&post.body, all, 1), BL_ETIMEDOUT);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    post_close(&post);
}

TEST(a_reader_that_is_slow_itself_has_time) {
    struct post post;
    char all[10];
    post_open(&post, BL__HTTP_LENGTH, 10, 0);
    post.body.pace.patience = SEC(1);
    post_send(&post, "0123456789", 10);
    for (int i = 0; i < 10; i++) {
        CHECK_OK(bl_sleep(SEC(60)));
        CHECK_EQ(bl_http_body_read(&post.body, all, 1), 1);
    }
    CHECK_EQ(bl_http_body_read(&post.body, all, 1), 0);
    post_close(&post);
}

TEST(bytes_earn_time) {
    bl__http_pace pace = { .patience = SEC(10), .rate = 1000 };
    CHECK_EQ(bl__http_pace_left(&pace), SEC(10));
    pace.moved = 5000;
    pace.waited = SEC(12);
    CHECK_EQ(bl__http_pace_left(&pace), SEC(3));
    pace.rate = 0;
    CHECK_LT(bl__http_pace_left(&pace), 0);
    pace.patience = BL_FOREVER;
    CHECK_EQ(bl__http_pace_left(&pace), BL_FOREVER);
}

static int read_some(void *arg) {
    struct post *post = arg;
    char byte;
    bl_ssize rc = bl_http_body_read(&post->body, &byte, 1);
    CHECK_ERR(rc, BL_ECANCELED);
    return (int)rc;
}

static int read_everything(void *arg) {
    struct post *post = arg;
    char bytes[10];
    bl_ssize rc = bl_http_body_read_all(&post->body, bytes, sizeof bytes);
    CHECK_ERR(rc, BL_ECANCELED);
    return (int)rc;
}

static int take_everything(void *arg) {
    struct post *post = arg;
    char *data;
    int rc = bl_http_body_take(&post->body, 10, &data, NULL);
    CHECK_ERR(rc, BL_ECANCELED);
    return rc;
}

PARAM(bl_task_fn *, way_to_read, read_some, read_everything, take_everything);

TEST(a_cancelled_read_has_read_nothing, (way_to_read)) {
    struct post post;
    char all[8];
    post_open(&post, BL__HTTP_LENGTH, 3, 0);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, way_to_read, &post));
    CHECK_OK(bl_settle());
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    post_send(&post, "abc", 3);
    CHECK_EQ(read_all(&post, 2, all), 3);
    post_close(&post);
}

/* ---- without reading ---------------------------------------------------- */

TEST(a_short_rest_is_discarded, (at_once)) {
    struct post post;
    post_open(&post, BL__HTTP_CHUNKED, -1, at_once);
    post_send(&post, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nNEXT", 25);
    CHECK_OK(bl__http_body_discard(&post.body, 5));
    CHECK(post.body.is_done);
    post_close(&post);
    post_open(&post, BL__HTTP_CHUNKED, -1, at_once);
    post_send(&post, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nNEXT", 25);
    CHECK_ERR(bl__http_body_discard(&post.body, 4), BL_EHTTP_BODY_SIZE);
    post_close(&post);
}

FUZZ(any_chunks_are_survived, .max_len = 300, .corpus = "corpus/chunks") {
    struct post post;
    char all[400];
    post_open(&post, BL__HTTP_CHUNKED, -1, size % 3 == 0 ? 1 : 0);
    post_send(&post, (const char *)data, size);
    post_end(&post);
    bl_ssize count = read_all(&post, 7, all);
    CHECK(count >= 0 || count == BL_EHTTP_MALFORMED ||
          count == BL_EHTTP_TRUNCATED || count == BL_EHTTP_HEAD_SIZE);
    CHECK_LE(count, (bl_ssize)size);
    post_close(&post);
}
