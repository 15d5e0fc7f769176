/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_blast_options.c - what a command line of `belay blast` means
 */
#include <string.h>

#include <belay/test.h>

#include "cli/blast_options.h"
#include "cli/command.h"
#include "support/words.h"

static int read_line(const char *line, struct blast_options *options) {
    char *words[WORDS_MAX + 1];
    int count = words_of(line, words);
    return blast_options_read(count, words, options);
}

static struct blast_options options_of(const char *line) {
    struct blast_options options;
    REQUIRE_EQ(read_line(line, &options), -1);
    return options;
}

TEST(defaults) {
    struct blast_options options = options_of("blast tcp://host:1");
    CHECK_EQ(options.rate_milli, 1000000);
    CHECK_EQ(options.duration, BL_SEC(10));
    CHECK_EQ(options.count, BLAST_COUNT_MAX);
    CHECK_EQ(options.connections, 10);
    CHECK_EQ(options.workers, 1);
    CHECK_EQ(options.timeout, BL_SEC(10));
    CHECK_EQ(options.warmup, 0);
    CHECK_EQ(options.body_bytes, 64);
    CHECK_EQ(options.reply_bytes, 64);
    CHECK(options.is_echo);
    CHECK(!options.is_fresh);
    CHECK_EQ(options.failures_max, 0.0);
    blast_options_done(&options);
}

TEST(every_load_option_has_its_effect) {
    struct blast_options options =
        options_of("blast -p -r 90/m -d 2m -W 3s -c 7 -n -t 1500ms -w 2 "
                   "--connect unix:@me tcp://host:1");
    CHECK_EQ(options.rate_milli, 1500);
    CHECK_EQ(options.duration, BL_SEC(120));
    CHECK_EQ(options.warmup, BL_SEC(3));
    CHECK_EQ(options.connections, 7);
    CHECK(options.is_fresh);
    CHECK_EQ(options.timeout, BL_MS(1500));
    CHECK_EQ(options.workers, 2);
    CHECK(options.is_precise);
    CHECK_STR(options.connect, "unix:@me");
    blast_options_done(&options);
}

TEST(several_addresses_to_come_from) {
    struct blast_options options =
        options_of("blast --from 127.0.0.2 --from ::1 tcp://host:1");
    char text[BL_ADDR_TEXT_BYTES];
    REQUIRE_EQ(options.from_count, 2);
    bl_addr_format(&options.from[0], text, sizeof(text));
    CHECK_STR(text, "127.0.0.2:0");
    bl_addr_format(&options.from[1], text, sizeof(text));
    CHECK_STR(text, "[::1]:0");
    blast_options_done(&options);
}

TEST(a_count_alone_has_no_duration) {
    struct blast_options options = options_of("blast -N 5k tcp://host:1");
    CHECK_EQ(options.count, 5000);
    CHECK_EQ(options.duration, BL_FOREVER);
    blast_options_done(&options);
    options = options_of("blast -N 5 -d 1s tcp://host:1");
    CHECK_EQ(options.duration, BL_SEC(1));
    blast_options_done(&options);
}

TEST(options_may_follow_the_url) {
    struct blast_options options = options_of("blast tcp://host:1 -c 3");
    CHECK_EQ(options.connections, 3);
    blast_options_done(&options);
}

TEST(what_is_sent_and_when_an_answer_is_whole) {
    struct blast_options options =
        options_of("blast -b PING\\r\\n -u \\n tcp://host:1");
    CHECK_MEM(options.body, options.body_bytes, "PING\r\n", 6);
    CHECK_MEM(options.until, options.until_bytes, "\n", 1);
    CHECK(!options.is_echo);
    blast_options_done(&options);

    options = options_of("blast -s 1K -R 10 tcp://host:1");
    CHECK_EQ(options.body_bytes, 1024);
    CHECK_EQ(options.reply_bytes, 10);
    CHECK(!options.is_echo);
    blast_options_done(&options);

    options = options_of("blast -x tcp://host:1");
    CHECK(!options.is_echo);
    blast_options_done(&options);
}

