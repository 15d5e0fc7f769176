/* SPDX-License-Identifier: MIT */
/*
 * tests/dns/test_look_up.c - names to addresses
 *
 *     Legs: sweep threads valgrind
 */
#include <belay/test.h>

#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "dns/server.h"

static void answer_cut_short(struct message *answer,
                             const struct request *request) {
    message_begin(answer, request, 0, 1);
    message_put_a(answer, "192.0.2.1");
    answer->length -= 2;
}

/* A name that points to itself. */
static void answer_in_a_circle(struct message *answer,
                               const struct request *request) {
    message_begin(answer, request, 0, 1);
    message_put16(answer, 0xc000u | (unsigned)answer->length);
    message_put16(answer, (unsigned)request->type);
    message_put16(answer, 1);
    message_put16(answer, 0);
    message_put16(answer, 60);
    message_put16(answer, 0);
}

/* More than a datagram has room for. */
static void answer_with_100(struct message *answer,
                            const struct request *request) {
    char address[32];
    message_begin(answer, request, 0, request->is_tcp ? 100 : 0);
    if (!request->is_tcp) answer->bytes[2] |= 2; /* cut off */
    for (int i = 0; i < 100 && request->is_tcp; i++) {
        snprintf(address, sizeof address, "192.0.2.%d", 101 + i);
        message_put_a(answer, address);
    }
}

/* First what others might send, then the answer: both arrive. */
static void answer_after_a_forgery(struct message *answer,
                                   const struct request *request) {
    message_begin(answer, request, 0, 1);
    message_put_a(answer, "203.0.113.66");
    answer->bytes[0] ^= 0x55; /* of another question */
    sendto(request->fd, answer->bytes, answer->length, 0,
           (const struct sockaddr *)&request->from, request->from_length);
    message_begin(answer, request, 0, 1);
    answer->bytes[13] ^= 1; /* another name */
    message_put_a(answer, "203.0.113.67");
    sendto(request->fd, answer->bytes, answer->length, 0,
           (const struct sockaddr *)&request->from, request->from_length);
    sendto(request->fd, answer->bytes, 5, 0, /* no header */
           (const struct sockaddr *)&request->from, request->from_length);
    message_begin(answer, request, 0, 1);
    message_put_a(answer, "192.0.2.9");
}

const struct zone server_zone[] = {
    { "one.test", ZONE_A, "192.0.2.1", 0, NULL },
    { "both.test", ZONE_A, "192.0.2.2", 0, NULL },
    { "both.test", ZONE_AAAA, "::1", 0, NULL },
    { "here.test", ZONE_A, "127.0.0.1", 0, NULL },
    { "six.test", ZONE_AAAA, "::1", 0, NULL },
    { "many.test", ZONE_A, "192.0.2.11", 0, NULL },
    { "many.test", ZONE_A, "192.0.2.12", 0, NULL },
    { "many.test", ZONE_A, "192.0.2.13", 0, NULL },
    { "100.test", ZONE_RAW, NULL, 0, answer_with_100 },
    { "astray.test", ZONE_CNAME, "elsewhere.example", 0, NULL },
    { "alias.test", ZONE_CNAME, "alias2.test", 0, NULL },
    { "alias2.test", ZONE_CNAME, "one.test", 0, NULL },
    { "empty.test", ZONE_TXT, "no address", 0, NULL },
    { "broken.test", ZONE_RCODE, NULL, 2, NULL },
    { "refused.test", ZONE_RCODE, NULL, 5, NULL },
    { "unable.test", ZONE_RCODE, NULL, 1, NULL },
    { "silent.test", ZONE_SILENCE, NULL, 0, NULL },
    { "slow.test", ZONE_DELAY, NULL, 50, NULL },
    { "slow.test", ZONE_A, "192.0.2.5", 0, NULL },
    { "large.test", ZONE_TRUNCATED, NULL, 0, NULL },
    { "large.test", ZONE_A, "192.0.2.6", 0, NULL },
    { "cut.test", ZONE_RAW, NULL, 0, answer_cut_short },
    { "circle.test", ZONE_RAW, NULL, 0, answer_in_a_circle },
    { "forged.test", ZONE_RAW, NULL, 0, answer_after_a_forgery },
    { "short.example.test", ZONE_A, "192.0.2.21", 0, NULL },
    { "short.other.test", ZONE_A, "192.0.2.22", 0, NULL },
    { "deep.er.other.test", ZONE_A, "192.0.2.23", 0, NULL },
    { "odd.example.test", ZONE_RCODE, NULL, 2, NULL },
    { "odd.other.test", ZONE_A, "192.0.2.24", 0, NULL },
    { NULL, ZONE_END, NULL, 0, NULL },
};

