/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_nearest.c - which word was probably meant
 */
#include <string.h>

#include <belay/test.h>

#include "cli/nearest.h"

TEST(distance_counts_single_slips) {
    CHECK_EQ(word_distance("blast", "blast"), 0);
    CHECK_EQ(word_distance("blst", "blast"), 1);   /* left out */
    CHECK_EQ(word_distance("blaast", "blast"), 1); /* twice */
    CHECK_EQ(word_distance("blost", "blast"), 1);  /* another */
    CHECK_EQ(word_distance("balst", "blast"), 1);  /* swapped */
    CHECK_EQ(word_distance("", "blast"), 5);
    CHECK_EQ(word_distance("blast", ""), 5);
    CHECK_EQ(word_distance("fetch", "blast"), 5);
}

TEST(distance_is_the_same_both_ways) {
    CHECK_EQ(word_distance("halp", "help"), word_distance("help", "halp"));
    CHECK_EQ(word_distance("rlast", "bla"), word_distance("bla", "rlast"));
}

TEST(endless_words_are_like_nothing) {
    char word[65];
    memset(word, 'a', sizeof(word) - 1);
    word[64] = '\0';
    CHECK_EQ(word_distance(word, word), SIZE_MAX);
    word[63] = '\0';
    CHECK_EQ(word_distance(word, word), 0);
}

TEST(the_nearest_word_is_offered_and_no_far_one) {
    const char *const words[] = { "help", "blast", "fetch" };
    CHECK_STR(nearest_word("balst", words, 3), "blast");
    CHECK_STR(nearest_word("hlep", words, 3), "help");
    CHECK_STR(nearest_word("fech", words, 3), "fetch");
    CHECK(nearest_word("serve", words, 3) == NULL);
    CHECK(nearest_word("", words, 3) == NULL);
    CHECK(nearest_word("help", words, 0) == NULL);
}

TEST(of_equally_near_words_the_first_is_offered) {
    const char *const words[] = { "cat", "bat", "rat" };
    CHECK_STR(nearest_word("hat", words, 3), "cat");
    CHECK_STR(nearest_word("rat", words, 3), "rat");
}
