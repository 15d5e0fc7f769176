/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_fetch_job.c - tries of a download, and the pauses between
 *
 * Server and client share a loop and its virtual time.
 */
#include <stdio.h>

#include <belay/test.h>

#include "cli/fetch.h"
#include "support/files.h"

/* A server that has only half of a file, or no time. */
struct house {
    bl_listener *listener;
    const char *tag;  /* of the file; NULL: none */
    const char *wish; /* for Retry-After, with 503; NULL: half of a file */
    int asked;
};

static int answer(bl_http_exchange *exchange, void *arg) {
    struct house *house = arg;
    house->asked++;
    if (house->wish != NULL) {
        BL_TRY(bl_http_add_field(exchange, "Retry-After", house->wish));
        return 503;
    }
    if (house->tag != NULL)
        BL_TRY(bl_http_add_field(exchange, "ETag", house->tag));
    BL_TRY(bl_http_begin(exchange, 200, "text/plain", 10));
    BL_TRY(bl_http_write(exchange, "hello", 5));
    BL_TRY(bl_http_flush(exchange));
    return BL_EIO; /* the connection is cut */
}

static int serve(void *arg) {
    struct house *house = arg;
    bl_http_options options = { .size = sizeof options, .arg = house };
    return bl_http_serve(house->listener, answer, &options);
}

/* Downloads from the house into `folder`, with so many more tries. */
static int fetch_from(struct house *house, const char *folder,
                      uint32_t retries) {
    struct fetch_options options = { .retries = retries,
                                     .timeout = BL_SEC(3600),
                                     .bytes_max = UINT64_MAX };
    struct fetch fetch = { .options = &options };
    bl_http_client_options client = { .size = sizeof client, .proxy = "" };
    char url[BL_ADDR_TEXT_BYTES + 16];
    char where[BL_ADDR_TEXT_BYTES];
    char path[256];
    bl_addr address;
    BL_GROUP_SCOPED(group);

    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    REQUIRE_OK(bl_tcp_listen(&address, &house->listener));
    address = bl_listener_address(house->listener);
    bl_addr_format(&address, where, sizeof where);
    snprintf(url, sizeof url, "http://%s/f", where);
    snprintf(path, sizeof path, "%s", below(folder, "f"));
    REQUIRE_OK(bl_spawn_daemon(&group, serve, house));
    REQUIRE_OK(bl_http_client_open(&client, &fetch.client));
    struct fetch_job job = { .url = url, .path = path, .total = -1 };
    int rc = fetch_job_run(&fetch, &job);
    bl_http_client_close(fetch.client);
    return rc;
}

TEST(what_begins_anew_each_time_has_an_end, (t_tmpdir)) {
    struct house house = { .tag = NULL };
    CHECK_ERR(fetch_from(&house, t_tmpdir, 2), BL_EHTTP_TRUNCATED);
    CHECK_EQ(house.asked, 3);
    CHECK_STR(names_in(t_tmpdir), "");
}

struct wish {
    const char *text;
    bl_ns pause;
};

PARAM(struct wish, wish, { "7", BL_SEC(7) }, { "0", BL_SEC(1) },
      { "-7", BL_SEC(1) }, { "soon", BL_SEC(1) }, { "3600", BL_SEC(30) },
      { "9223372036854775807", BL_SEC(30) });

TEST(a_pause_is_as_long_as_the_server_wishes, (t_tmpdir, t_clock, wish)) {
    struct house house = { .wish = wish.text };
    CHECK_ERR(fetch_from(&house, t_tmpdir, 1), BL_EHTTP_UNEXPECTED);
    CHECK_EQ(house.asked, 2);
    CHECK_EQ(bl_test_elapsed(t_clock), wish.pause);
}
