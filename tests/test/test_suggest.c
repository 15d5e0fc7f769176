/* SPDX-License-Identifier: MIT */
/*
 * test/test_suggest.c - "did you mean"
 */
#include <string.h>

#include <belay/test.h>

#include "test/suggest.h"

static const char *best_of(const char *word, const char *const *candidates) {
    struct bl__suggestion suggestion = bl__suggest(word);
    for (; *candidates != NULL; candidates++)
        bl__suggest_try(&suggestion, *candidates);
    return suggestion.best;
}

static const char *const names[] = { "--junit", "--json", "--version",
                                     "--list",  "--lf",   NULL };

TEST(a_letter_too_many_too_few_or_wrong, .no_loop = true) {
    CHECK_STR(best_of("--junitt", names), "--junit");
    CHECK_STR(best_of("--junt", names), "--junit");
    CHECK_STR(best_of("--jumit", names), "--junit");
}

TEST(neighbours_that_are_swapped_are_one_slip, .no_loop = true) {
    CHECK_STR(best_of("--versoin", names), "--version");
    struct bl__suggestion suggestion = bl__suggest("ab");
    bl__suggest_try(&suggestion, "ba");
    CHECK_EQ(suggestion.distance, 1);
}

TEST(the_nearest_wins_wherever_it_stands, .no_loop = true) {
    static const char *const two[] = { "passes_now", "passes", NULL };
    static const char *const reversed[] = { "passes", "passes_now", NULL };
    CHECK_STR(best_of("pases", two), "passes");
    CHECK_STR(best_of("pases", reversed), "passes");
}

TEST(what_is_unlike_is_not_offered, .no_loop = true) {
    CHECK_STR(best_of("--quality", names), NULL);
    CHECK_STR(best_of("", names), NULL);
}

TEST(words_of_any_length_are_compared, .no_loop = true) {
    char word[300];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    const char *const itself[] = { word, "x", NULL };
    CHECK_STR(best_of(word, itself), NULL); /* too long to be looked at */
    CHECK_STR(best_of("xy", itself), "x");
}
