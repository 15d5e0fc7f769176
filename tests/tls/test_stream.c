/* SPDX-License-Identifier: MIT */
/*
 * tests/tls/test_stream.c - bytes, ends, cancellation and keys
 *
 * Rigid are those in which one end waits for what the other one sends: did that
 * one fail, it would wait for ever.
 *
 *     Legs: sweep kernel
 */
#include <belay/test.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "support/sockets.h"
#include "support/streams.h"
#include "tls/pairs.h"

enum {
    MUCH = 1024 * 1024,
    FEW = 40000 /* some records */
};

PARAM(int, carrier, OVER_MEMORY, OVER_TCP, OVER_KERNEL);
PARAM(bool, is_closed, false, true);

static char much[MUCH];
static char got[MUCH];

static void fill_much(void) {
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (char)(i * 31 % 253);
}

/* ---- much -------------------------------------------------------------- */

static int op_read_exactly(void *arg) {
    struct stream_op *op = arg;
    op->result =
        bl_stream_read_exactly(op->stream, op->bytes, op->count, &op->done);
    return 0;
}

TEST(much_goes_both_ways_at_once, (carrier), .tags = "rigid") {
    struct tls_pair pair;
    static char back[MUCH];
    fill_much();
    pair_open(&pair, (enum tls_carrier)carrier);
    struct stream_op writes[2] = {
        { .stream = pair.client.stream, .bytes = much, .count = MUCH },
        { .stream = pair.server.stream, .bytes = much, .count = MUCH },
    };
    struct stream_op reads[2] = {
        { .stream = pair.client.stream, .bytes = back, .count = MUCH },
        { .stream = pair.server.stream, .bytes = got, .count = MUCH },
    };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 2; i++) {
        REQUIRE_OK(bl_spawn(&group, stream_op_write_all, &writes[i]));
        REQUIRE_OK(bl_spawn(&group, op_read_exactly, &reads[i]));
    }
    CHECK_OK(bl_group_exit(&group, 0));
    for (int i = 0; i < 2; i++) {
        CHECK_OK(writes[i].result);
        CHECK_OK(reads[i].result);
    }
    CHECK(memcmp(got, much, MUCH) == 0);
    CHECK(memcmp(back, much, MUCH) == 0);
    pair_abort(&pair);
}

TEST(parts_are_written_and_filled_in_order, .tags = "rigid") {
    struct tls_pair pair;
    char first[3];
    char second[40];
    struct iovec out[] = { { .iov_base = "ab", .iov_len = 2 },
                           { .iov_base = NULL, .iov_len = 0 },
                           { .iov_base = "cdefg", .iov_len = 5 } };
    struct iovec in[] = { { .iov_base = first, .iov_len = 3 },
                          { .iov_base = second, .iov_len = 40 } };
    fill_much();
    pair_open(&pair, OVER_MEMORY);
    CHECK_EQ(bl_stream_writev(pair.client.stream, out, 3), 7);
    CHECK_EQ(bl_stream_readv(pair.server.stream, in, 2), 7);
    CHECK_MEM(first, 3, "abc", 3);
    CHECK_MEM(second, 4, "defg", 4);
    out[2] = (struct iovec){ .iov_base = much, .iov_len = 30000 };
    CHECK_EQ(bl_stream_writev(pair.client.stream, out, 3), 16384);
    CHECK_OK(bl_stream_read_exactly(pair.server.stream, got, 16384, NULL));
    CHECK(memcmp(got + 2, much, 16382) == 0);
    CHECK_ERR(bl_stream_wait(pair.server.stream, BL_READABLE), BL_ENOTSUP);
    pair_abort(&pair);
}

TEST(a_peer_that_does_not_read_makes_its_writer_wait, .tags = "rigid") {
    struct tls_pair pair;
    fill_much();
    pair_open(&pair, OVER_MEMORY);
    struct stream_op op = { .stream = pair.client.stream,
                            .bytes = much,
                            .count = MUCH };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, stream_op_write_all, &op));
    t_settle();
    CHECK(!op.has_ended);
    CHECK_OK(bl_stream_read_exactly(pair.server.stream, got, MUCH, NULL));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(op.result);
    CHECK(memcmp(got, much, MUCH) == 0);
    pair_abort(&pair);
}

