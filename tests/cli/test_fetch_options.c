/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_fetch_options.c - what a command line of `belay fetch` means
 */
#include <string.h>

#include <belay/test.h>

#include "cli/fetch_options.h"
#include "support/words.h"

static int read_line(const char *line, struct fetch_options *options) {
    char *words[WORDS_MAX + 1];
    int count = words_of(line, words);
    return fetch_options_read(count, words, options);
}

TEST(defaults) {
    struct fetch_options options;
    REQUIRE_EQ(read_line("fetch http://a/x/y%20z?q", &options), -1);
    CHECK_EQ(options.jobs, 4u);
    CHECK_EQ(options.retries, 4u);
    CHECK_EQ(options.timeout, BL_FOREVER);
    CHECK_EQ(options.bytes_max, UINT64_MAX);
    CHECK(!options.resumes);
    CHECK(!options.has_sum);
    CHECK_STR(options.paths[0], "./y z");
    fetch_options_done(&options);
}

TEST(every_option_has_its_effect) {
    struct fetch_options options;
    REQUIRE_EQ(read_line("fetch -c -q -k -j 2 -r 0 -t 1500ms --max 2K -d e "
                         "--roots r -H A:b http://a/ http://a/f",
                         &options),
               -1);
    CHECK(options.resumes);
    CHECK(options.is_quiet);
    CHECK(options.is_unverified);
    CHECK_EQ(options.jobs, 2u);
    CHECK_EQ(options.retries, 0u);
    CHECK_EQ(options.timeout, BL_MS(1500));
    CHECK_EQ(options.bytes_max, 2048u);
    CHECK_STR(options.roots_file, "r");
    REQUIRE_EQ(options.header_count, 1u);
    CHECK_STR(options.headers[0].name, "A");
    CHECK_STR(options.headers[0].value, "b");
    REQUIRE_EQ(options.url_count, 2u);
    CHECK_STR(options.paths[0], "e/index.html");
    CHECK_STR(options.paths[1], "e/f");
    fetch_options_done(&options);
}

TEST(a_name_of_ones_own) {
    struct fetch_options options;
    REQUIRE_EQ(read_line("fetch -o /x/y http://a/..%2f", &options), -1);
    CHECK_STR(options.paths[0], "/x/y");
    fetch_options_done(&options);
}

struct name {
    const char *url;
    const char *name; /* NULL: there is none */
};

PARAM(struct name, name, { "http://a", "index.html" },
      { "http://a/b/", "index.html" }, { "http://a/b/c", "c" },
      { "http://a/b?c/d", "b" }, { "http://a/b#c/d", "b" },
      { "http://a/%41", "A" }, { "http://a/b/../c", "c" },
      { "http://a/%2e%2e", NULL }, { "http://a/.b", NULL },
      { "http://a/b%2fc", NULL }, { "http://a/b%00", NULL },
      { "http://a/%0a", NULL }, { "http://a/%", NULL }, { "ftp://a/b", NULL });

TEST(a_url_gives_a_name_that_stays_in_its_folder, (name)) {
    char text[256] = "";
    const char *wrong = fetch_name_of(name.url, text, sizeof text);
    if (name.name == NULL) {
        CHECK(wrong != NULL);
    } else {
        CHECK(wrong == NULL);
        CHECK_STR(text, name.name);
    }
}