static const char *const domains[] = { "example.test", "other.test" };

static bl_dns_options options_for(const struct server *server) {
    bl_dns_options options = server_options(server);
    options.domains = domains;
    options.domain_count = 2;
    options.has_no_domains = false;
    return options;
}

static bl_dns *dns_for(const struct server *server) {
    bl_dns *dns = NULL;
    bl_dns_options options = options_for(server);
    REQUIRE_OK(bl_dns_open(&options, &dns));
    return dns;
}

/* Few: for tests in which a question or an answer gets lost. */
static bl_dns *impatient_dns_for(const struct server *server, int tries) {
    bl_dns *dns = NULL;
    bl_dns_options options = options_for(server);
    options.timeout = MS(20);
    options.tries = tries;
    REQUIRE_OK(bl_dns_open(&options, &dns));
    return dns;
}

static const char *text_of(const bl_addr *address) {
    static char text[BL_ADDR_TEXT_BYTES];
    bl_addr_format(address, text, sizeof text);
    return text;
}

/* Looks up IPv4 addresses; returns the first, or the name of the code. */
static const char *v4_of(bl_dns *dns, const char *name) {
    bl_addr address;
    int rc = bl_dns_look_up(dns, name, AF_INET, 80, &address, 1);
    return rc < 0 ? bl_error_name(rc) : text_of(&address);
}

/* ---- answers ------------------------------------------------------------- */

TEST(a_name_has_an_address, (server)) {
    bl_dns *dns = dns_for(server);
    bl_addr address;
    CHECK_EQ(bl_dns_look_up(dns, "one.test", AF_INET, 80, &address, 1), 1);
    CHECK_STR(text_of(&address), "192.0.2.1:80");
    CHECK_EQ(server->asked, 1);
    CHECK_STR(v4_of(dns, "ONE.test."), "192.0.2.1:80");
    bl_dns_close(dns);
}

TEST(both_families_are_asked_for_at_once, (server)) {
    bl_dns *dns = dns_for(server);
    bl_addr addresses[4];
    CHECK_EQ(bl_dns_look_up(dns, "both.test", AF_UNSPEC, 80, addresses, 4), 2);
    CHECK_EQ(server->asked, 2);
    bool is_v6_first = addresses[0].storage.ss_family == AF_INET6;
    CHECK_STR(text_of(&addresses[is_v6_first]), "192.0.2.2:80");
    CHECK_STR(text_of(&addresses[!is_v6_first]), "[::1]:80");
    CHECK_EQ(bl_dns_look_up(dns, "both.test", AF_UNSPEC, 80, addresses, 1), 1);
    CHECK_EQ(bl_dns_look_up(dns, "six.test", AF_UNSPEC, 80, addresses, 4), 1);
    CHECK_STR(text_of(&addresses[0]), "[::1]:80");
    CHECK_EQ(bl_dns_look_up(dns, "both.test", AF_INET6, 0, addresses, 4), 1);
    CHECK_STR(text_of(&addresses[0]), "[::1]:0");
    bl_dns_close(dns);
}

