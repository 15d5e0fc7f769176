/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_addr.c - addresses read, written, and read again
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "support/inputs.h"

static const char *formatted(const bl_addr *address) {
    static char text[BL_ADDR_TEXT_BYTES];
    size_t length = bl_addr_format(address, text, sizeof text);
    CHECK_EQ(length, strlen(text));
    return text;
}

struct good {
    const char *text;
    const char *written; /* NULL: the same */
    int family;
    uint16_t port;
};

static const struct good goods[] = {
    { "127.0.0.1:80", NULL, AF_INET, 80 },
    { "0.0.0.0:0", NULL, AF_INET, 0 },
    { "255.255.255.255:65535", NULL, AF_INET, 65535 },
    { "*:8080", "0.0.0.0:8080", AF_INET, 8080 },
    { ":8080", "[::]:8080", AF_INET6, 8080 },
    { "[::]:1", NULL, AF_INET6, 1 },
    { "[::1]:00080", "[::1]:80", AF_INET6, 80 },
    { "[2001:DB8::1]:443", "[2001:db8::1]:443", AF_INET6, 443 },
    { "[::ffff:10.0.0.1]:5", NULL, AF_INET6, 5 },
    { "[fe80::1%lo]:80", NULL, AF_INET6, 80 },
    { "[fe80::1%1]:80", "[fe80::1%lo]:80", AF_INET6, 80 },
    { "[fe80::1%4294967295]:80", NULL, AF_INET6, 80 },
    { "[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535", NULL,
      AF_INET6, 65535 },
    { "unix:/run/me.sock", NULL, AF_UNIX, 0 },
    { "unix:near", NULL, AF_UNIX, 0 },
    { "unix:@me", NULL, AF_UNIX, 0 },
    { "unix:80", NULL, AF_UNIX, 0 },
};

TEST(what_is_read_is_written_and_read_again) {
    for (size_t i = 0; i < sizeof goods / sizeof *goods; i++) {
        const struct good *good = &goods[i];
        T_INFO("%s", good->text);
        bl_addr address;
        bl_addr again;
        REQUIRE_OK(bl_addr_parse(good->text, &address));
        CHECK_EQ(address.storage.ss_family, good->family);
        CHECK_EQ(bl_addr_port(&address), good->port);
        const char *written = good->written ? good->written : good->text;
        CHECK_STR(formatted(&address), written);
        REQUIRE_OK(bl_addr_parse(written, &again));
        CHECK_MEM(&address, sizeof address, &again, sizeof again);
    }
}

#define UNIX_TOO_LONG                                                         \
    "unix:/one/hundred/and/eight/bytes/are/too/many/for/the/kernel/and/this/" \
    "is/one/hundred/and/eight/bytes/exactly/..."

static const char *const bads[] = {
    "unix:",
    "unix:@",
    "unix",
    "unix:/run/\n.sock",
    "unix:@\x7f",
    UNIX_TOO_LONG,
    "",
    ":",
    "80",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:65536",
    "127.0.0.1:99999999999999999999",
    "127.0.0.1:+80",
    "127.0.0.1:-1",
    "127.0.0.1: 80",
    "127.0.0.1:80 ",
    " 127.0.0.1:80",
    "127.0.0.1:0x50",
    "127.0.0.1:080000",
    "127.0.0.1:http",
    "127.0.0:80",
    "127.0.0.1.5:80",
    "127.0.0.256:80",
    "0127.0.0.1:80",
    "localhost:80",
    "**:80",
    "::1:80",
    "[::1]",
    "[::1]80",
    "[::1:80",
    "::1]:80",
    "[]:80",
    "[]:",
    "[:80",
    "]:80",
    "[127.0.0.1]:80",
    "[::g]:80",
    "[1:2:3:4:5:6:7:8:9]:80",
    "[fe80::1%]:80",
    "[fe80::1%no-such-interface]:80",
    "[fe80::1%0]:80",
    "[fe80::1%4294967296]:80",
    "[::1]]:80",
    "[[::1]:80",
    "[::1%lo%lo]:80",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:80",
    "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]:80",
};

