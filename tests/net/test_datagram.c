/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_datagram.c - UDP, and local datagrams
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"

PARAM(bool, is_local, false, true);

/* A new address of either kind. */
static bl_addr somewhere(bool local) {
    static int number;
    char text[64];
    bl_addr address;
    if (!local) return loopback();
    snprintf(text, sizeof text, "unix:@belay-test-%d-%d", (int)getpid(),
             number++);
    REQUIRE_OK(bl_addr_parse(text, &address));
    return address;
}

static bl_datagram *open_at(bool local, const bl_datagram_options *options) {
    bl_addr address = somewhere(local);
    bl_datagram *datagram;
    REQUIRE_OK(bl_datagram_open(&address, options, &datagram));
    return datagram;
}

struct op {
    bl_datagram *datagram;
    char bytes[16];
    bl_ssize result;
    bool has_ended;
};

static int op_recv(void *arg) {
    struct op *op = arg;
    op->result =
        bl_datagram_recv(op->datagram, op->bytes, sizeof op->bytes, NULL);
    op->has_ended = true;
    return 0;
}

/* ---- one at a time ----------------------------------------------------- */

TEST(a_datagram_arrives_with_its_sender, (is_local)) {
    bl_datagram *here = open_at(is_local, NULL);
    bl_datagram *there = open_at(is_local, NULL);
    bl_addr to = bl_datagram_address(there);
    bl_addr from;
    char bytes[16];
    CHECK_OK(bl_datagram_send(here, "hello", 5, &to));
    CHECK_EQ(bl_datagram_recv(there, bytes, sizeof bytes, &from), 5);
    CHECK_MEM(bytes, 5, "hello", 5);
    bl_addr expected = bl_datagram_address(here);
    CHECK(bl_addr_is_equal(&from, &expected));
    CHECK_OK(bl_datagram_send(there, NULL, 0, &from)); /* an empty one counts */
    CHECK_EQ(bl_datagram_recv(here, bytes, sizeof bytes, NULL), 0);
    CHECK_GE(bl_datagram_fd(here), 0);
    bl_datagram_close(here);
    bl_datagram_close(there);
}

TEST(a_cut_datagram_tells_how_long_it_was, (is_local)) {
    bl_datagram *here = open_at(is_local, NULL);
    bl_addr to = bl_datagram_address(here);
    char bytes[4] = "....";
    CHECK_OK(bl_datagram_send(here, "hello you", 9, &to));
    CHECK_OK(bl_datagram_send(here, "next", 4, &to));
    CHECK_EQ(bl_datagram_recv(here, bytes, 3, NULL), 9);
    CHECK_MEM(bytes, 4, "hel.", 4);
    CHECK_EQ(bl_datagram_recv(here, bytes, 4, NULL), 4); /* the rest is gone */
    CHECK_MEM(bytes, 4, "next", 4);
    bl_datagram_close(here);
}

TEST(receiving_waits, (is_local)) {
    bl_datagram *here = open_at(is_local, NULL);
    bl_addr to = bl_datagram_address(here);
    char byte;
    for (int i = 0; i < 3; i++) {
        struct op op = { .datagram = here };
        BL_GROUP_SCOPED(group);
        REQUIRE_OK(bl_spawn(&group, op_recv, &op));
        t_settle();
        CHECK(!op.has_ended);
        WITHIN(SEC(1)) {
            CHECK_ERR(bl_datagram_recv(here, &byte, 1, NULL), BL_EBUSY);
        }
        REQUIRE_OK(bl_datagram_send(here, "x", 1, &to));
        CHECK_OK(bl_group_exit(&group, 0));
        CHECK_EQ(op.result, 1);
    }
    bl_datagram_close(here);
}

TEST(a_cancelled_receive_has_received_nothing, (is_local)) {
    bl_datagram *here = open_at(is_local, NULL);
    bl_addr to = bl_datagram_address(here);
    struct op op = { .datagram = here };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_recv, &op));
    t_settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECANCELED);
    CHECK_OK(bl_datagram_send(here, "late", 4, &to));
    CHECK_EQ(bl_datagram_recv(here, op.bytes, 16, NULL), 4);
    bl_datagram_close(here);
}

