/* SPDX-License-Identifier: MIT */
/*
 * tests/dns/test_records.c - SRV, MX, TXT and PTR
 *
 *     Legs: sweep threads valgrind
 */
#include <belay/test.h>

#include <string.h>
#include <sys/socket.h>

#include "dns/server.h"
#include "support/inputs.h"

#define TEN       "0123456789"
#define HUNDRED   TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONG_TEXT HUNDRED HUNDRED HUNDRED

/* A record whose length goes beyond the message. */
static void answer_beyond_the_end(struct message *answer,
                                  const struct request *request) {
    message_begin(answer, request, 0, 1);
    message_put16(answer, 0xc00c);
    message_put16(answer, (unsigned)request->type);
    message_put16(answer, 1);
    message_put16(answer, 0);
    message_put16(answer, 60);
    message_put16(answer, 500);
    message_put16(answer, 10);
}

static bl_test_rng *random_bytes; /* of the test that runs */

/* Three answers with some bytes behind the question changed. */
static void answer_mangled(struct message *answer,
                           const struct request *request) {
    message_begin(answer, request, 0, 3);
    size_t question = answer->length;
    for (int i = 0; i < 3; i++) {
        message_put_name(answer, request->name);
        message_put16(answer, (unsigned)request->type);
        message_put16(answer, 1);
        message_put16(answer, 0);
        message_put16(answer, 60);
        size_t at = answer->length;
        message_put16(answer, 0);
        int numbers = request->type == ZONE_SRV  ? 3
                      : request->type == ZONE_MX ? 1
                                                 : 0;
        for (int j = 0; j < numbers; j++)
            message_put16(answer, 10);
        message_put_name(answer, "host"); /* a text as well, and a NUL */
        if (request->type == ZONE_TXT) answer->length--;
        answer->bytes[at + 1] = (unsigned char)(answer->length - at - 2);
    }
    uint64_t changes = t_rng_below(random_bytes, 6);
    for (uint64_t i = 0; i < changes; i++) {
        size_t bytes = answer->length - question;
        size_t at = question + t_rng_below(random_bytes, bytes);
        answer->bytes[at] = (unsigned char)t_rng_next(random_bytes);
    }
    if (t_rng_below(random_bytes, 4) == 0) {
        answer->length -= t_rng_below(random_bytes, 30);
    }
}

static const uint8_t *any_bytes; /* of the FUZZ test that runs */
static size_t any_count;

/* The first byte is the code, the second says how many records follow. */
static void answer_anything(struct message *answer,
                            const struct request *request) {
    if (any_count < 2) {
        message_begin(answer, request, 0, 1);
        return;
    }
    message_begin(answer, request, any_bytes[0] & 0xf, any_bytes[1] & 0xf);
    memcpy(answer->bytes + answer->length, any_bytes + 2, any_count - 2);
    answer->length += any_count - 2;
}

const struct zone server_zone[] = {
    { "_imap._tcp.test", ZONE_SRV, "20 5 143 old.test", 0, NULL },
    { "_imap._tcp.test", ZONE_SRV, "10 1 993 new.test", 0, NULL },
    { "_imap._tcp.test", ZONE_SRV, "10 7 994 next.test", 0, NULL },
    { "test", ZONE_MX, "20 backup.test", 0, NULL },
    { "test", ZONE_MX, "10 mail.test", 0, NULL },
    { "text.test", ZONE_TXT, "v=spf1 -all", 0, NULL },
    { "text.test", ZONE_TXT, "", 0, NULL },
    { "long.test", ZONE_TXT, LONG_TEXT, 0, NULL },
    { "long.test", ZONE_TXT, "second", 0, NULL },
    { "1.2.0.192.in-addr.arpa", ZONE_PTR, "one.test", 0, NULL },
    { "1.2.0.192.in-addr.arpa", ZONE_PTR, "uno.test", 0, NULL },
    { "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6."
      "arpa",
      ZONE_PTR, "six.test", 0, NULL },
    { "broken.test", ZONE_RCODE, NULL, 2, NULL },
    { "refused.test", ZONE_RCODE, NULL, 5, NULL },
    { "silent.test", ZONE_SILENCE, NULL, 0, NULL },
    { "bad.test", ZONE_RAW, NULL, 0, answer_beyond_the_end },
    { "mangled.test", ZONE_RAW, NULL, 0, answer_mangled },
    { "any.test", ZONE_RAW, NULL, 0, answer_anything },
    { NULL, ZONE_END, NULL, 0, NULL },
};

