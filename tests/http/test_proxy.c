/* SPDX-License-Identifier: MIT */
/*
 * tests/http/test_proxy.c - which requests go through a proxy, and which one
 */
#include <belay/test.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/proxy.h"

static void forget_environment(bl_test_env *t_env) {
    static const char *const names[] = { "http_proxy",    "https_proxy",
                                         "all_proxy",     "no_proxy",
                                         "HTTP_PROXY",    "HTTPS_PROXY",
                                         "ALL_PROXY",     "NO_PROXY",
                                         "REQUEST_METHOD" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        t_env_set(t_env, names[i], NULL);
    }
}

/* The proxy for `text` by what the environment says; "-" for none. */
static const char *proxy_of(const char *text) {
    static char found[256];
    struct bl__proxies proxies;
    bl_url url;
    REQUIRE_OK(bl__proxies_init(&proxies, NULL));
    REQUIRE_OK(bl_url_parse(text, &url));
    const bl_url *proxy = bl__proxy_for(&proxies, &url);
    snprintf(found, sizeof found, "%s", proxy == NULL ? "-" : proxy->text);
    bl_url_done(&url);
    bl__proxies_done(&proxies);
    return found;
}

TEST(without_a_word_there_is_no_proxy, (t_env)) {
    forget_environment(t_env);
    CHECK_STR(proxy_of("http://a/"), "-");
    CHECK_STR(proxy_of("https://a/"), "-");
}

TEST(each_scheme_has_a_variable, (t_env)) {
    forget_environment(t_env);
    t_env_set(t_env, "http_proxy", "http://one:3128");
    t_env_set(t_env, "https_proxy", "two:3129/");
    CHECK_STR(proxy_of("http://a/"), "http://one:3128/");
    CHECK_STR(proxy_of("https://a/"), "http://two:3129/");
}

TEST(one_variable_is_for_what_has_none, (t_env)) {
    forget_environment(t_env);
    t_env_set(t_env, "all_proxy", "rest:1");
    t_env_set(t_env, "http_proxy", "");
    t_env_set(t_env, "HTTPS_PROXY", "https://two:2");
    CHECK_STR(proxy_of("http://a/"), "http://rest:1/");
    CHECK_STR(proxy_of("https://a/"), "https://two:2/");
}

TEST(small_letters_go_first, (t_env)) {
    forget_environment(t_env);
    t_env_set(t_env, "HTTP_PROXY", "capital:1");
    CHECK_STR(proxy_of("http://a/"), "http://capital:1/");
    t_env_set(t_env, "http_proxy", "small:1");
    CHECK_STR(proxy_of("http://a/"), "http://small:1/");
}

TEST(a_field_of_a_request_is_not_believed, (t_env)) {
    forget_environment(t_env);
    t_env_set(t_env, "REQUEST_METHOD", "GET");
    t_env_set(t_env, "HTTP_PROXY", "evil:1");
    CHECK_STR(proxy_of("http://a/"), "-");
    t_env_set(t_env, "http_proxy", "small:1");
    CHECK_STR(proxy_of("http://a/"), "http://small:1/");
}

TEST(a_proxy_that_cannot_be_used_is_an_error_and_no_detour, (t_env)) {
    struct bl__proxies proxies;
    forget_environment(t_env);
    t_env_set(t_env, "http_proxy", "socks5://a:1080");
    int rc = bl__proxies_init(&proxies, NULL);
    CHECK_ERR(rc, BL_ENOTSUP);
    t_env_set(t_env, "http_proxy", "not a url");
    CHECK_ERR(bl__proxies_init(&proxies, NULL), BL_EINVAL);
}

