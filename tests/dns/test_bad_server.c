/* SPDX-License-Identifier: MIT */
/*
 * tests/dns/test_bad_server.c - a name server that, by TCP, is slow or silent,
 * or closes in the middle of its answer
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <string.h>
#include <sys/socket.h>

#include "dns/server.h"

const struct zone server_zone[] = {
    { "large.test", ZONE_TRUNCATED, NULL, 0, NULL },
    { "large.test", ZONE_A, "192.0.2.6", 0, NULL },
    { "small.test", ZONE_A, "192.0.2.1", 0, NULL },
    { NULL, ZONE_END, NULL, 0, NULL },
};

enum {
    /* A head, "large.test" in a question, the same and an address in a record,
     * and the length of it all. */
    ANSWER_BYTES = 2 + 12 + (12 + 4) + (12 + 10 + 4)
};

FIXTURE(bl_dns *, dns, (server)) {
    bl_dns *made = NULL;
    bl_dns_options options = server_options(server);
    REQUIRE_OK(bl_dns_open(&options, &made));
    YIELD(made);
    bl_dns_close(made);
}

/* How many addresses a name has, or a code. */
static int look_up(bl_dns *dns, const char *name) {
    bl_addr addresses[4];
    return bl_dns_look_up(dns, name, AF_INET, 80, addresses, 4);
}

TEST(a_byte_a_second_is_an_answer_after_a_while, (server, dns)) {
    server->drip = SEC(1);
    TAKES(SEC(ANSWER_BYTES)) {
        CHECK_EQ(look_up(dns, "large.test"), 1);
    }
    CHECK_EQ(server->asked_tcp, 1);
}

TEST(a_byte_a_second_is_left_at_the_deadline, (server, dns)) {
    server->drip = SEC(1);
    for (int i = 0; i < 3; i++) {
        TAKES(SEC(4)) {
            CHECK_ERR(bl_wait_for(look_up(dns, "large.test"), SEC(4)),
                      BL_ETIMEDOUT);
        }
        CHECK_EQ(look_up(dns, "small.test"), 1);
    }
}

/* Each try finds the answer cut off, and there is no server to ask instead. */
TEST(an_end_at_each_byte_is_told, (server, dns), .tags = "bulky") {
    server->is_cut = true;
    for (size_t sent = 0; sent < ANSWER_BYTES; sent++) {
        T_INFO("after %zu bytes", sent);
        server->cut_at = sent;
        CHECK_ERR(look_up(dns, "large.test"), BL_EDNS_SERVER);
        CHECK_EQ(look_up(dns, "small.test"), 1);
    }
    server->cut_at = ANSWER_BYTES;
    CHECK_EQ(look_up(dns, "large.test"), 1);
}

TEST(a_byte_alone_and_an_end_are_told_too, (server, dns), .tags = "bulky") {
    server->is_cut = true;
    server->drip = 1;
    for (size_t sent = 0; sent < ANSWER_BYTES; sent += 7) {
        T_INFO("after %zu bytes", sent);
        server->cut_at = sent;
        CHECK_ERR(look_up(dns, "large.test"), BL_EDNS_SERVER);
    }
    server->cut_at = ANSWER_BYTES;
    CHECK_EQ(look_up(dns, "large.test"), 1);
}

TEST(a_server_that_accepts_and_is_silent_is_left_at_the_deadline,
     (server, dns)) {
    server->drip = SEC(3600);
    TAKES(SEC(4)) {
        CHECK_ERR(bl_wait_for(look_up(dns, "large.test"), SEC(4)),
                  BL_ETIMEDOUT);
    }
    CHECK_EQ(look_up(dns, "small.test"), 1);
}

/* Many look-ups share the connection; the deadline of one is its own. */
static int look_up_in_time(void *arg) {
    CHECK_ERR(bl_wait_for(look_up(arg, "large.test"), SEC(4)), BL_ETIMEDOUT);
    return 0;
}

TEST(one_that_leaves_costs_the_others_nothing, (server, dns)) {
    server->drip = SEC(1);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, look_up_in_time, dns));
    CHECK_EQ(look_up(dns, "large.test"), 1);
    CHECK_OK(bl_group_exit(&group, 0));
}