FIXTURE(bl_dns *, dns, (server)) {
    bl_dns *made = NULL;
    bl_dns_options options = server_options(server);
    REQUIRE_OK(bl_dns_open(&options, &made));
    YIELD(made);
    bl_dns_close(made);
}

TEST(services_come_by_priority, (dns)) {
    bl_dns_record *records = NULL;
    REQUIRE_EQ(bl_dns_query(dns, "_imap._tcp.test", BL_DNS_SRV, &records), 3);
    CHECK_STR(records[0].text, "new.test");
    CHECK_EQ(records[0].bytes, 8);
    CHECK_EQ(records[0].priority, 10);
    CHECK_EQ(records[0].weight, 1);
    CHECK_EQ(records[0].port, 993);
    CHECK_STR(records[1].text, "next.test");
    CHECK_EQ(records[1].weight, 7);
    CHECK_STR(records[2].text, "old.test");
    CHECK_EQ(records[2].priority, 20);
    bl_free(records);
}

TEST(mail_servers_come_by_priority, (dns)) {
    bl_dns_record *records = NULL;
    REQUIRE_EQ(bl_dns_query(dns, "test", BL_DNS_MX, &records), 2);
    CHECK_STR(records[0].text, "mail.test");
    CHECK_EQ(records[0].priority, 10);
    CHECK_STR(records[1].text, "backup.test");
    bl_free(records);
}

TEST(texts_are_put_together_from_their_pieces, (dns)) {
    bl_dns_record *records = NULL;
    REQUIRE_EQ(bl_dns_query(dns, "text.test", BL_DNS_TXT, &records), 2);
    CHECK_STR(records[0].text, "v=spf1 -all");
    CHECK_STR(records[1].text, "");
    CHECK_EQ(records[1].bytes, 0);
    bl_free(records);
    REQUIRE_EQ(bl_dns_query(dns, "long.test", BL_DNS_TXT, &records), 2);
    CHECK_STR(records[0].text, LONG_TEXT);
    CHECK_EQ(records[0].bytes, 300);
    CHECK_STR(records[1].text, "second");
    bl_free(records);
}

TEST(an_address_has_names, (dns)) {
    bl_dns_record *records = NULL;
    bl_addr address;
    REQUIRE_OK(bl_addr_parse("192.0.2.1:80", &address));
    REQUIRE_EQ(bl_dns_names(dns, &address, &records), 2);
    CHECK_STR(records[0].text, "one.test");
    CHECK_STR(records[1].text, "uno.test");
    bl_free(records);
    REQUIRE_OK(bl_addr_parse("[2001:db8::1]:80", &address));
    REQUIRE_EQ(bl_dns_names(dns, &address, &records), 1);
    CHECK_STR(records[0].text, "six.test");
    bl_free(records);
    REQUIRE_OK(bl_addr_parse("192.0.2.2:80", &address));
    CHECK_ERR(bl_dns_names(dns, &address, &records), BL_EDNS_NONAME);
    address.length = 0;
    CHECK_ERR(bl_dns_names(dns, &address, &records), BL_EINVAL);
    CHECK_ERR(bl_dns_names(dns, NULL, &records), BL_EINVAL);
}

TEST(a_server_that_does_not_answer, (server)) {
    bl_dns *dns = NULL;
    bl_dns_record *records = NULL;
    bl_dns_options options = server_options(server);
    options.timeout = MS(20);
    REQUIRE_OK(bl_dns_open(&options, &dns));
    CHECK_ERR(bl_dns_query(dns, "silent.test", BL_DNS_MX, &records),
              BL_EDNS_TIMEOUT);
    CHECK(records == NULL);
    bl_dns_close(dns);
}

TEST(a_query_that_fails_says_why, (dns)) {
    bl_dns_record *records = NULL;
    CHECK_ERR(bl_dns_query(dns, "none.test", BL_DNS_MX, &records),
              BL_EDNS_NONAME);
    CHECK_STR(bl_error_message(bl_error_current(BL_EDNS_NONAME)),
              "none.test: there is no such name");
    CHECK_ERR(bl_dns_query(dns, "text.test", BL_DNS_MX, &records),
              BL_EDNS_NODATA);
    CHECK_ERR(bl_dns_query(dns, "broken.test", BL_DNS_MX, &records),
              BL_EDNS_SERVER);
    CHECK_ERR(bl_dns_query(dns, "refused.test", BL_DNS_MX, &records),
              BL_EDNS_REFUSED);
    CHECK_ERR(bl_dns_query(dns, "bad.test", BL_DNS_SRV, &records),
              BL_EDNS_MALFORMED);
    CHECK_ERR(bl_dns_query(dns, "bad.test", BL_DNS_MX, &records),
              BL_EDNS_MALFORMED);
    CHECK_ERR(bl_dns_query(dns, "bad.test", BL_DNS_TXT, &records),
              BL_EDNS_MALFORMED);
    CHECK_ERR(bl_dns_query(dns, "bad.test", BL_DNS_PTR, &records),
              BL_EDNS_MALFORMED);
    CHECK(records == NULL);
}