TEST(a_body_makes_a_post, .skip = BELAY_CLI_HTTP ? NULL : "no HTTP") {
    struct blast_options options = options_of("blast http://host/");
    CHECK_STR(options.method, "GET");
    CHECK(options.body == NULL);
    blast_options_done(&options);
    options = options_of("blast -b x -H A:b -H C:d http://host/");
    CHECK_STR(options.method, "POST");
    CHECK_EQ(options.header_count, 2);
    CHECK_STR(options.headers[1], "C:d");
    blast_options_done(&options);
    options = options_of("blast -b x -m PUT http://host/");
    CHECK_STR(options.method, "PUT");
    blast_options_done(&options);
}

TEST(failures_may_be_allowed) {
    struct blast_options options =
        options_of("blast --fail-above 2.5 --json - -q tcp://host:1");
    CHECK_NEAR(options.failures_max, 0.025, 1e-9);
    CHECK_STR(options.json, "-");
    CHECK(options.is_quiet);
    blast_options_done(&options);
}

TEST(help_is_good, .output = "usage: belay blast") {
    struct blast_options options;
    CHECK_EQ(read_line("blast --help", &options), STATUS_GOOD);
    CHECK_EQ(read_line("blast -h nonsense", &options), STATUS_GOOD);
    fflush(stdout);
}

struct slip {
    const char *line;
    const char *told;
};

PARAM(struct slip, slip,                                        //
      { "blast", "no URL" },                                    //
      { "blast a b", "one URL at a time" },                     //
      { "blast -z tcp://h:1", "what is '-z'" },                 //
      { "blast --zeal tcp://h:1", "what is '--zeal'" },         //
      { "blast -r", "--rate needs a value" },                   //
      { "blast --json", "--json needs a value" },               //
      { "blast -r x tcp://h:1", "--rate cannot be 'x'" },       //
      { "blast -r 11M tcp://h:1", "--rate cannot be" },         //
      { "blast -d 0 tcp://h:1", "--duration cannot be '0'" },   //
      { "blast --from me tcp://h:1", "--from cannot be 'me'" }, //
      { "blast -N 0 tcp://h:1", "--count cannot be '0'" },      //
      { "blast -c 0 tcp://h:1", "--connections cannot be" },    //
      { "blast -t 0 tcp://h:1", "--timeout cannot be" },        //
      { "blast -w 300 tcp://h:1", "--workers cannot be" },      //
      { "blast -w 11 tcp://h:1", "11 workers need as many" },   //
      { "blast ftp://h", "scheme that is not known" },          //
      { "blast tcp://h", "names no port" },                     //
      { "blast -m GET tcp://h:1", "for HTTP alone" },           //
      { "blast -H A:b tcp://h:1", "for HTTP alone" },           //
      { "blast -H A tcp://h:1", "--header cannot be" },         //
      { "blast -m ge/t h", "--method cannot be" },              //
      { "blast -R 1 -u x tcp://h:1", "exclude each other" },    //
      { "blast -b x -s 1 tcp://h:1", "exclude each other" },    //
      { "blast -N 5 -W 1s tcp://h:1", "so there is no -W" },    //
      { "blast -s 0 tcp://h:1", "nothing to send" },            //
      { "blast -b \\q tcp://h:1", "has a backslash" },          //
      { "blast -b @/no/file tcp://h:1", "No such file" },       //
      { "blast -u @/dev/null tcp://h:1", "is empty" },          //
      { "blast --fail-above 101 tcp://h:1", "--fail-above cannot" });

/* What is said on stderr is caught by a pipe in its place. */
TEST(slips_are_named, (slip)) {
    struct blast_options options;
    char told[1024] = "";
    FILE *kept = stderr;
    FILE *caught = fmemopen(told, sizeof(told) - 1, "w");
    REQUIRE(caught != NULL);
    stderr = caught;
    int status = read_line(slip.line, &options);
    stderr = kept;
    fclose(caught);
    CHECK_EQ(status, STATUS_USAGE);
    CHECK_CONTAINS(told, slip.told);
    CHECK_CONTAINS(told, "Try 'belay help blast'.");
}
