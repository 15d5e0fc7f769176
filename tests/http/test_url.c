/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_url.c - addresses of the web: read strictly, and resolved
 */
#include <belay/http/url.h>
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include "support/famine.h"
#include "support/inputs.h"

/* "scheme|userinfo|host|port|authority|target|fragment", "-" for none. */
static const char *parts_of(const bl_url *url) {
    static char text[1024];
    snprintf(text, sizeof text, "%s|%s|%s|%u|%s|%s|%s", url->scheme,
             url->userinfo == NULL ? "-" : url->userinfo, url->host,
             (unsigned)url->port, url->authority, url->target,
             url->fragment == NULL ? "-" : url->fragment);
    return text;
}

struct good {
    const char *text;
    const char *parts;
    const char *whole;
};

PARAM(struct good, good,
      { "http://example.org", "http|-|example.org|80|example.org|/|-",
        "http://example.org/" },
      { "HTTP://me:secret@Example.ORG:80/a/../b?c#d",
        "http|me:secret|example.org|80|example.org|/b?c|d",
        "http://example.org/b?c" },
      { "https://example.org/", "https|-|example.org|443|example.org|/|-",
        "https://example.org/" },
      { "https://example.org:80/x",
        "https|-|example.org|80|example.org:80|/x|-",
        "https://example.org:80/x" },
      { "http://example.org:/x", "http|-|example.org|80|example.org|/x|-",
        "http://example.org/x" },
      { "http://example.org:0080/", "http|-|example.org|80|example.org|/|-",
        "http://example.org/" },
      { "http://[2001:DB8:0::1]:8080/",
        "http|-|2001:db8::1|8080|[2001:db8::1]:8080|/|-",
        "http://[2001:db8::1]:8080/" },
      { "http://192.0.2.1/x", "http|-|192.0.2.1|80|192.0.2.1|/x|-",
        "http://192.0.2.1/x" },
      { "http://example.org?q=1", "http|-|example.org|80|example.org|/?q=1|-",
        "http://example.org/?q=1" },
      { "http://example.org/?", "http|-|example.org|80|example.org|/?|-",
        "http://example.org/?" },
      { "http://example.org//a//./b/",
        "http|-|example.org|80|example.org|//a//b/|-",
        "http://example.org//a//b/" },
      { "http://example.org/%7euser/%2F?%20#",
        "http|-|example.org|80|example.org|/%7euser/%2F?%20|",
        "http://example.org/%7euser/%2F?%20" },
      { "http://example.org/../../x", "http|-|example.org|80|example.org|/x|-",
        "http://example.org/x" },
      { "http://a_b.xn--mnchen-3ya.de./",
        "http|-|a_b.xn--mnchen-3ya.de.|80|a_b.xn--mnchen-3ya.de.|/|-",
        "http://a_b.xn--mnchen-3ya.de./" });

TEST(what_is_a_url_is_taken_apart, (good)) {
    bl_url url;
    REQUIRE_OK(bl_url_parse(good.text, &url));
    CHECK_STR(parts_of(&url), good.parts);
    CHECK_STR(url.text, good.whole);
    bl_url again;
    REQUIRE_OK(bl_url_parse(url.text, &again)); /* and stays as it is */
    CHECK_STR(again.text, url.text);
    bl_url_done(&again);
    bl_url_done(&url);
}

struct bad {
    const char *text;
    int rc;
    const char *says;
};

PARAM(
    struct bad, bad, { "", BL_EINVAL, "scheme" },
    { "example.org", BL_EINVAL, "scheme" },
    { "//example.org/", BL_EINVAL, "scheme" }, { "/path", BL_EINVAL, "scheme" },
    { "http:", BL_EINVAL, "host" }, { "http://", BL_EINVAL, "host" },
    { "http:///x", BL_EINVAL, "host" }, { "http://:80/", BL_EINVAL, "host" },
    { "http:example.org", BL_EINVAL, "host" },
    { "ftp://example.org/", BL_ENOTSUP, "scheme" },
    { "file:///etc/passwd", BL_ENOTSUP, "scheme" },
    { "javascript:alert(1)", BL_ENOTSUP, "scheme" },
    { "httpss://example.org/", BL_ENOTSUP, "scheme" },
    { "http://exa mple.org/", BL_EINVAL, "offset 10" },
    { " http://example.org/", BL_EINVAL, "offset 0" },
    { "http://example.org/\r\nHost: evil", BL_EINVAL, "control" },
    { "http://example.org/\x7f", BL_EINVAL, "control" },
    { "http://m\xc3\xbcnchen.de/", BL_EINVAL, "xn--" },
    { "http://example.org/\xc3\xbc", BL_EINVAL, "ASCII" },
    { "http://example.org/<x>", BL_EINVAL, "offset 19" },
    { "http://example.org\\@evil/", BL_EINVAL, "not a URL" },
    { "http://example.org/%zz", BL_EINVAL, "not a URL" },
    { "http://ex%61mple.org/", BL_EINVAL, "host" },
    { "http://a,b/", BL_EINVAL, "host" }, { "http://a..b/", BL_EINVAL, "host" },
    { "http://./", BL_EINVAL, "host" }, { "http://.a/", BL_EINVAL, "host" },
    { "http://127.1/", BL_EINVAL, "host" },
    { "http://2130706433/", BL_EINVAL, "host" },
    { "http://0x7f.0.0.0x1/", BL_EINVAL, "host" },
    { "http://1.2.3.4.5/", BL_EINVAL, "host" },
    { "http://256.1.1.1/", BL_EINVAL, "host" },
    { "http://[::1/", BL_EINVAL, "not a URL" },
    { "http://[v1.a]/", BL_EINVAL, "host" },
    { "http://[fe80::1%25eth0]/", BL_EINVAL, "not a URL" },
    { "http://example.org:0/", BL_EINVAL, "port" },
    { "http://example.org:65536/", BL_EINVAL, "port" },
    { "http://example.org:99999999999999999999/", BL_EINVAL, "port" },
    { "http://example.org:8a/", BL_EINVAL, "not a URL" },
    { "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      ".org/",
      BL_EINVAL, "host" });

