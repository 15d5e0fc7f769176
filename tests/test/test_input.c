/* SPDX-License-Identifier: MIT */
/*
 * test/test_input.c - the inputs of a FUZZ test
 */
#include "test/explore/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host.h"
#include "test/subrun.h"

#define FUZZES SPECIMEN("fuzz")

static const struct bl__test with_corpus = {
    .file = __FILE__,
    .options = { .corpus = "corpus", .max_len = 32 },
};

TEST(the_corpus_comes_first, .no_loop = true) {
    struct bl__corpus corpus;
    bl__corpus_load(&corpus, &with_corpus);
    REQUIRE_EQ(corpus.count, 2);
    struct bl__input first = bl__input_make(&corpus, 1, 0);
    struct bl__input second = bl__input_make(&corpus, 1, 1);
    CHECK_MEM(first.bytes, first.count, "key=value;", 10);
    CHECK_MEM(second.bytes, second.count, "a=1;b=2;", 8);
    bl__input_done(&first);
    bl__input_done(&second);
    bl__corpus_done(&corpus);
}

TEST(made_inputs_follow_from_seed_and_number, .no_loop = true) {
    struct bl__corpus corpus;
    bl__corpus_load(&corpus, &with_corpus);
    int changed = 0;
    for (uint64_t i = 2; i < 500; i++) {
        struct bl__input one = bl__input_make(&corpus, 1, i);
        struct bl__input same = bl__input_make(&corpus, 1, i);
        struct bl__input other = bl__input_make(&corpus, 2, i);
        CHECK_LE(one.count, 32);
        CHECK_MEM(one.bytes, one.count, same.bytes, same.count);
        bool is_other = one.count != other.count ||
                        memcmp(one.bytes, other.bytes, one.count) != 0;
        if (is_other) changed++;
        bl__input_done(&one);
        bl__input_done(&same);
        bl__input_done(&other);
    }
    CHECK_GT(changed, 400);
    bl__corpus_done(&corpus);
}

TEST(a_missing_corpus_is_an_empty_one, .no_loop = true) {
    struct bl__test test = with_corpus;
    struct bl__corpus corpus;
    test.options.corpus = "no-such-folder";
    bl__corpus_load(&corpus, &test);
    CHECK_EQ(corpus.count, 0);
    struct bl__input made = bl__input_make(&corpus, 1, 0);
    CHECK_GT(made.count, 0);
    bl__input_done(&made);
    bl__corpus_done(&corpus);
}

TEST(an_input_is_written_and_read, .no_loop = true) {
    uint8_t bytes[] = { 0, 1, 0x7f, 0xff };
    const struct bl__input input = { bytes, sizeof bytes };
    struct bl__input read;
    char *text = bl__input_format(&input);
    CHECK_STR(text, "00017fff");
    REQUIRE(bl__input_parse(&read, text));
    CHECK_MEM(read.bytes, read.count, bytes, sizeof bytes);
    bl__input_done(&read);
    CHECK(!bl__input_parse(&read, "0"));
    CHECK(!bl__input_parse(&read, "0g"));
    free(text);
}

/* Fails as long as both bytes are there, in this order. */
static bool fails(const struct bl__input *input) {
    const uint8_t *x = memchr(input->bytes, 'x', input->count);
    if (x == NULL) return false;
    return memchr(x, 'y', input->count - (size_t)(x - input->bytes)) != NULL;
}

TEST(what_does_not_matter_is_left_out, .no_loop = true) {
    uint8_t bytes[500];
    memset(bytes, '-', sizeof bytes);
    bytes[123] = 'x';
    bytes[456] = 'y';
    const struct bl__input input = { bytes, sizeof bytes };
    struct bl__input_shrink shrink;
    bl__input_shrink_begin(&shrink, &input);
    while (bl__input_shrink_next(&shrink)) {
        bl__input_shrink_judge(&shrink, fails(&shrink.trial));
        REQUIRE(fails(&shrink.best));
    }
    CHECK_MEM(shrink.best.bytes, shrink.best.count, "xy", 2);
    bl__input_shrink_done(&shrink);
}

/* ---- whole programs ------------------------------------------------------ */

TEST(sound_code_survives_its_inputs, .no_loop = true) {
    struct subrun run = subrun_run(FUZZES, "-v", "sound", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_STR(subrun_last_line(&run), "1 passed, 0 failed");
    subrun_done(&run);

    run = subrun_run(FUZZES, "-v", "--fuzz", "sound=0.2", NULL);
    CHECK_EQ(run.status, 0);
    subrun_done(&run);
}

/* Finds `name`'s bug, and then again by the token. */
static void check_found(const char *name, const char *shown) {
    char token[200];
    struct subrun run = subrun_run(FUZZES, name, NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, shown);
    CHECK_CONTAINS(run.output, "found by input ");
    subrun_token(&run, token, sizeof token);
    subrun_done(&run);

    struct subrun again = subrun_run(FUZZES, "--replay", token, NULL);
    CHECK_EQ(again.status, 1);
    CHECK_CONTAINS(again.output, shown);
    subrun_done(&again);
}

TEST(changed_inputs_find_what_the_corpus_is_near_to, .no_loop = true) {
    check_found("breaks_on_two_equal_signs", "CHECK_LT(count, 2)");
}

TEST(an_input_chooses_the_order_of_tasks, .no_loop = true, .tags = "order") {
    check_found("breaks_in_one_order", "CHECK(order[0] == 0");
}

TEST(a_read_past_the_end_is_seen_by_a_sanitizer, .no_loop = true) {
    if (!bl__host_has_asan()) t_skip("there is no AddressSanitizer");
    check_found("reads_past_the_end", "heap-buffer-overflow");
}

TEST(a_file_can_be_replayed, (t_tmpdir)) {
    char token[300];
    snprintf(token, sizeof token, "%s/input", t_tmpdir);
    FILE *file = fopen(token, "we");
    REQUIRE_NE(file, NULL);
    fputs("a==b", file);
    fclose(file);
    snprintf(token, sizeof token,
             "fuzz.c::breaks_on_two_equal_signs@file@%s/input", t_tmpdir);
    struct subrun run = subrun_run(FUZZES, "--replay", token, NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "CHECK_LT(count, 2)");
    subrun_done(&run);
}