TEST(an_option_stands_above_the_environment, (t_env)) {
    struct bl__proxies proxies;
    bl_url url;
    forget_environment(t_env);
    t_env_set(t_env, "http_proxy", "small:1");
    t_env_set(t_env, "no_proxy", "*");
    REQUIRE_OK(bl_url_parse("http://a/", &url));
    REQUIRE_OK(bl__proxies_init(&proxies, ""));
    CHECK(bl__proxy_for(&proxies, &url) == NULL);
    bl__proxies_done(&proxies);
    REQUIRE_OK(bl__proxies_init(&proxies, "http://other:7"));
    const bl_url *proxy = bl__proxy_for(&proxies, &url);
    REQUIRE(proxy != NULL);
    CHECK_STR(proxy->text, "http://other:7/");
    bl__proxies_done(&proxies);
    CHECK_ERR(bl__proxies_init(&proxies, "http://a b"), BL_EINVAL);
    bl_url_done(&url);
}

TEST(without_memory_there_are_none, (t_env), .sweep = T_OOM) {
    struct bl__proxies proxies;
    forget_environment(t_env);
    t_env_set(t_env, "http_proxy", "small:1");
    t_env_set(t_env, "all_proxy", "rest:1");
    t_env_set(t_env, "no_proxy", "a,b");
    int rc = bl__proxies_init(&proxies, NULL);
    if (rc == 0) bl__proxies_done(&proxies);
    if (rc < 0) CHECK_ERR(rc, BL_ENOMEM);
}

struct exception {
    const char *list;
    const char *url;
    bool is_excepted;
};

PARAM(struct exception, exception, { "", "http://a/", false },
      { "*", "http://a/", true }, { " , *", "http://a/", true },
      { "a", "http://a/", true }, { "a", "http://b/", false },
      { "A.B", "http://a.b/", true }, { "b", "http://a.b/", true },
      { ".b", "http://a.b/", true }, { ".b", "http://b/", true },
      { "b.", "http://a.b/", true }, { "b", "http://a.b./", true },
      { "b", "http://ab/", false }, { "a.b", "http://b/", false },
      { "..", "http://b/", false }, { "x,y b", "http://b/", true },
      { "b:80", "http://b/", true }, { "b:81", "http://b/", false },
      { "b:443", "https://b/", true }, { "b:", "http://b/", false },
      { "192.0.2.1", "http://192.0.2.1/", true },
      { "192.0.2.1", "http://192.0.2.2/", false },
      { "2.1", "http://192.0.2.1/", false },
      { "192.0.2.0/24", "http://192.0.2.7/", true },
      { "192.0.2.0/24", "http://192.0.3.7/", false },
      { "192.0.2.0/23", "http://192.0.3.7/", true },
      { "0.0.0.0/0", "http://192.0.3.7/", true },
      { "0.0.0.0/33", "http://192.0.3.7/", false },
      { "0.0.0.0/x", "http://192.0.3.7/", false },
      { "0.0.0.0/", "http://192.0.3.7/", false },
      { "0.0.0.0/0", "http://[::1]/", false },
      { "0.0.0.0/0", "http://a/", false }, { "::1", "http://[::1]/", true },
      { "[::1]", "http://[::1]/", true }, { "[::1", "http://[::1]/", false },
      { "[::1]:80", "http://[::1]/", true },
      { "[::1]:81", "http://[::1]/", false },
      { "2001:db8::/32", "http://[2001:db8:7::1]/", true },
      { "2001:db8::/32", "http://[2001:db9::1]/", false });

TEST(an_exception_is_a_host_a_domain_or_a_network, (exception)) {
    bl_url url;
    REQUIRE_OK(bl_url_parse(exception.url, &url));
    CHECK_EQ(bl__proxy_excepts(exception.list, &url), exception.is_excepted);
    bl_url_done(&url);
}

TEST(an_exception_is_reached_directly, (t_env)) {
    forget_environment(t_env);
    t_env_set(t_env, "http_proxy", "small:1");
    t_env_set(t_env, "NO_PROXY", "internal");
    CHECK_STR(proxy_of("http://a.internal/"), "-");
    CHECK_STR(proxy_of("http://a/"), "http://small:1/");
}

FUZZ(any_list_of_exceptions_is_survived, .max_len = 400) {
    char list[401];
    bl_url url;
    memcpy(list, data, size);
    list[size] = '\0';
    REQUIRE_OK(bl_url_parse("http://[2001:db8::1]:8080/", &url));
    bl__proxy_excepts(list, &url);
    bl_url_done(&url);
}