TEST(a_file_is_sent_encrypted, (carrier), .tags = "rigid") {
    struct tls_pair pair;
    fill_much();
    int file = plain_file();
    REQUIRE_EQ(write(file, much, 100000), 100000);
    pair_open(&pair, (enum tls_carrier)carrier);
    struct stream_op reads = { .stream = pair.server.stream,
                               .bytes = got,
                               .count = 100000 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read_exactly, &reads));
    CHECK_OK(bl_stream_send_file(pair.client.stream, file, 0, 100000, NULL));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(reads.result);
    CHECK(memcmp(got, much, 100000) == 0);
    close(file);
    pair_abort(&pair);
}

/* ---- files ------------------------------------------------------------- */

/* A file on its way to the server, which a task sends. */
struct sending {
    struct tls_pair pair;
    int file;
    size_t done;
    size_t come; /* at the server */
    int rc;
    bool has_ended;
};

static int send_much(void *arg) {
    struct sending *sending = arg;
    sending->rc = bl_stream_send_file(sending->pair.client.stream,
                                      sending->file, 0, MUCH, &sending->done);
    sending->has_ended = true;
    return 0;
}

static int file_of_much(void) {
    int file = plain_file();
    fill_much();
    REQUIRE_EQ(write(file, much, MUCH), MUCH);
    return file;
}

/* Has the sender stuck in the middle: nobody reads. */
static void stick_file(struct sending *sending, bl_group *group, int carrier) {
    *sending = (struct sending){ .file = file_of_much() };
    pair_open(&sending->pair, (enum tls_carrier)carrier);
    REQUIRE_OK(bl_spawn(group, send_much, sending));
    t_settle();
    REQUIRE(!sending->has_ended);
}

static void end_file(struct sending *sending) {
    pair_abort(&sending->pair);
    close(sending->file);
}

/* The server has got what was said to be sent, and the rest does not come. */
static void check_that_file_is_cut(struct sending *sending) {
    struct tls_pair *pair = &sending->pair;
    CHECK(bl_stream_is_cut(pair->client.stream));
    CHECK_ERR(bl_stream_write(pair->client.stream, "x", 1), BL_EMISUSE);
    /* Tickets that nobody has read would make a reset of the end. */
    CHECK_ERR(bl_stream_try_read(pair->client.stream, got, 1), BL_EAGAIN);
    CHECK_OK(bl_stream_close(pair->client.stream));
    pair->client.stream = NULL;
    CHECK_ERR(bl_stream_read(pair->server.stream, got, 1), BL_ETLSTRUNCATED);
}

TEST(a_file_goes_between_what_is_written_around_it, (carrier),
     .tags = "rigid") {
    struct tls_pair pair;
    int file = file_of_much();
    pair_open(&pair, (enum tls_carrier)carrier);
    struct stream_op reads = { .stream = pair.server.stream,
                               .bytes = got,
                               .count = MUCH };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read_exactly, &reads));
    CHECK_OK(bl_stream_write_all(pair.client.stream, much, 7, NULL));
    CHECK_OK(bl_stream_send_file(pair.client.stream, file, 7, 500000, NULL));
    CHECK_OK(bl_stream_send_file(pair.client.stream, file, 500007, 1, NULL));
    CHECK_OK(bl_stream_write_all(pair.client.stream, much + 500008,
                                 MUCH - 500008, NULL));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(reads.result);
    CHECK(memcmp(got, much, MUCH) == 0);
    CHECK_OK(bl_stream_close(pair.client.stream));
    pair.client.stream = NULL;
    CHECK_EQ(bl_stream_read(pair.server.stream, got, 1), 0);
    close(file);
    pair_abort(&pair);
}

