/* SPDX-License-Identifier: MIT */
/*
 * test/test_dfs.c - all orders of a test, depth first, within a bound
 */
#include <string.h>

#include "test/explore/strategy.h"

#include <belay/test.h>

enum {
    CHOICES = 3
};

/* A run of three choices among three, that begins with `prefix`. */
static void run(struct bl__test_choice *choices, size_t prefix) {
    for (size_t i = 0; i < CHOICES; i++) {
        if (i >= prefix) choices[i].picked = 0;
        choices[i].count = 3;
    }
}

static unsigned number_of(const struct bl__test_choice *choices) {
    unsigned number = 0;
    for (size_t i = 0; i < CHOICES; i++) {
        number = number * 3 + choices[i].picked;
    }
    return number;
}

static unsigned unusual(const struct bl__test_choice *choices) {
    unsigned count = 0;
    for (size_t i = 0; i < CHOICES; i++) {
        if (choices[i].picked != 0) count++;
    }
    return count;
}

struct bound {
    unsigned depth;
    unsigned orders; /* of 27 */
};

PARAM(struct bound, bound, { 0, 1 }, { 1, 7 }, { 2, 19 }, { 3, 27 }, { 9, 27 });

TEST(each_order_within_the_bound_is_run_once, (bound), .no_loop = true) {
    struct bl__test_choice choices[CHOICES];
    bool was_run[27] = { false };
    size_t prefix = 0;
    unsigned orders = 0;
    do {
        run(choices, prefix);
        REQUIRE(!was_run[number_of(choices)]);
        was_run[number_of(choices)] = true;
        CHECK_LE(unusual(choices), bound.depth);
        orders++;
        prefix = CHOICES;
    } while (bl__dfs_next(choices, &prefix, bound.depth));
    CHECK_EQ(orders, bound.orders);
}

TEST(a_run_without_choices_is_the_only_one, .no_loop = true) {
    size_t count = 0;
    CHECK(!bl__dfs_next(NULL, &count, 5));
}