TEST(all_addresses_come_as_far_as_there_is_room, (server)) {
    bl_dns *dns = dns_for(server);
    bl_addr addresses[4];
    CHECK_EQ(bl_dns_look_up(dns, "many.test", AF_UNSPEC, 1, addresses, 4), 3);
    CHECK_STR(text_of(&addresses[0]), "192.0.2.11:1");
    CHECK_STR(text_of(&addresses[2]), "192.0.2.13:1");
    CHECK_EQ(bl_dns_look_up(dns, "many.test", AF_UNSPEC, 1, addresses, 2), 2);
    bl_dns_close(dns);
}

TEST(a_hundred_addresses_come_too, (server)) {
    static bl_addr addresses[200];
    bl_dns *dns = dns_for(server);
    CHECK_EQ(bl_dns_look_up(dns, "100.test", AF_INET, 1, addresses, 200), 100);
    CHECK_STR(text_of(&addresses[0]), "192.0.2.101:1");
    CHECK_STR(text_of(&addresses[99]), "192.0.2.200:1");
    bl_dns_close(dns);
}

TEST(aliases_are_followed, (server)) {
    bl_dns *dns = dns_for(server);
    CHECK_STR(v4_of(dns, "alias.test"), "192.0.2.1:80");
    bl_dns_close(dns);
}

TEST(an_answer_that_is_cut_off_is_asked_for_by_tcp, (server)) {
    bl_dns *dns = dns_for(server);
    CHECK_STR(v4_of(dns, "large.test"), "192.0.2.6:80");
    CHECK_EQ(server->asked_tcp, 1);
    bl_dns_close(dns);
}

TEST(an_answer_may_take_its_time, (server)) {
    bl_dns *dns = dns_for(server);
    bl_ns begun = bl_now();
    CHECK_STR(v4_of(dns, "slow.test"), "192.0.2.5:80");
    CHECK_GE(bl_now() - begun, MS(50));
    bl_dns_close(dns);
}

TEST(a_lost_question_is_asked_again, (server), .tags = "bulky") {
    bl_dns *dns = impatient_dns_for(server, 8);
    server->drops = 1;
    CHECK_STR(v4_of(dns, "one.test"), "192.0.2.1:80");
    CHECK_GE(server->asked, 2);
    bl_dns_close(dns);
}

TEST(a_forged_answer_is_passed_over, (server)) {
    bl_dns *dns = dns_for(server);
    CHECK_STR(v4_of(dns, "forged.test"), "192.0.2.9:80");
    bl_dns_close(dns);
}

TEST(the_next_server_is_asked_when_one_fails, (server), .tags = "bulky") {
    struct zone bad[] = {
        { "one.test", ZONE_RCODE, NULL, 2, NULL },
        { "many.test", ZONE_SILENCE, NULL, 0, NULL },
        { NULL, ZONE_END, NULL, 0, NULL },
    };
    struct server other;
    bl_dns *dns = NULL;
    BL_GROUP_SCOPED(group);
    server_open(&other, bad, &group);
    bl_addr servers[2] = { other.address, server->address };
    bl_dns_options options = options_for(server);
    options.servers = servers;
    options.server_count = 2;
    options.timeout = MS(20);
    options.tries = 8;
    REQUIRE_OK(bl_dns_open(&options, &dns));
    CHECK_STR(v4_of(dns, "one.test"), "192.0.2.1:80");
    CHECK_STR(v4_of(dns, "many.test"), "192.0.2.11:80");
    CHECK_GE(other.asked, 2);
    bl_dns_close(dns);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    server_close(&other);
}

/* ---- failures ------------------------------------------------------------ */

TEST(a_name_that_does_not_exist, (server)) {
    bl_dns *dns = dns_for(server);
    bl_addr address = { .length = 0 };
    CHECK_ERR(bl_dns_look_up(dns, "none.test", AF_UNSPEC, 80, &address, 1),
              BL_EDNS_NONAME);
    CHECK_STR(bl_error_message(bl_error_current(BL_EDNS_NONAME)),
              "none.test: there is no such name");
    CHECK_EQ(address.length, 0);
    bl_dns_close(dns);
}