TEST(a_cancelled_file_has_come_as_far_as_was_said, (carrier), .tags = "rigid") {
    struct sending sending;
    BL_GROUP_SCOPED(group);
    stick_file(&sending, &group, carrier);
    bl_stream *client = sending.pair.client.stream;
    CHECK_ERR(bl_stream_write(client, "x", 1), BL_EBUSY);
    CHECK_ERR(bl_stream_send_file(client, sending.file, 0, 1, NULL), BL_EBUSY);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(sending.rc, BL_ECANCELED);
    CHECK_GT(sending.done, 0);
    CHECK_LT(sending.done, MUCH);

    /* Reading goes on, and sends what is left of the last record. */
    char byte;
    struct stream_op reads = { .stream = client, .bytes = &byte, .count = 1 };
    BL_GROUP_SCOPED(readers);
    REQUIRE_OK(bl_spawn(&readers, stream_op_read, &reads));
    CHECK_OK(bl_stream_read_exactly(sending.pair.server.stream, got,
                                    sending.done, NULL));
    CHECK(memcmp(got, much, sending.done) == 0);
    CHECK_OK(bl_stream_write_all(sending.pair.server.stream, "!", 1, NULL));
    CHECK_OK(bl_group_exit(&readers, 0));
    CHECK_EQ(reads.result, 1);
    check_that_file_is_cut(&sending);
    end_file(&sending);
}

TEST(a_file_that_becomes_shorter_is_cut, (carrier), .tags = "rigid") {
    struct sending sending;
    BL_GROUP_SCOPED(group);
    stick_file(&sending, &group, carrier);
    REQUIRE_OK(ftruncate(sending.file, MUCH - 1000));
    CHECK_OK(bl_stream_read_exactly(sending.pair.server.stream, got,
                                    MUCH - 1000, NULL));
    CHECK(memcmp(got, much, MUCH - 1000) == 0);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(sending.rc, BL_EIO);
    CHECK_EQ(sending.done, MUCH - 1000);
    check_that_file_is_cut(&sending);
    end_file(&sending);
}

TEST(a_file_that_is_not_there_is_not_begun, (carrier), .tags = "rigid") {
    struct tls_pair pair;
    int file = plain_file();
    pair_open(&pair, (enum tls_carrier)carrier);
    CHECK_ERR(bl_stream_send_file(pair.client.stream, file, 0, 1, NULL),
              BL_EIO);
    CHECK_ERR(bl_stream_send_file(pair.client.stream, -1, 0, 1, NULL),
              BL_EBADF);
    CHECK_OK(bl_stream_send_file(pair.client.stream, file, 0, 0, NULL));
    CHECK(!bl_stream_is_cut(pair.client.stream));
    CHECK_OK(bl_stream_shutdown_write(pair.client.stream));
    REQUIRE_EQ(write(file, "x", 1), 1);
    CHECK_ERR(bl_stream_send_file(pair.client.stream, file, 0, 1, NULL),
              BL_EPIPE);
    CHECK_EQ(bl_stream_read(pair.server.stream, got, 1), 0);
    close(file);
    pair_abort(&pair);
}

TEST(a_file_for_a_peer_that_is_gone_is_a_code_and_no_signal, (carrier)) {
    struct sending sending = { .file = file_of_much() };
    signal(SIGPIPE, SIG_DFL);
    pair_open(&sending.pair, (enum tls_carrier)carrier);
    bl_stream_abort(sending.pair.server.stream);
    sending.pair.server.stream = NULL;
    CHECK_OK(send_much(&sending));
    CHECK(sending.rc == BL_EPIPE || sending.rc == BL_ECONNRESET);
    CHECK_LT(sending.done, MUCH);
    end_file(&sending);
}

TEST(ending_a_stream_ends_its_file, (carrier, is_closed), .tags = "rigid") {
    struct sending sending;
    BL_GROUP_SCOPED(group);
    stick_file(&sending, &group, carrier);
    if (is_closed) {
        CHECK_ERR(bl_stream_close(sending.pair.client.stream), BL_ETIMEDOUT);
    } else {
        bl_stream_abort(sending.pair.client.stream);
    }
    sending.pair.client.stream = NULL;
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(sending.rc, BL_ECLOSED);
    CHECK_LT(sending.done, MUCH);
    end_file(&sending);
}