TEST(closing_sends_away_who_waits) {
    bl_datagram *here = open_at(false, NULL);
    struct op op = { .datagram = here };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_recv, &op));
    t_settle();
    CHECK_NO_CHECKPOINTS bl_datagram_close(here);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECLOSED);
    bl_datagram_close(NULL);
}

/* ---- connected --------------------------------------------------------- */

TEST(a_connected_socket_hears_its_peer_alone, (is_local)) {
    bl_datagram *peer = open_at(is_local, NULL);
    bl_addr remote = bl_datagram_address(peer);
    bl_datagram_options options = { .size = sizeof options, .remote = &remote };
    bl_datagram *here = open_at(is_local, &options);
    bl_addr own = bl_datagram_address(here);
    char bytes[8];
    CHECK_OK(bl_datagram_send(here, "ask", 3, NULL));
    CHECK_EQ(bl_datagram_recv(peer, bytes, 8, NULL), 3);
    bl_datagram *stranger = open_at(is_local, NULL);
    BL_IGNORE(bl_datagram_send(stranger, "noise", 5, &own) < 0); /* refused */
    CHECK_OK(bl_datagram_send(peer, "answer", 6, &own));
    CHECK_EQ(bl_datagram_recv(here, bytes, 8, NULL), 6);
    bl_datagram_close(stranger);
    bl_datagram_close(here);
    bl_datagram_close(peer);
}

TEST(a_connected_socket_learns_that_nobody_listens) {
    bl_datagram *peer = open_at(false, NULL);
    bl_addr remote = bl_datagram_address(peer);
    bl_datagram_options options = { .size = sizeof options, .remote = &remote };
    bl_datagram *here;
    char bytes[8];
    REQUIRE_OK(bl_datagram_open(NULL, &options, &here));
    bl_datagram_close(peer);
    CHECK_OK(bl_datagram_send(here, "ask", 3, NULL));
    CHECK_ERR(bl_datagram_recv(here, bytes, 8, NULL), BL_ECONNREFUSED);
    CHECK_OK(bl_datagram_send(here, "ask", 3, NULL));
    CHECK_ERR(bl_datagram_send(here, "ask", 3, NULL), BL_ECONNREFUSED);
    bl_datagram_close(here);
}

/* ---- sending that waits ------------------------------------------------ */

struct flood {
    bl_datagram *datagram;
    bl_addr to;
    int sent;
    int rc;
};

static int flood(void *arg) {
    struct flood *work = arg;
    while (work->rc == 0 && work->sent < 500) {
        work->rc = bl_datagram_send(work->datagram, "x", 1, &work->to);
        if (work->rc == 0) work->sent++;
    }
    return 0;
}

/* A local socket whose peer does not receive takes only so many. */
TEST(sending_waits_for_room) {
    bl_datagram *peer = open_at(true, NULL);
    bl_addr remote = bl_datagram_address(peer);
    bl_datagram_options options = { .size = sizeof options, .remote = &remote };
    struct flood work = { .datagram = open_at(true, &options) };
    char byte;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, flood, &work));
    t_settle();
    CHECK_LT(work.sent, 500);
    WITHIN(SEC(1)) {
        CHECK_ERR(bl_datagram_send(work.datagram, "y", 1, NULL), BL_EBUSY);
    }
    for (int i = 0; i < 500; i++) {
        REQUIRE_EQ(bl_wait_for(bl_datagram_recv(peer, &byte, 1, NULL), SEC(1)),
                   1);
        CHECK_EQ(byte, 'x');
    }
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(work.rc);
    CHECK_EQ(work.sent, 500);
    bl_datagram_close(work.datagram);
    bl_datagram_close(peer);
}

/* ---- batches ----------------------------------------------------------- */

enum {
    MANY = 100
};

TEST(messages_that_did_not_come_are_left_as_they_were, (is_local)) {
    char bytes[3][8];
    bl_message in[3];
    bl_datagram *here = open_at(is_local, NULL);
    bl_addr to = bl_datagram_address(here);
    for (int i = 0; i < 3; i++) {
        in[i] = (bl_message){ .data = bytes[i], .bytes = 8 };
    }
    CHECK_ERR(bl_wait_for(bl_datagram_recv_many(here, in, 3), SEC(1)),
              BL_ETIMEDOUT);
    CHECK_EQ(in[0].addr.length, 0);
    CHECK_OK(bl_datagram_send(here, "x", 1, &to));
    CHECK_EQ(bl_datagram_recv_many(here, in, 3), 1);
    CHECK(bl_addr_is_equal(&in[0].addr, &to));
    CHECK_EQ(in[1].addr.length, 0); /* sent on, it has no address */
    CHECK_EQ(in[2].addr.length, 0);
    bl_datagram_close(here);
}