TEST(a_name_without_an_address, (server)) {
    bl_dns *dns = dns_for(server);
    bl_addr address = { .length = 0 };
    CHECK_ERR(bl_dns_look_up(dns, "empty.test", AF_UNSPEC, 80, &address, 1),
              BL_EDNS_NODATA);
    CHECK_ERR(bl_dns_look_up(dns, "one.test", AF_INET6, 80, &address, 1),
              BL_EDNS_NODATA);
    /* It is an alias, and that is all that is known. */
    CHECK_ERR(bl_dns_look_up(dns, "astray.test", AF_INET, 80, &address, 1),
              BL_EDNS_NODATA);
    CHECK_ERR(bl_dns_look_up(dns, "192.0.2.1", AF_INET6, 80, &address, 1),
              BL_EDNS_NODATA);
    CHECK_EQ(address.length, 0);
    bl_dns_close(dns);
}

TEST(a_server_that_fails, (server)) {
    bl_dns *dns = dns_for(server);
    bl_addr address;
    CHECK_ERR(bl_dns_look_up(dns, "broken.test", AF_UNSPEC, 80, &address, 1),
              BL_EDNS_SERVER);
    CHECK_ERR(bl_dns_look_up(dns, "unable.test", AF_INET, 80, &address, 1),
              BL_EDNS_SERVER);
    CHECK_ERR(bl_dns_look_up(dns, "refused.test", AF_INET, 80, &address, 1),
              BL_EDNS_REFUSED);
    bl_dns_close(dns);
}

TEST(a_server_that_does_not_answer, (server)) {
    bl_dns *dns = impatient_dns_for(server, 2);
    bl_addr address;
    CHECK_ERR(bl_dns_look_up(dns, "silent.test", AF_INET, 80, &address, 1),
              BL_EDNS_TIMEOUT);
    CHECK_EQ(server->asked, 2); /* as many as there are tries */
    bl_dns_close(dns);
}

TEST(a_server_that_is_not_there, (server)) {
    struct server gone;
    bl_dns *dns = NULL;
    bl_addr address;
    BL_GROUP_SCOPED(group);
    server_open(&gone, server_zone, &group);
    bl_dns_options options = options_for(&gone);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    server_close(&gone);
    REQUIRE_OK(bl_dns_open(&options, &dns));
    CHECK_ERR(bl_dns_look_up(dns, "one.test", AF_INET, 80, &address, 1),
              BL_EDNS_SERVER);
    CHECK_EQ(server->asked, 0);
    bl_dns_close(dns);
}

TEST(an_answer_that_is_malformed, (server)) {
    bl_dns *dns = dns_for(server);
    bl_addr address;
    CHECK_ERR(bl_dns_look_up(dns, "cut.test", AF_INET, 80, &address, 1),
              BL_EDNS_MALFORMED);
    CHECK_ERR(bl_dns_look_up(dns, "circle.test", AF_INET, 80, &address, 1),
              BL_EDNS_MALFORMED);
    CHECK_STR(v4_of(dns, "one.test"), "192.0.2.1:80");
    bl_dns_close(dns);
}

TEST(what_cannot_be_asked_is_refused, (server)) {
    bl_dns *dns = dns_for(server);
    bl_addr address;
    char long_name[300];
    char long_label[70] = { 0 };
    memset(long_name, 'a', sizeof long_name);
    for (size_t i = 10; i < sizeof long_name; i += 10)
        long_name[i] = '.';
    long_name[254] = '\0';
    memset(long_label, 'a', 64);
    CHECK_ERR(bl_dns_look_up(NULL, "a", AF_INET, 1, &address, 1), BL_EINVAL);
    CHECK_ERR(bl_dns_look_up(dns, NULL, AF_INET, 1, &address, 1), BL_EINVAL);
    CHECK_ERR(bl_dns_look_up(dns, "a", AF_INET, 1, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_dns_look_up(dns, "a", AF_INET, 1, &address, 0), BL_EINVAL);
    CHECK_ERR(bl_dns_look_up(dns, "a", AF_UNIX, 1, &address, 1), BL_EINVAL);
    const char *const bad[] = { "",        ".",       "a..b",    ".a",
                                "a b",     "a\\b",    "a\n",     "\xc3\xa4",
                                "fe80::%", "1::2::3", long_name, long_label };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        T_INFO("name %zu", i);
        int rc = bl_dns_look_up(dns, bad[i], AF_UNSPEC, 1, &address, 1);
        CHECK_EQ(rc, BL_EINVAL);
    }
    long_name[253] = '\0';
    CHECK_ERR(bl_dns_look_up(dns, long_name, AF_INET, 1, &address, 1),
              BL_EDNS_NONAME);
    bl_dns_close(dns);
}