static int end_once(struct tls_end *end, int rc) {
    if (rc < 0) {
        bl_stream_abort(end->stream);
    } else {
        rc = bl_stream_close(end->stream);
    }
    end->stream = NULL;
    return rc;
}

/* Shakes hands, and reads what comes of the file. */
static int receive_once(void *arg) {
    struct sending *sending = arg;
    struct tls_end *end = &sending->pair.server;
    bl_ssize count = -1;
    int rc = bl_tls_accept(end->context, end->under, NULL, &end->stream);
    if (rc < 0) bl_stream_abort(end->under);
    end->under = NULL;
    while (rc == 0 && count != 0) {
        count = bl_stream_read(end->stream, got + sending->come,
                               MUCH - sending->come);
        if (count < 0) rc = (int)count;
        if (count > 0) sending->come += (size_t)count;
    }
    CHECK_ALWAYS(memcmp(got, much, sending->come) == 0);
    if (rc == 0) CHECK_ALWAYS(sending->come == FEW); /* it has ended well */
    return end_once(end, rc);
}

static int send_once(struct sending *sending) {
    struct tls_end *end = &sending->pair.client;
    bl_tls_options options = { .size = sizeof options, .waits_for_end = true };
    int rc = bl_tls_connect(end->context, end->under, end->host, &options,
                            &end->stream);
    if (rc < 0) bl_stream_abort(end->under);
    end->under = NULL;
    if (rc == 0) {
        rc = bl_stream_send_file(end->stream, sending->file, 0, FEW,
                                 &sending->done);
    }
    return end_once(end, rc);
}

TEST(a_file_arrives_or_the_sender_knows, .sweep = T_CANCEL | T_OOM | T_IO) {
    struct sending sending = { .file = plain_file() };
    fill_much();
    REQUIRE_EQ(write(sending.file, much, FEW), FEW);
    int rc = pair_try_make(&sending.pair, OVER_KERNEL);
    if (rc == 0) {
        BL_GROUP(group, rc) {
            rc = bl_spawn(group, receive_once, &sending);
            if (rc == 0) rc = send_once(&sending);
        }
    }
    CHECK_OK(rc);
    if (!t_injected()) CHECK_EQ(sending.come, FEW);
    bl_error_handled();
    end_file(&sending);
}

/* ---- trying ------------------------------------------------------------ */

/* What a server sends behind its handshake, such as tickets, is no data. */
TEST(a_try_tells_data_from_what_tls_says_for_itself, (carrier),
     .tags = "rigid") {
    struct tls_pair pair;
    char bytes[8];
    pair_open(&pair, (enum tls_carrier)carrier);
    CHECK_ERR(bl_stream_try_read(pair.client.stream, bytes, 8), BL_EAGAIN);
    CHECK_OK(bl_tls_update_keys(pair.server.stream));
    CHECK_OK(bl_stream_write_all(pair.server.stream, "abc", 3, NULL));
    for (size_t total = 0; total < 3;) { /* in one record or in three */
        bl_ssize count =
            bl_stream_try_read(pair.client.stream, bytes + total, 3);
        REQUIRE_GT(count, 0);
        total += (size_t)count;
    }
    CHECK_MEM(bytes, 3, "abc", 3);
    CHECK_ERR(bl_stream_try_read(pair.client.stream, bytes, 8), BL_EAGAIN);
    CHECK_OK(bl_stream_shutdown_write(pair.server.stream));
    CHECK_EQ(bl_stream_try_read(pair.client.stream, bytes, 8), 0);
    pair_abort(&pair);
}

TEST(a_try_finds_what_was_cut_off, (carrier)) {
    struct tls_pair pair;
    char bytes[8];
    pair_open(&pair, (enum tls_carrier)carrier);
    bl_stream_abort(pair.server.stream); /* says no goodbye */
    pair.server.stream = NULL;
    CHECK_ERR(bl_stream_try_read(pair.client.stream, bytes, 8),
              BL_ETLSTRUNCATED);
    CHECK_ERR(bl_stream_read(pair.client.stream, bytes, 8), BL_ETLSTRUNCATED);
    pair_abort(&pair);
}