TEST(what_is_no_address_is_refused_and_writes_nothing) {
    bl_addr before;
    memset(&before, 0x5a, sizeof before);
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        T_INFO("%s", bads[i]);
        bl_addr address = before;
        CHECK_ERR(bl_addr_parse(bads[i], &address), BL_EINVAL);
        CHECK_MEM(&address, sizeof address, &before, sizeof before);
    }
}

TEST(null_is_refused) {
    bl_addr address;
    CHECK_ERR(bl_addr_parse(NULL, &address), BL_EINVAL);
    CHECK_ERR(bl_addr_parse("127.0.0.1:80", NULL), BL_EINVAL);
}

TEST(text_is_cut_to_the_buffer_and_ended) {
    bl_addr address;
    char small[8];
    REQUIRE_OK(bl_addr_parse("127.0.0.1:80", &address));
    CHECK_EQ(bl_addr_format(&address, small, sizeof small), 12);
    CHECK_STR(small, "127.0.0");
    CHECK_EQ(bl_addr_format(&address, small, 1), 12);
    CHECK_STR(small, "");
    CHECK_EQ(bl_addr_format(&address, NULL, 0), 12);
}

TEST(no_address_is_an_empty_text_without_a_port) {
    bl_addr address = { .length = 0 };
    char text[BL_ADDR_TEXT_BYTES] = "?";
    CHECK_EQ(bl_addr_format(&address, text, sizeof text), 0);
    CHECK_STR(text, "");
    CHECK_EQ(bl_addr_format(&address, NULL, 0), 0);
    CHECK_EQ(bl_addr_port(&address), 0);
    address.storage.ss_family = AF_UNIX;
    address.length = sizeof(sa_family_t);
    CHECK_EQ(bl_addr_format(&address, text, sizeof text), 0);
    CHECK_EQ(bl_addr_port(&address), 0);
}

/* A small generator, so that a failure can be repeated. */
static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Text of the characters that mean something, mostly nonsense: whatever is
 * accepted must be written in a form that reads as the same address. */
TEST(whatever_is_accepted_survives_the_round_trip) {
    static const char letters[] = "0123456789abcdef:::...[]%*lo ";
    uint32_t state = 1;
    int accepted = 0;
    for (int i = 0; i < 200000; i++) {
        char text[80];
        size_t length = next_random(&state) % 24;
        size_t begin = 0;
        if (i % 2 == 0) text[begin++] = '[';
        size_t end = begin + length;
        for (size_t k = begin; k < end; k++) {
            text[k] = letters[next_random(&state) % (sizeof letters - 1)];
        }
        snprintf(text + end, sizeof text - end, "%s:%u", i % 2 == 0 ? "]" : "",
                 next_random(&state) % 70000);
        bl_addr address;
        bl_addr again;
        if (bl_addr_parse(text, &address) < 0) continue;
        accepted++;
        T_INFO("%s", text);
        REQUIRE_OK(bl_addr_parse(formatted(&address), &again));
        CHECK_MEM(&address, sizeof address, &again, sizeof again);
    }
    CHECK_GT(accepted, 0);
}

/* Text is an address that is written, and read again, as the same; or it is
 * refused, and nothing is written. */
static bool check_text(const char *text) {
    bl_addr address;
    bl_addr before;
    bl_addr again;
    memset(&before, 0x5a, sizeof before);
    address = before;
    T_INFO("%s", text);
    int rc = bl_addr_parse(text, &address);
    if (rc < 0) {
        CHECK_ERR(rc, BL_EINVAL);
        CHECK_MEM(&address, sizeof address, &before, sizeof before);
        return false;
    }
    REQUIRE_OK(bl_addr_parse(formatted(&address), &again));
    CHECK_MEM(&address, sizeof address, &again, sizeof again);
    return true;
}

FUZZ(any_text_is_an_address_or_refused, .max_len = 200,
     .corpus = "corpus/addr") {
    char text[256];
    memcpy(text, data, size);
    text[size] = '\0';
    check_text(text);
}