/* ---- search domains ------------------------------------------------------ */

TEST(short_names_are_looked_for_in_each_domain, (server)) {
    bl_dns *dns = dns_for(server);
    CHECK_STR(v4_of(dns, "short"), "192.0.2.21:80");
    CHECK_EQ(server->asked, 1);
    CHECK_STR(v4_of(dns, "deep.er"), "192.0.2.23:80"); /* as it is first */
    CHECK_EQ(server->asked, 4);
    CHECK_STR(v4_of(dns, "short."), "BL_EDNS_NONAME");
    CHECK_EQ(server->asked, 5);
    bl_dns_close(dns);
}

TEST(no_stranger_is_taken_for_a_name_that_failed, (server)) {
    bl_dns *dns = dns_for(server);
    CHECK_STR(v4_of(dns, "odd"), "BL_EDNS_SERVER");
    bl_dns_close(dns);
}

TEST(without_domains_names_are_taken_as_they_are, (server)) {
    bl_dns *dns = NULL;
    bl_dns_options options = options_for(server);
    options.domain_count = 0;
    options.has_no_domains = true;
    REQUIRE_OK(bl_dns_open(&options, &dns));
    CHECK_STR(v4_of(dns, "short"), "BL_EDNS_NONAME");
    CHECK_EQ(server->asked, 1);
    CHECK_STR(server->last, "short");
    bl_dns_close(dns);
}

/* ---- without a server ---------------------------------------------------- */

TEST(numbers_are_read, (server)) {
    bl_dns *dns = dns_for(server);
    bl_addr address;
    char text[64];
    char zoned[80];
    char name[IF_NAMESIZE];
    CHECK_STR(v4_of(dns, "127.0.0.1"), "127.0.0.1:80");
    CHECK_EQ(bl_dns_look_up(dns, "::1", AF_UNSPEC, 80, &address, 1), 1);
    CHECK_STR(text_of(&address), "[::1]:80");
    REQUIRE(if_indextoname(1, name) != NULL);
    snprintf(zoned, sizeof zoned, "fe80::1%%%s", name);
    CHECK_EQ(bl_dns_look_up(dns, zoned, AF_INET6, 80, &address, 1), 1);
    snprintf(text, sizeof text, "[fe80::1%%%s]:80", name);
    CHECK_STR(text_of(&address), text);
    CHECK_EQ(server->asked, 0);
    bl_dns_close(dns);
}

TEST(localhost_is_known, (server)) {
    bl_dns *dns = dns_for(server);
    bl_addr addresses[2];
    CHECK_EQ(bl_dns_look_up(dns, "localhost", AF_UNSPEC, 1, addresses, 2), 2);
    CHECK_STR(text_of(&addresses[0]), "[::1]:1");
    CHECK_STR(text_of(&addresses[1]), "127.0.0.1:1");
    CHECK_STR(v4_of(dns, "me.LocalHost."), "127.0.0.1:80");
    CHECK_STR(v4_of(dns, "nolocalhost."), "BL_EDNS_NONAME");
    CHECK_EQ(server->asked, 1);
    bl_dns_close(dns);
}

/* ---- host and port ------------------------------------------------------- */