TEST(what_is_none_is_refused_and_said_why, (bad)) {
    bl_url url = { .port = 7 };
    int rc = bl_url_parse(bad.text, &url);
    CHECK_ERR(rc, bad.rc);
    CHECK_EQ(url.port, 7);
    REQUIRE(bl_error_current(rc) != NULL);
    CHECK_CONTAINS(bl_error_message(bl_error_current(rc)), bad.says);
}

TEST(a_secret_is_not_told_on) {
    bl_url url;
    int rc = bl_url_parse("http://me:hunter2@exam ple.org/", &url);
    CHECK_ERR(rc, BL_EINVAL);
    char text[1000];
    bl_error_format(bl_error_current(rc), text, sizeof text);
    CHECK(strstr(text, "hunter2") == NULL);
    REQUIRE_OK(bl_url_parse("http://me:hunter2@example.org/", &url));
    CHECK(strstr(url.text, "hunter2") == NULL);
    bl_url_done(&url);
}

struct reference {
    const char *reference;
    const char *whole;
};

/* The examples of RFC 3986, section 5.4, as far as they are http. */
PARAM(struct reference, reference, { "g", "http://a/b/c/g" },
      { "./g", "http://a/b/c/g" }, { "g/", "http://a/b/c/g/" },
      { "/g", "http://a/g" }, { "//g", "http://g/" },
      { "?y", "http://a/b/c/d;p?y" }, { "g?y", "http://a/b/c/g?y" },
      { "#s", "http://a/b/c/d;p?q" }, { "g#s", "http://a/b/c/g" },
      { ";x", "http://a/b/c/;x" }, { "", "http://a/b/c/d;p?q" },
      { ".", "http://a/b/c/" }, { "..", "http://a/b/" },
      { "../..", "http://a/" }, { "../../../../g", "http://a/g" },
      { "/./g", "http://a/g" }, { "g;x=1/../y", "http://a/b/c/y" },
      { "https://b:8443", "https://b:8443/" });

TEST(a_reference_is_resolved_at_its_base, (reference)) {
    bl_url base;
    bl_url url;
    REQUIRE_OK(bl_url_parse("http://a/b/c/d;p?q", &base));
    REQUIRE_OK(bl_url_resolve(&base, reference.reference, &url));
    CHECK_STR(url.text, reference.whole);
    bl_url_done(&url);
    REQUIRE_OK(bl_url_resolve(&base, reference.reference, &base));
    CHECK_STR(base.text, reference.whole);
    bl_url_done(&base);
}

TEST(a_reference_to_nothing_leaves_the_base) {
    bl_url url;
    REQUIRE_OK(bl_url_parse("http://me@a/b", &url));
    CHECK_ERR(bl_url_resolve(&url, "mailto:me", &url), BL_ENOTSUP);
    CHECK_ERR(bl_url_resolve(&url, "/a b", &url), BL_EINVAL);
    CHECK_ERR(bl_url_resolve(&url, "//:80/", &url), BL_EINVAL);
    CHECK_STR(url.text, "http://a/b");
    CHECK_STR(url.userinfo, "me");
    REQUIRE_OK(bl_url_resolve(&url, "/c", &url));
    CHECK(url.userinfo == NULL); /* a redirect takes no secret along */
    bl_url_done(&url);
}

TEST(what_is_too_long_is_refused) {
    static char text[2 * BL_URL_BYTES_MAX];
    bl_url url;
    bl_url base;
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "http://a/", 9);
    CHECK_ERR(bl_url_parse(text, &url), BL_EMSGSIZE);
    text[BL_URL_BYTES_MAX] = '\0';
    REQUIRE_OK(bl_url_parse(text, &base));
    REQUIRE_OK(bl_url_resolve(&base, text + 20, &url)); /* beside the base */
    bl_url_done(&url);
    for (size_t i = 10; i < BL_URL_BYTES_MAX; i += 2)
        text[i] = '/';
    REQUIRE_OK(bl_url_resolve(&base, text, &base));
    CHECK_ERR(bl_url_resolve(&base, text + 21, &url), BL_EMSGSIZE);
    bl_url_done(&base);
}