TEST(batches_are_sent_and_received, (is_local)) {
    static char texts[MANY][8];
    bl_message *out = bl_alloc(MANY * sizeof *out);
    bl_message *in = bl_alloc(MANY * sizeof *in);
    REQUIRE(out != NULL);
    REQUIRE(in != NULL);
    bl_datagram *here = open_at(is_local, NULL);
    bl_datagram *there = open_at(is_local, NULL);
    int received = 0;
    size_t sent = 0;
    while (sent < MANY) {
        for (size_t i = 0; i < MANY; i++) {
            int length = snprintf(texts[i], sizeof texts[i], "%zu", i);
            out[i] = (bl_message){ .data = texts[i],
                                   .bytes = (size_t)length,
                                   .addr = bl_datagram_address(there) };
        }
        /* A local socket holds only a few. */
        size_t batch = is_local && MANY - sent > 5 ? 5 : MANY - sent;
        int count = bl_datagram_send_many(here, out + sent, batch);
        REQUIRE_GT(count, 0);
        CHECK_LE(count, 64);
        sent += (size_t)count;
        while (received < (int)sent) {
            char bytes[MANY][8];
            for (int i = 0; i < MANY; i++) {
                in[i] = (bl_message){ .data = bytes[i], .bytes = 8 };
            }
            count = bl_datagram_recv_many(there, in, MANY);
            REQUIRE_GT(count, 0);
            for (int i = 0; i < count; i++) {
                REQUIRE_EQ(in[i].length, received < 10 ? 1 : 2);
                bytes[i][in[i].length] = '\0';
                CHECK_EQ(atoi(bytes[i]), received);
                bl_addr from = bl_datagram_address(here);
                CHECK(bl_addr_is_equal(&in[i].addr, &from));
                received++;
            }
        }
    }
    bl_datagram_close(here);
    bl_datagram_close(there);
    bl_free(out);
    bl_free(in);
}

/* ---- refusals ---------------------------------------------------------- */