TEST(a_host_and_a_port_are_resolved, (server)) {
    bl_dns *dns = dns_for(server);
    bl_addr addresses[4];
    CHECK_EQ(bl_dns_resolve(dns, "many.test:443", addresses, 4), 3);
    CHECK_STR(text_of(&addresses[1]), "192.0.2.12:443");
    CHECK_EQ(bl_dns_resolve(dns, "[::1]:80", addresses, 4), 1);
    CHECK_STR(text_of(&addresses[0]), "[::1]:80");
    CHECK_ERR(bl_dns_resolve(dns, "none.test:80", addresses, 4),
              BL_EDNS_NONAME);
    CHECK_ERR(bl_dns_resolve(dns, "one.test", addresses, 4), BL_EINVAL);
    CHECK_ERR(bl_dns_resolve(dns, "one.test:", addresses, 4), BL_EINVAL);
    CHECK_ERR(bl_dns_resolve(dns, "one.test:65536", addresses, 4), BL_EINVAL);
    CHECK_ERR(bl_dns_resolve(dns, "one.test:http", addresses, 4), BL_EINVAL);
    CHECK_ERR(bl_dns_resolve(dns, "one.test:80", addresses, 0), BL_EINVAL);
    CHECK_ERR(bl_dns_resolve(dns, "one.test:80", NULL, 4), BL_EINVAL);
    CHECK_ERR(bl_dns_resolve(dns, NULL, addresses, 4), BL_EINVAL);
    CHECK_ERR(bl_dns_resolve(NULL, "one.test:80", addresses, 4), BL_EINVAL);
    bl_dns_close(dns);
}

static int accept_one(void *arg) {
    bl_stream *stream;
    int rc = bl_listener_accept(arg, &stream, NULL);
    if (rc == 0) bl_stream_abort(stream);
    return rc;
}

TEST(connecting_by_name_can_use_it, (server)) {
    bl_dns *dns = dns_for(server);
    bl_listener *listener;
    bl_stream *stream = NULL;
    bl_addr address;
    char where[32];
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    REQUIRE_OK(bl_tcp_listen(&address, &listener));
    address = bl_listener_address(listener);
    snprintf(where, sizeof where, "here.test:%d", bl_addr_port(&address));

    bl_connect_options options = {
        .size = sizeof options,
        .resolve = bl_dns_resolve,
        .resolve_context = dns,
    };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, accept_one, listener));
    int rc = bl_connect_name(where, &options, &stream);
    CHECK_OK(rc);
    if (rc < 0) bl_group_cancel(&group); /* nobody comes */
    CHECK_OK(bl_group_exit(&group, 0));
    bl_stream_abort(stream);
    CHECK_ERR(bl_connect_name("none.test:80", &options, &stream),
              BL_EDNS_NONAME);
    bl_listener_close(listener);
    bl_dns_close(dns);
}

/* ---- everything that can go wrong ---------------------------------------- */

TEST(cancelled_or_without_memory_nothing_leaks, (server),
     .sweep = T_CANCEL | T_OOM) {
    bl_dns *dns = NULL;
    bl_addr addresses[4];
    bl_dns_options options = options_for(server);
    int rc = bl_dns_open(&options, &dns);
    CHECK_ALWAYS(rc == 0 || rc == BL_ENOMEM || rc == BL_ECANCELED ||
                 rc == BL_EAGAIN);
    if (rc < 0) return;
    rc = bl_dns_look_up(dns, "both.test", AF_UNSPEC, 1, addresses, 4);
    CHECK_ALWAYS(rc == 2 || rc == BL_ENOMEM || rc == BL_ECANCELED ||
                 t_injected());
    CHECK_EQ(rc, 2);
    rc = bl_dns_look_up(dns, "short", AF_INET, 1, addresses, 4);
    CHECK_EQ(rc, 1);
    bl_dns_close(dns);
}

TEST(by_tcp_nothing_leaks_either, (server), .sweep = T_CANCEL | T_OOM) {
    bl_dns *dns = NULL;
    bl_dns_options options = options_for(server);
    if (bl_dns_open(&options, &dns) < 0) return;
    CHECK_STR(v4_of(dns, "large.test"), "192.0.2.6:80");
    bl_dns_close(dns);
}