TEST(missing_arguments_are_refused) {
    bl_url url = { 0 };
    bl_url base;
    REQUIRE_OK(bl_url_parse("http://a/", &base));
    CHECK_ERR(bl_url_parse(NULL, &url), BL_EINVAL);
    CHECK_ERR(bl_url_parse("http://a/", NULL), BL_EINVAL);
    CHECK_ERR(bl_url_resolve(NULL, "/", &url), BL_EINVAL);
    CHECK_ERR(bl_url_resolve(&base, NULL, &url), BL_EINVAL);
    CHECK_ERR(bl_url_resolve(&base, "/", NULL), BL_EINVAL);
    CHECK_ERR(bl_url_resolve(&url, "/", &url), BL_EINVAL); /* no base */
    bl_url_done(&base);
    bl_url_done(&base);
    bl_url_done(NULL);
}

TEST(origins_are_scheme_host_and_port) {
    static const char *const texts[] = { "http://a/", "http://A:80/x",
                                         "http://a:81/", "https://a/",
                                         "http://b/" };
    bl_url first;
    REQUIRE_OK(bl_url_parse(texts[0], &first));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        bl_url url;
        REQUIRE_OK(bl_url_parse(texts[i], &url));
        CHECK_EQ(bl_url_is_same_origin(&first, &url), i < 2);
        bl_url_done(&url);
        CHECK(!bl_url_is_same_origin(&first, &url));
    }
    bl_url_done(&first);
}

TEST(whatever_memory_is_missing_nothing_was_written, .sweep = T_OOM) {
    bl_url base = { 0 };
    int rc = bl_url_parse("http://a/b/../c/./d?e", &base);
    if (rc == 0) rc = bl_url_resolve(&base, "../../x/./y", &base);
    if (rc < 0) {
        CHECK_ERR(rc, BL_ENOMEM);
    } else {
        CHECK_STR(base.text, "http://a/x/y");
    }
    bl_url_done(&base);
}

TEST(without_memory_there_is_no_url) {
    bl_url url = { .port = 7 };
    famine_begin(0);
    int rc = bl_url_parse("http://a/", &url);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK_EQ(url.port, 7);
}

TEST(what_is_encoded_stands_for_itself) {
    char buffer[64];
    static const char raw[] = "a b/c?%\xc3\xbc-._~Z9\0";
    size_t length = bl_url_encode(raw, sizeof raw - 1, buffer, sizeof buffer);
    CHECK_STR(buffer, "a%20b%2Fc%3F%25%C3%BC-._~Z9%00");
    CHECK_EQ(length, strlen(buffer));
}

TEST(what_has_no_room_is_cut) {
    char buffer[8] = "xxxxxxx";
    CHECK_EQ(bl_url_encode("a  b", 4, buffer, 6), 8u);
    CHECK_STR(buffer, "a%20");
    CHECK_EQ(bl_url_encode("ab", 2, buffer, 1), 2u);
    CHECK_STR(buffer, "");
    CHECK_EQ(bl_url_encode("a ", 2, NULL, 0), 4u);
}

/* What a URL is written as is the same URL, and safe to be sent. */
static bool check_text(const char *text) {
    bl_url url;
    bl_url again;
    if (bl_url_parse(text, &url) < 0) return false;
    for (const char *byte = url.text; *byte != '\0'; byte++) {
        CHECK_GT(*byte, ' ');
    }
    REQUIRE_OK(bl_url_parse(url.text, &again));
    CHECK_STR(again.text, url.text);
    CHECK_STR(again.authority, url.authority);
    CHECK(bl_url_is_same_origin(&url, &again));
    bl_url_done(&again);
    bl_url_done(&url);
    return true;
}

FUZZ(any_text_is_refused_or_stays_what_it_is, .max_len = 200,
     .corpus = "corpus/url") {
    static const char prefix[] = "http://";
    char text[256];
    memcpy(text, prefix, sizeof prefix);
    memcpy(text + strlen(prefix), data, size);
    text[strlen(prefix) + size] = '\0';
    check_text(text);
}

/* 100,000 of them: BELAY_TEST_INPUTS=100000 and the name of this test. */
TEST(many_spoilt_urls_are_read_or_refused, (t_rng), .tags = "bulky large",
     .watchdog = SEC(3600)) {
    static const char *const good_ones[] = {
        "HTTP://me:secret@Example.ORG:80/a/../b?c#d",
        "https://[2001:db8::1]:8443/%7Euser/./x%2fy?q=%20#f",
        "http://127.0.0.1/a//b/..",
        "http://xn--bcher-kva.example:80?no-path",
    };
    int accepted = 0;
    int wanted = inputs_wanted(20000);
    for (int i = 0; i < wanted; i++) {
        char text[128];
        size_t count = strlen(good_ones[i % 4]);
        T_INFO("input %d", i);
        memcpy(text, good_ones[i % 4], count);
        count = spoil_bytes(t_rng, text, count, sizeof text - 1);
        text[count] = '\0';
        accepted += check_text(text);
    }
    CHECK_GT(accepted, wanted / 20);
    CHECK_LT(accepted, wanted - wanted / 20);
}
