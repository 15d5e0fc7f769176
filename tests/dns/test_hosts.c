/* SPDX-License-Identifier: MIT */
/*
 * tests/dns/test_hosts.c - names from the hosts file
 *
 *     Legs: sweep threads
 */
#include <belay/test.h>

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "dns/server.h"

static const char hosts[] = "# a comment\n"
                            "\n"
                            "127.0.0.1\tlocalhost me # and a comment\r\n"
                            "192.0.2.1   Db.example db\n"
                            "  2001:db8::1 db other\n"
                            "nonsense here\n"
                            "1.2.3 short\n"
                            "192.0.2.7\n"
                            "192.0.2.9 last";

const struct zone server_zone[] = {
    { "other", ZONE_A, "192.0.2.77", 0, NULL },
    { NULL, ZONE_END, NULL, 0, NULL },
};

static const char *write_hosts(const char *text) {
    static char path[512];
    snprintf(path, sizeof path, "%s/hosts", t_folder());
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    fputs(text, file);
    fclose(file);
    return path;
}

FIXTURE(bl_dns *, dns, (server)) {
    bl_dns *made = NULL;
    bl_dns_options options = server_options(server);
    options.hosts_path = write_hosts(hosts);
    REQUIRE_OK(bl_dns_open(&options, &made));
    YIELD(made);
    bl_dns_close(made);
}

/* All addresses that a name has, separated by spaces; or the code. */
static const char *addresses_of(bl_dns *dns, const char *name, int family) {
    static char text[512];
    bl_addr addresses[8];
    int count = bl_dns_look_up(dns, name, family, 80, addresses, 8);
    if (count < 0) return bl_error_name(count);
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0) text[length++] = ' ';
        length +=
            bl_addr_format(&addresses[i], text + length, sizeof text - length);
    }
    return text;
}

TEST(names_of_the_file_are_not_asked_for, (server, dns)) {
    CHECK_STR(addresses_of(dns, "db", AF_UNSPEC),
              "192.0.2.1:80 [2001:db8::1]:80");
    CHECK_STR(addresses_of(dns, "DB.EXAMPLE.", AF_UNSPEC), "192.0.2.1:80");
    CHECK_STR(addresses_of(dns, "me", AF_INET), "127.0.0.1:80");
    CHECK_STR(addresses_of(dns, "localhost", AF_UNSPEC), "127.0.0.1:80");
    CHECK_STR(addresses_of(dns, "last", AF_INET), "192.0.2.9:80");
    CHECK_EQ(server->asked, 0);
}

TEST(a_family_that_the_file_has_not_is_asked_for, (server, dns)) {
    CHECK_STR(addresses_of(dns, "other", AF_INET6), "[2001:db8::1]:80");
    CHECK_EQ(server->asked, 0);
    CHECK_STR(addresses_of(dns, "other", AF_INET), "192.0.2.77:80");
    CHECK_EQ(server->asked, 1);
}

TEST(lines_without_an_address_are_passed_over, (dns)) {
    CHECK_STR(addresses_of(dns, "here", AF_INET), "BL_EDNS_NONAME");
    CHECK_STR(addresses_of(dns, "short", AF_INET), "BL_EDNS_NONAME");
    CHECK_STR(addresses_of(dns, "comment", AF_INET), "BL_EDNS_NONAME");
}

TEST(addresses_of_the_file_have_names, (server, dns)) {
    bl_dns_record *records = NULL;
    bl_addr address;
    REQUIRE_OK(bl_addr_parse("192.0.2.1:0", &address));
    REQUIRE_EQ(bl_dns_names(dns, &address, &records), 1);
    CHECK_STR(records[0].text, "Db.example");
    CHECK_EQ(records[0].bytes, 10);
    bl_free(records);
    REQUIRE_OK(bl_addr_parse("[2001:db8::1]:0", &address));
    REQUIRE_EQ(bl_dns_names(dns, &address, &records), 1);
    CHECK_STR(records[0].text, "db");
    bl_free(records);
    CHECK_EQ(server->asked, 0);
}

TEST(a_large_file_is_read, (server)) {
    enum {
        LINES = 5000
    };
    static char text[LINES * 40];
    size_t length = 0;
    for (int i = 0; i < LINES; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length,
                                   "10.0.%d.%d host%d\n", i / 250, i % 250, i);
    }
    bl_dns *dns = NULL;
    bl_dns_options options = server_options(server);
    options.hosts_path = write_hosts(text);
    REQUIRE_OK(bl_dns_open(&options, &dns));
    CHECK_STR(addresses_of(dns, "host0", AF_INET), "10.0.0.0:80");
    CHECK_STR(addresses_of(dns, "host4999", AF_INET), "10.0.19.249:80");
    bl_dns_close(dns);
}

TEST(cancelled_or_without_memory_nothing_leaks, (server),
     .sweep = T_CANCEL | T_OOM) {
    bl_dns *dns = NULL;
    bl_addr address;
    bl_dns_record *records = NULL;
    bl_dns_options options = server_options(server);
    options.hosts_path = write_hosts(hosts);
    if (bl_dns_open(&options, &dns) < 0) return;
    int rc = bl_dns_look_up(dns, "db", AF_INET, 1, &address, 1);
    CHECK_EQ(rc, 1);
    if (rc == 1 && bl_dns_names(dns, &address, &records) == 1) {
        bl_free(records);
    }
    bl_dns_close(dns);
}
