/* SPDX-License-Identifier: MIT */
/*
 * test/test_token.c - the choices of a run, as a text that can be pasted
 */
#include "test/explore/token.h"

#include <belay/test.h>

enum {
    ROOM = 64
};

static size_t make(struct bl__test_choice *choices, const uint32_t *picks,
                   size_t count) {
    for (size_t i = 0; i < count; i++) {
        choices[i] = (struct bl__test_choice){ .picked = picks[i] };
    }
    return count;
}

static const uint32_t plain[] = { 0, 0, 0 };
static const uint32_t design[] = { 0, 0, 0, 0, 0, 1, 0, 0, 1, 0 };
static const uint32_t large[] = { 26, 27, 0, 4000000000u };

struct sample {
    const char *token;
    const uint32_t *picks;
    size_t count;
    size_t kept; /* without first choices at the end */
};

PARAM(struct sample, sample, { "s1:", plain, 3, 0 },
      { "s1:5.a2.a", design, 10, 9 },
      { "s1:z(27)1.(4000000000)", large, 4, 4 });

TEST(a_token_is_written_and_read, (sample), .no_loop = true) {
    char buffer[100];
    struct bl__text text = bl__text_in(buffer, sizeof buffer);
    struct bl__test_choice choices[ROOM];
    uint64_t seed = 0;
    bl__token_format(&text, 1, choices,
                     make(choices, sample.picks, sample.count));
    CHECK_STR(buffer, sample.token);

    struct bl__test_choice read[ROOM];
    REQUIRE_EQ(bl__token_parse(buffer, &seed, read, ROOM), sample.kept);
    CHECK_EQ(seed, 1);
    for (size_t i = 0; i < sample.kept; i++) {
        CHECK_EQ(read[i].picked, sample.picks[i]);
    }
}

PARAM(const char *, wrong, "", "s", "s1", "1:a", "sx:a", "s1:A", "s1:5",
      "s1:5,", "s1:(5", "s1:(x)", "s1:-1.a", "s1:65.a",
      "s1:99999999999999999999.a", "s1: a");

TEST(what_is_no_token_is_refused, (wrong), .no_loop = true) {
    struct bl__test_choice choices[ROOM];
    uint64_t seed;
    CHECK_ERR(bl__token_parse(wrong, &seed, choices, ROOM), BL_EINVAL);
}