TEST(a_record_that_comes_in_parts_is_tried_again, .tags = "rigid") {
    struct tls_pair pair;
    char bytes[8];
    pair_open(&pair, BYTE_BY_BYTE);
    struct stream_op op = { .stream = pair.server.stream,
                            .bytes = "abc",
                            .count = 3 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, stream_op_write_all, &op));
    size_t total = 0;
    for (int i = 0; total < 3 && i < 1000; i++) {
        bl_ssize count =
            bl_stream_try_read(pair.client.stream, bytes + total, 3);
        if (count != BL_EAGAIN) REQUIRE_GT(count, 0);
        if (count > 0) total += (size_t)count;
        REQUIRE_OK(bl_yield());
    }
    CHECK_MEM(bytes, total, "abc", 3);
    CHECK_OK(bl_group_exit(&group, 0));
    pair_abort(&pair);
}

/* A try does not wait, so it leaves the alert to whoever comes next. */
TEST(what_a_try_finds_wrong_is_told_by_the_next_call, (is_closed)) {
    struct tls_pair pair;
    char bytes[8];
    pair_open(&pair, OVER_MEMORY);
    CHECK_OK(bl_stream_write_all(pair.ends[0], "garbage", 7, NULL));
    CHECK_ERR(bl_stream_try_read(pair.server.stream, bytes, 8), BL_ETLS);
    CHECK_ERR(bl_stream_try_read(pair.server.stream, bytes, 8), BL_ETLS);
    CHECK_ERR(bl_stream_try_read(pair.client.stream, bytes, 8), BL_EAGAIN);
    if (is_closed) {
        CHECK_OK(bl_stream_close(pair.server.stream));
        pair.server.stream = NULL;
    } else {
        CHECK_ERR(bl_stream_read(pair.server.stream, bytes, 8), BL_ETLS);
    }
    CHECK_ERR(bl_stream_try_read(pair.client.stream, bytes, 8), BL_ETLSALERT);
    pair_abort(&pair);
}

/* ---- ends -------------------------------------------------------------- */

TEST(one_direction_ends_alone, (carrier), .tags = "rigid") {
    struct tls_pair pair;
    char bytes[8];
    pair_open(&pair, (enum tls_carrier)carrier);
    CHECK_OK(bl_stream_write_all(pair.client.stream, "bye", 3, NULL));
    CHECK_OK(bl_stream_shutdown_write(pair.client.stream));
    CHECK_OK(bl_stream_shutdown_write(pair.client.stream)); /* as it is */
    CHECK_ERR(bl_stream_write(pair.client.stream, "x", 1), BL_EPIPE);
    CHECK_ERR(bl_tls_update_keys(pair.client.stream), BL_EMISUSE);
    CHECK_OK(bl_stream_read_exactly(pair.server.stream, bytes, 3, NULL));
    CHECK_EQ(bl_stream_read(pair.server.stream, bytes, 8), 0);
    CHECK_EQ(bl_stream_read(pair.server.stream, bytes, 8), 0);
    CHECK_OK(bl_stream_write_all(pair.server.stream, "ok", 2, NULL));
    CHECK_OK(bl_stream_read_exactly(pair.client.stream, bytes, 2, NULL));
    CHECK_OK(bl_stream_close(pair.server.stream));
    CHECK_EQ(bl_stream_read(pair.client.stream, bytes, 8), 0);
    CHECK_OK(bl_stream_close(pair.client.stream));
    pair.client.stream = pair.server.stream = NULL;
    pair_abort(&pair);
}

TEST(a_stream_that_is_cut_off_has_not_ended, (carrier)) {
    struct tls_pair pair;
    char bytes[8];
    pair_open(&pair, (enum tls_carrier)carrier);
    CHECK_OK(bl_stream_write_all(pair.server.stream, "half", 4, NULL));
    bl_stream_abort(pair.server.stream); /* says no goodbye */
    pair.server.stream = NULL;
    CHECK_OK(bl_stream_read_exactly(pair.client.stream, bytes, 4, NULL));
    CHECK_ERR(bl_stream_read(pair.client.stream, bytes, 8), BL_ETLSTRUNCATED);
    CHECK_ERR(bl_stream_read(pair.client.stream, bytes, 8), BL_ETLSTRUNCATED);
    CHECK_OK(bl_stream_close(pair.client.stream));
    pair.client.stream = NULL;
    pair_abort(&pair);
}