TEST(bad_arguments_are_refused) {
    static char much[70000];
    bl_addr address = loopback();
    bl_datagram *here = NULL;
    bl_message message = { .data = NULL, .bytes = 1 };
    bl_datagram_options options = { .size = 0 };
    char byte;
    CHECK_ERR(bl_datagram_open(NULL, NULL, &here), BL_EINVAL);
    CHECK_ERR(bl_datagram_open(&address, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_datagram_open(&address, &options, &here), BL_EINVAL);
    options = (bl_datagram_options){ .size = sizeof options, .send_bytes = -1 };
    CHECK_ERR(bl_datagram_open(&address, &options, &here), BL_EINVAL);
    CHECK(here == NULL);
    here = open_at(false, NULL);
    address = bl_datagram_address(here);
    bl_datagram *second = NULL;
    CHECK_ERR(bl_datagram_open(&address, NULL, &second), BL_EADDRINUSE);
    CHECK(second == NULL);
    CHECK_ERR(bl_datagram_send(here, much, sizeof much, &address), BL_EMSGSIZE);
    CHECK_ERR(bl_datagram_send(here, NULL, 1, &address), BL_EINVAL);
    CHECK_ERR(bl_datagram_send(NULL, "x", 1, &address), BL_EINVAL);
    CHECK_ERR(bl_datagram_send(here, "x", 1, NULL), -EDESTADDRREQ);
    CHECK_ERR(bl_datagram_recv(here, NULL, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_datagram_recv(NULL, &byte, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_datagram_send_many(here, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_datagram_send_many(here, &message, 1), BL_EINVAL);
    CHECK_ERR(bl_datagram_send_many(here, &message, 0), BL_EINVAL);
    CHECK_ERR(bl_datagram_recv_many(here, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_datagram_recv_many(here, &message, 1), BL_EINVAL);
    CHECK_EQ(bl_datagram_fd(NULL), -1);
    CHECK_EQ(bl_datagram_address(NULL).length, 0);
    bl_datagram_close(here);
}

static int use_elsewhere(void *arg) {
    char byte;
    CHECK_ERR(bl_datagram_send(arg, "x", 1, NULL), BL_ETHREAD);
    CHECK_ERR(bl_datagram_recv(arg, &byte, 1, NULL), BL_ETHREAD);
    return 0;
}

static void use_without_loop(void *arg) {
    bl_addr address;
    bl_datagram *datagram;
    char byte;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    CHECK_ERR(bl_datagram_open(&address, NULL, &datagram), BL_ENOLOOP);
    CHECK_ERR(bl_datagram_send(arg, "x", 1, NULL), BL_ENOLOOP);
    CHECK_ERR(bl_datagram_recv(arg, &byte, 1, NULL), BL_ENOLOOP);
}

static void use_in_callback(void *context) {
    struct op *op = context;
    CHECK_ERR(bl_datagram_send(op->datagram, "x", 1, NULL), BL_ENOTASK);
    CHECK_ERR(bl_datagram_recv(op->datagram, op->bytes, 1, NULL), BL_ENOTASK);
    op->has_ended = true;
}

TEST(only_a_task_of_its_loop_uses_it) {
    bl_call call = { 0 };
    struct op op = { .datagram = open_at(false, NULL) };
    CHECK_OK(run_elsewhere(use_elsewhere, op.datagram, NULL));
    on_thread(use_without_loop, op.datagram);
    bl_call_soon(bl_loop_running(), &call, use_in_callback, &op);
    while (!op.has_ended)
        CHECK_OK(bl_sleep(1));
    bl_datagram_close(op.datagram);
}

TEST(without_a_descriptor_left_nothing_is_opened) {
    bl_addr address = loopback();
    bl_datagram *datagram = NULL;
    bl_datagram *first = open_at(false, NULL); /* the driver is open */
    limit_descriptors(0);
    int rc = bl_datagram_open(&address, NULL, &datagram);
    unlimit_descriptors();
    CHECK_ERR(rc, BL_EMFILE);
    CHECK(datagram == NULL);
    bl_datagram_close(first);
}

TEST(in_a_cancelled_scope_or_without_memory_nothing_happens) {
    bl_datagram *here = open_at(false, NULL);
    bl_datagram *second = NULL;
    bl_addr address = bl_datagram_address(here);
    bl_addr other = loopback();
    char byte = 'x';
    bl_message message = { .data = &byte, .bytes = 1, .addr = address };
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_datagram_send(here, "x", 1, &address), BL_ECANCELED);
    CHECK_ERR(bl_datagram_recv(here, &byte, 1, NULL), BL_ECANCELED);
    CHECK_ERR(bl_datagram_send_many(here, &message, 1), BL_ECANCELED);
    CHECK_ERR(bl_datagram_recv_many(here, &message, 1), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, 0));
    famine_begin(0);
    CHECK_ERR(bl_datagram_open(&other, NULL, &second), BL_ENOMEM);
    famine_end();
    CHECK(second == NULL);
    bl_datagram_close(here);
}

TEST(closing_sends_away_who_has_no_room) {
    bl_datagram *peer = open_at(true, NULL);
    bl_addr remote = bl_datagram_address(peer);
    bl_datagram_options options = { .size = sizeof options, .remote = &remote };
    struct flood work = { .datagram = open_at(true, &options) };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, flood, &work));
    t_settle();
    bl_datagram_close(work.datagram);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(work.rc, BL_ECLOSED);
    bl_datagram_close(peer);
}

TEST(cancelled_or_without_memory_nothing_leaks, (is_local),
     .sweep = T_CANCEL | T_OOM) {
    bl_addr address = somewhere(is_local);
    bl_datagram *datagram = NULL;
    char bytes[8];
    int rc = bl_datagram_open(&address, NULL, &datagram);
    if (rc == 0) {
        bl_addr to = bl_datagram_address(datagram);
        rc = bl_datagram_send(datagram, "hello", 5, &to);
    }
    if (rc == 0) rc = (int)bl_datagram_recv(datagram, bytes, 8, NULL);
    if (!t_injected()) CHECK_EQ(rc, 5);
    bl_datagram_close(datagram);
}
