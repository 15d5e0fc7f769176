/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_blast_target.c - what a URL says about where to send requests
 */
#include <string.h>

#include <belay/test.h>

#include "cli/blast_target.h"

/* Reads a URL that has to be right. */
static struct blast_target target_of(const char *url) {
    struct blast_target target;
    const char *wrong = blast_target_read(url, &target);
    if (wrong != NULL) bl_test_fail("'%s' %s", url, wrong);
    return target;
}

TEST(http_and_its_ports) {
    struct blast_target target = target_of("http://host/a?b=c");
    CHECK(target.is_http);
    CHECK(!target.is_tls);
    CHECK_STR(target.where, "host:80");
    CHECK_STR(target.authority, "host");
    CHECK_STR(target.host, "host");
    CHECK_STR(target.path, "/a?b=c");

    target = target_of("https://host:8443");
    CHECK(target.is_http);
    CHECK(target.is_tls);
    CHECK_STR(target.where, "host:8443");
    CHECK_STR(target.authority, "host:8443");
    CHECK_STR(target.path, "");
}

TEST(without_a_scheme_it_is_http) {
    struct blast_target target = target_of("localhost:8080/x");
    CHECK(target.is_http);
    CHECK_STR(target.where, "localhost:8080");
    CHECK_STR(target.path, "/x");
    CHECK(target_of("HTTP://host").is_http);
}

TEST(addresses_of_ipv6_stand_in_brackets) {
    struct blast_target target = target_of("http://[::1]:81/");
    CHECK_STR(target.where, "[::1]:81");
    CHECK_STR(target.host, "::1");
    CHECK_STR(target.authority, "[::1]:81");
    CHECK_STR(target_of("https://[fe80::1]").where, "[fe80::1]:443");
}

TEST(bytes_have_no_path) {
    struct blast_target target = target_of("tcp://host:7");
    CHECK(!target.is_http);
    CHECK_STR(target.where, "host:7");
    CHECK_STR(target_of("tcp://host:7/").path, "");
    CHECK(target_of("tls://host:7").is_tls);
}

TEST(local_sockets) {
    struct blast_target target = target_of("unix:/run/a.sock");
    CHECK(!target.is_http);
    CHECK_STR(target.where, "unix:/run/a.sock");
    CHECK_STR(target_of("unix:///run/a.sock").where, "unix:/run/a.sock");
    CHECK_STR(target_of("unix:@name").where, "unix:@name");
}

PARAM(const char *, bad, "", "http://", "tcp://host", "tcp://host:1/path",
      "ftp://host/", "http://host:/", "http://host:x/", "http://host:123456/",
      "http://[::1/", "http://[]:1/", "http://:80/", "http://u:p@host/",
      "http://ho st/", "http://host/\r\nX: y", "unix:", "http://[::1]x:1/",
      "http://a:b:1/");

TEST(what_is_no_target_is_refused, (bad)) {
    struct blast_target target;
    CHECK(blast_target_read(bad, &target) != NULL);
}

TEST(a_host_that_is_too_long_is_refused) {
    char url[3 * TARGET_TEXT_BYTES];
    struct blast_target target;
    memset(url, 'a', sizeof(url));
    memcpy(url, "http://", 7);
    url[sizeof(url) - 1] = '\0';
    CHECK(blast_target_read(url, &target) != NULL);
    memcpy(url, "unix://", 7);
    CHECK(blast_target_read(url, &target) != NULL);
    /* The longest that is not. */
    memcpy(url, "tcp://a", 7);
    memcpy(url + 6 + TARGET_TEXT_BYTES - 8 - 3, ":80", 4);
    CHECK(blast_target_read(url, &target) == NULL);
    CHECK_EQ(strlen(target.where), (size_t)TARGET_TEXT_BYTES - 8);
    CHECK_EQ(strlen(target.host), (size_t)TARGET_TEXT_BYTES - 8 - 3);
}