static int op_close(void *arg) {
    struct stream_op *op = arg;
    op->result = bl_stream_close(op->stream);
    op->has_ended = true;
    return 0;
}

TEST(closing_says_goodbye_even_when_cancelled) {
    struct tls_pair pair;
    char byte;
    bl_scope scope;
    pair_open(&pair, OVER_MEMORY);
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_OK(bl_stream_close(pair.client.stream));
    CHECK_OK(bl_scope_exit(&scope, 0));
    pair.client.stream = NULL;
    CHECK_EQ(bl_stream_read(pair.server.stream, &byte, 1), 0);
    pair_abort(&pair);
}

/* A pair over a narrow lower stream, and its writer stuck in the middle. */
static void stick(struct tls_pair *pair, bl_group *group,
                  struct stream_op *op) {
    fill_much();
    pair_open(pair, OVER_MEMORY);
    *op = (struct stream_op){ .stream = pair->client.stream,
                              .bytes = much,
                              .count = 300 * 1024 };
    REQUIRE_OK(bl_spawn(group, stream_op_write_all, op));
    t_settle();
    REQUIRE(!op->has_ended);
}

TEST(a_goodbye_that_nobody_takes_ends_after_a_while) {
    struct tls_pair pair;
    struct stream_op op;
    BL_GROUP_SCOPED(group);
    stick(&pair, &group, &op);
    bl_ns began = bl_now();
    CHECK_ERR(bl_stream_close(pair.client.stream), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - began, SEC(5));
    pair.client.stream = NULL;
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECLOSED);
    pair_abort(&pair);
}

TEST(closing_waits_for_the_peers_goodbye_if_asked) {
    struct tls_pair pair;
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    pair_make(&pair, &client, &server, OVER_MEMORY);
    pair.client.options.waits_for_end = true;
    pair.client.options.close_ns_max = SEC(60);
    pair_shake(&pair);
    struct stream_op op = { .stream = pair.client.stream };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_close, &op));
    t_settle();
    CHECK(!op.has_ended);
    CHECK_OK(bl_stream_write_all(pair.server.stream, "late", 4, NULL));
    CHECK_OK(bl_stream_close(pair.server.stream));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(op.result);
    pair.client.stream = pair.server.stream = NULL;
    pair_abort(&pair);
}

TEST(aborting_sends_its_tasks_away) {
    struct tls_pair pair;
    struct stream_op writes;
    char byte;
    BL_GROUP_SCOPED(group);
    stick(&pair, &group, &writes);
    struct stream_op reads = { .stream = pair.client.stream,
                               .bytes = &byte,
                               .count = 1 };
    struct stream_op closes = { .stream = pair.client.stream };
    REQUIRE_OK(bl_spawn(&group, stream_op_read, &reads));
    REQUIRE_OK(bl_spawn(&group, op_close, &closes));
    t_settle();
    bl_stream_abort(pair.client.stream);
    pair.client.stream = NULL;
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(reads.result, BL_ECLOSED);
    CHECK_ERR(writes.result, BL_ECLOSED);
    CHECK_ERR(closes.result, BL_ECLOSED);
    pair_abort(&pair);
}

/* ---- cancellation ------------------------------------------------------ */

TEST(a_cancelled_read_has_lost_nothing, .tags = "rigid") {
    struct tls_pair pair;
    char bytes[8];
    pair_open(&pair, BYTE_BY_BYTE);
    struct stream_op op = { .stream = pair.server.stream,
                            .bytes = bytes,
                            .count = 8 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, stream_op_read, &op));
    t_settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECANCELED);
    CHECK_OK(bl_stream_write_all(pair.client.stream, "whole", 5, NULL));
    CHECK_OK(bl_stream_read_exactly(pair.server.stream, bytes, 5, NULL));
    CHECK_MEM(bytes, 5, "whole", 5);
    pair_abort(&pair);
}