/* 100,000 of them: BELAY_TEST_INPUTS=100000 and the name of this test. */
TEST(many_spoilt_addresses_are_read_or_refused, (t_rng), .tags = "bulky large",
     .watchdog = SEC(3600)) {
    int accepted = 0;
    int wanted = inputs_wanted(20000);
    for (int i = 0; i < wanted; i++) {
        char text[128];
        const char *good =
            goods[(size_t)i % (sizeof goods / sizeof *goods)].text;
        size_t count = strlen(good);
        memcpy(text, good, count);
        count = spoil_bytes(t_rng, text, count, sizeof text - 1);
        text[count] = '\0';
        accepted += check_text(text);
    }
    CHECK_GT(accepted, wanted / 20);
    CHECK_LT(accepted, wanted - wanted / 20);
}

/* Addresses from random bytes: all of them can be written and read. */
TEST(every_address_has_a_text) {
    uint32_t state = 2;
    for (int i = 0; i < 20000; i++) {
        bl_addr address = { .length = 0 };
        bl_addr again;
        struct sockaddr_in6 in = {
            .sin6_family = AF_INET6,
            .sin6_port = (in_port_t)next_random(&state),
        };
        for (int k = 0; k < 16; k++) {
            if (next_random(&state) % 3 == 0) continue;
            in.sin6_addr.s6_addr[k] = (uint8_t)next_random(&state);
        }
        memcpy(&address.storage, &in, sizeof in);
        address.length = sizeof in;
        REQUIRE_OK(bl_addr_parse(formatted(&address), &again));
        CHECK_MEM(&address, sizeof address, &again, sizeof again);
    }
}

/* ---- asking ------------------------------------------------------------ */

static bl_addr parsed(const char *text) {
    bl_addr address;
    REQUIRE_OK(bl_addr_parse(text, &address));
    return address;
}

TEST(equal_is_what_is_the_same_place) {
    static const char *const different[] = {
        "127.0.0.1:80",   "127.0.0.1:81",       "127.0.0.2:80",
        "[::1]:80",       "[::1]:81",           "[::2]:80",
        "[fe80::1%1]:80", "[fe80::1%77777]:80", "[::ffff:127.0.0.1]:80",
        "unix:/a",        "unix:/ab",           "unix:@a",
        "unix:@ab",
    };
    const size_t count = sizeof different / sizeof *different;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            T_INFO("%s and %s", different[i], different[j]);
            bl_addr one = parsed(different[i]);
            bl_addr two = parsed(different[j]);
            CHECK_EQ(bl_addr_is_equal(&one, &two), i == j);
        }
    }
    bl_addr none = { .length = 0 };
    bl_addr some = parsed("127.0.0.1:80");
    CHECK(bl_addr_is_equal(&none, &none));
    CHECK(!bl_addr_is_equal(&none, &some));
    /* What the kernel says may count the NUL, or what is behind it. */
    bl_addr path = parsed("unix:/a");
    bl_addr longer = path;
    longer.length = sizeof(struct sockaddr_un);
    CHECK(bl_addr_is_equal(&path, &longer));
}

TEST(loopback_and_any_are_known) {
    static const struct {
        const char *text;
        bool is_loopback;
        bool is_any;
        bool is_unix;
    } known[] = {
        { "127.0.0.1:1", true, false, false },
        { "127.255.0.9:1", true, false, false },
        { "128.0.0.1:1", false, false, false },
        { "[::1]:1", true, false, false },
        { "[::2]:1", false, false, false },
        { "[::ffff:127.0.0.1]:1", true, false, false },
        { "[::ffff:0.0.0.0]:1", false, true, false },
        { "*:1", false, true, false },
        { ":1", false, true, false },
        { "unix:@x", true, false, true },
        { "unix:/x", true, false, true },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        bl_addr address = parsed(known[i].text);
        T_INFO("%s", known[i].text);
        CHECK_EQ(bl_addr_is_loopback(&address), known[i].is_loopback);
        CHECK_EQ(bl_addr_is_any(&address), known[i].is_any);
        CHECK_EQ(bl_addr_is_unix(&address), known[i].is_unix);
    }
    bl_addr none = { .length = 0 };
    CHECK(!bl_addr_is_loopback(&none));
    CHECK(!bl_addr_is_any(&none));
    CHECK(!bl_addr_is_unix(&none));
}