/* 100,000 of them: BELAY_TEST_INPUTS=100000 and the name of this test. */
TEST(mangled_answers_do_no_harm, (server, dns, t_rng), .tags = "bulky large",
     .watchdog = SEC(3600), .timeout = SEC(1000000)) {
    static const bl_dns_type types[] = { BL_DNS_PTR, BL_DNS_MX, BL_DNS_TXT,
                                         BL_DNS_SRV };
    const int rounds = inputs_wanted(6000) / 3;
    int answers = 0;
    random_bytes = t_rng;
    for (int i = 0; i < rounds; i++) {
        bl_dns_record *records = NULL;
        int rc = bl_dns_query(dns, "mangled.test", types[i % 4], &records);
        CHECK(rc > 0 || rc == BL_EDNS_MALFORMED || rc == BL_EDNS_NODATA);
        CHECK_EQ(rc > 0, records != NULL);
        for (int j = 0; j < rc; j++) {
            CHECK_EQ(records[j].text[records[j].bytes], '\0');
        }
        answers += rc > 0;
        bl_free(records);

        bl_addr addresses[4];
        rc = bl_dns_look_up(dns, "mangled.test", AF_UNSPEC, 80, addresses, 4);
        CHECK(rc > 0 || rc == BL_EDNS_MALFORMED || rc == BL_EDNS_NODATA ||
              rc == BL_EDNS_NONAME);
    }
    CHECK_GT(answers, rounds / 20);
    CHECK_LT(answers, rounds - rounds / 20);
    CHECK_EQ(server->asked, 3 * rounds);
}

/* Errors of names and servers, and what is malformed. */
static bool is_expected(int rc) {
    return rc > 0 || (rc <= BL_EDNS_NONAME && rc >= BL_EDNS_MALFORMED);
}

FUZZ(any_answer_is_survived, (dns), .max_len = 300, .corpus = "corpus/answer") {
    static const bl_dns_type types[] = { BL_DNS_PTR, BL_DNS_MX, BL_DNS_TXT,
                                         BL_DNS_SRV };
    any_bytes = data;
    any_count = size;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        bl_dns_record *records = NULL;
        int rc = bl_dns_query(dns, "any.test", types[i], &records);
        CHECK(is_expected(rc));
        for (int j = 0; j < rc; j++) {
            CHECK_EQ(records[j].text[records[j].bytes], '\0');
        }
        bl_free(records);
    }
    bl_addr addresses[4];
    int rc = bl_dns_look_up(dns, "any.test", AF_UNSPEC, 80, addresses, 4);
    CHECK(is_expected(rc));
    CHECK_LE(rc, 4);
    bl_error_handled();
}

TEST(what_cannot_be_asked_is_refused, (dns)) {
    bl_dns_record *records;
    CHECK_ERR(bl_dns_query(NULL, "test", BL_DNS_MX, &records), BL_EINVAL);
    CHECK_ERR(bl_dns_query(dns, NULL, BL_DNS_MX, &records), BL_EINVAL);
    CHECK_ERR(bl_dns_query(dns, "test", BL_DNS_MX, NULL), BL_EINVAL);
    CHECK_ERR(bl_dns_query(dns, "a..b", BL_DNS_MX, &records), BL_EINVAL);
    CHECK_ERR(bl_dns_query(dns, "test", (bl_dns_type)255, &records), BL_EINVAL);
}

TEST(cancelled_or_without_memory_nothing_leaks, (server),
     .sweep = T_CANCEL | T_OOM) {
    static const struct {
        const char *name;
        bl_dns_type type;
    } asked[] = {
        { "_imap._tcp.test", BL_DNS_SRV },
        { "test", BL_DNS_MX },
        { "long.test", BL_DNS_TXT },
        { "1.2.0.192.in-addr.arpa", BL_DNS_PTR },
    };
    bl_dns *dns = NULL;
    bl_dns_options options = server_options(server);
    if (bl_dns_open(&options, &dns) < 0) return;
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        bl_dns_record *records = NULL;
        int rc = bl_dns_query(dns, asked[i].name, asked[i].type, &records);
        CHECK_GE(rc, 2);
        bl_free(records);
    }
    bl_dns_close(dns);
}