TEST(a_write_cut_short_is_no_end_for_the_peer) {
    struct tls_pair pair;
    struct stream_op op;
    BL_GROUP_SCOPED(group);
    stick(&pair, &group, &op);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECANCELED);
    CHECK_GT(op.done, 0);
    CHECK(bl_stream_is_cut(pair.client.stream));
    CHECK_ERR(bl_stream_write(pair.client.stream, "x", 1), BL_EMISUSE);
    CHECK_OK(bl_stream_close(pair.client.stream));
    pair.client.stream = NULL;
    bl_ssize count;
    while ((count = bl_stream_read(pair.server.stream, got, MUCH)) > 0) {}
    CHECK_ERR(count, BL_ETLSTRUNCATED);
    pair_abort(&pair);
}

static int op_write(void *arg) {
    struct stream_op *op = arg;
    op->result = bl_stream_write(op->stream, op->bytes, op->count);
    op->has_ended = true;
    return 0;
}

/* Has a write of 64 KiB cancelled in the middle: its records are more than the
 * lower stream holds. */
static void write_and_cancel(struct tls_pair *pair) {
    struct stream_op op = { .stream = pair->client.stream,
                            .bytes = much,
                            .count = 64 * 1024 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_write, &op));
    t_settle();
    REQUIRE(!op.has_ended);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(op.result, 64 * 1024); /* they were moved, so not cancelled */
}

static void check_that_much_comes(struct tls_pair *pair) {
    memset(got, 0, 64 * 1024);
    CHECK_OK(bl_stream_read_exactly(pair->server.stream, got, 64 * 1024, NULL));
    CHECK(memcmp(got, much, 64 * 1024) == 0);
}

TEST(what_a_cancelled_write_took_is_sent_by_a_reader, .tags = "rigid") {
    struct tls_pair pair;
    char bytes[8];
    fill_much();
    pair_open(&pair, OVER_MEMORY);
    struct stream_op reads = { .stream = pair.client.stream,
                               .bytes = bytes,
                               .count = 8 };
    BL_GROUP_SCOPED(group);
    write_and_cancel(&pair);
    REQUIRE_OK(bl_spawn(&group, stream_op_read, &reads));
    t_settle();
    CHECK(!reads.has_ended);
    /* The peer speaks first, and reads nothing until it was heard. */
    CHECK_OK(bl_stream_write_all(pair.server.stream, "first", 5, NULL));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_GT(reads.result, 0);
    CHECK_MEM(bytes, (size_t)reads.result, "first", (size_t)reads.result);
    size_t left = 5 - (size_t)reads.result;
    CHECK_OK(bl_stream_read_exactly(pair.client.stream, bytes, left, NULL));

    BL_GROUP_SCOPED(again);
    REQUIRE_OK(bl_spawn(&again, stream_op_read, &reads));
    check_that_much_comes(&pair);
    CHECK_OK(bl_stream_shutdown_write(pair.server.stream));
    CHECK_OK(bl_group_exit(&again, 0));
    CHECK_EQ(reads.result, 0);
    pair_abort(&pair);
}

TEST(what_a_cancelled_write_took_is_sent_by_a_writer, .tags = "rigid") {
    struct tls_pair pair;
    fill_much();
    pair_open(&pair, OVER_MEMORY);
    struct stream_op more = { .stream = pair.client.stream,
                              .bytes = much,
                              .count = 64 * 1024 };
    BL_GROUP_SCOPED(group);
    write_and_cancel(&pair);
    REQUIRE_OK(bl_spawn(&group, stream_op_write_all, &more));
    check_that_much_comes(&pair);
    check_that_much_comes(&pair);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(more.result);
    pair_abort(&pair);
}

TEST(a_reader_that_waits_already_takes_over, .tags = "rigid") {
    struct tls_pair pair;
    char bytes[8];
    fill_much();
    pair_open(&pair, OVER_MEMORY);
    struct stream_op reads = { .stream = pair.client.stream,
                               .bytes = bytes,
                               .count = 8 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, stream_op_read, &reads));
    t_settle();
    write_and_cancel(&pair);
    CHECK(!reads.has_ended);
    check_that_much_comes(&pair);
    CHECK_OK(bl_stream_write_all(pair.server.stream, "thanks", 6, NULL));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_GT(reads.result, 0);
    CHECK_MEM(bytes, (size_t)reads.result, "thanks", (size_t)reads.result);
    pair_abort(&pair);
}

/* It has a child that sends meanwhile, in a group.  Usually the reader is first
 * and hears of the reset; who comes second hears of the end. */
TEST(a_reader_that_sends_too_fails_with_its_own_error, .tags = "rigid order") {
    struct tls_pair pair;
    char bytes[8];
    pair_open(&pair, OVER_TCP);
    struct stream_op reads = { .stream = pair.client.stream,
                               .bytes = bytes,
                               .count = 8 };
    BL_GROUP_SCOPED(group);
    fill(bl_stream_fd(pair.ends[0]));
    write_and_cancel(&pair);
    REQUIRE_OK(bl_spawn(&group, stream_op_read, &reads));
    t_settle();
    CHECK(!reads.has_ended);
    close_by_reset(bl_stream_fd(pair.ends[1]));
    bl_stream_abort(pair.server.stream);
    pair.server.stream = NULL;
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(reads.result, BL_ECONNRESET);
    pair_abort(&pair);
}

/* ---- keys -------------------------------------------------------------- */

static int write_with_new_keys(void *arg) {
    struct tls_pair *pair = arg;
    for (size_t at = 0; at < MUCH; at += MUCH / 16) {
        int rc = bl_tls_update_keys(pair->client.stream);
        if (rc < 0) return rc;
        rc = bl_stream_write_all(pair->client.stream, much + at, MUCH / 16,
                                 NULL);
        if (rc < 0) return rc;
    }
    return 0;
}

TEST(keys_change_in_the_middle, (carrier), .tags = "rigid") {
    struct tls_pair pair;
    static char back[MUCH];
    fill_much();
    pair_open(&pair, (enum tls_carrier)carrier);
    if (described(pair.client.stream).is_sent_by_kernel) {
        CHECK_ERR(bl_tls_update_keys(pair.client.stream), BL_ENOTSUP);
        pair_abort(&pair);
        return;
    }
    struct stream_op echo = { .stream = pair.server.stream,
                              .bytes = much,
                              .count = MUCH };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, write_with_new_keys, &pair));
    CHECK_OK(bl_stream_read_exactly(pair.server.stream, got, MUCH, NULL));
    /* The answers, the server's own new keys, go before what it writes. */
    REQUIRE_OK(bl_spawn(&group, stream_op_write_all, &echo));
    CHECK_OK(bl_stream_read_exactly(pair.client.stream, back, MUCH, NULL));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK(memcmp(got, much, MUCH) == 0);
    CHECK(memcmp(back, much, MUCH) == 0);
    pair_abort(&pair);
}

/* ---- records that were changed on the way ------------------------------- */

TEST(a_record_that_was_changed_is_refused, (t_rng), .tags = "bulky") {
    for (int i = 0; i < 50; i++) {
        struct tls_pair pair;
        char bytes[64];
        pair_open(&pair, OVER_MEMORY);
        t_rng_fill(t_rng, bytes, sizeof bytes);
        CHECK_OK(bl_stream_write_all(pair.ends[0], bytes,
                                     1 + t_rng_below(t_rng, 63), NULL));
        CHECK_OK(bl_stream_shutdown_write(pair.ends[0]));
        bl_ssize count = bl_stream_read(pair.server.stream, bytes, 8);
        CHECK(count == BL_ETLS || count == BL_ETLSTRUNCATED);
        CHECK_ERR(bl_stream_write(pair.server.stream, "x", 1), (int)count);
        CHECK_ERR(bl_tls_update_keys(pair.server.stream), BL_EMISUSE);
        pair_abort(&pair);
    }
}
