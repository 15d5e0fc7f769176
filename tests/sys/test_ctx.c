/* SPDX-License-Identifier: MIT */
/*
 * tests/sys/test_ctx.c - switching between stacks
 */
#include <belay/test.h>

#include <stdint.h>
#include <stdlib.h>

#include "sys/ctx.h"

enum {
    STACK_BYTES = 256 * 1024,
    ROUNDS = 1000
};

/* A second line of execution, and what it and the test tell each other. */
struct pair {
    struct bl__ctx here;
    struct bl__ctx there;
    char *stack;
    int count;
    uintptr_t alignment;
    double sum;
    bool is_over;
};

static void pair_open(struct pair *pair, bl__ctx_fn *fn) {
    *pair = (struct pair){ .count = 0 };
    pair->stack = aligned_alloc(4096, STACK_BYTES);
    REQUIRE(pair->stack != NULL);
    bl__ctx_tools_adopt(&pair->here);
    bl__ctx_tools_open(&pair->there, pair->stack, pair->stack + STACK_BYTES);
    bl__ctx_make(&pair->there, pair->stack, pair->stack + STACK_BYTES, fn,
                 pair);
}

static void pair_close(struct pair *pair) {
    bl__ctx_tools_close(&pair->there);
    free(pair->stack);
}

static void go_there(struct pair *pair) {
    bl__ctx_switch(&pair->here, &pair->there);
}

static void come_back(struct pair *pair) {
    bl__ctx_switch(&pair->there, &pair->here);
}

static void counts(void *arg) {
    struct pair *pair = arg;
    bl__ctx_tools_enter(&pair->there);
    while (pair->count < ROUNDS) {
        pair->count++;
        come_back(pair);
    }
    pair->is_over = true;
    bl__ctx_leave(&pair->there, &pair->here);
}

TEST(two_lines_of_execution_take_turns, .no_loop = true) {
    struct pair pair;
    pair_open(&pair, counts);
    for (int i = 1; i <= ROUNDS; i++) {
        go_there(&pair);
        CHECK_EQ(pair.count, i);
        CHECK(!pair.is_over);
    }
    go_there(&pair);
    CHECK(pair.is_over);
    pair_close(&pair);
}

/* Many values that a compiler would like to keep in registers. */
__attribute__((noinline)) static double mixes(struct pair *pair, unsigned seed,
                                              void (*turn)(struct pair *)) {
    unsigned a = seed, b = seed * 3, c = seed * 5, d = seed * 7, e = seed * 11;
    double x = seed * 0.5, y = seed * 0.25, z = seed * 0.125;
    for (unsigned i = 0; i < ROUNDS; i++) {
        turn(pair);
        a += b ^ i;
        b += c;
        c ^= d + i;
        d += e;
        e += seed;
        x += y;
        y += z;
        z += 1.0 / (i + 1);
    }
    return x + y + z + (double)(a % 1000) + b % 1000 + c % 1000 + d % 1000 +
           e % 1000;
}

static void no_turn(struct pair *pair) {
    (void)pair;
}

static void mixes_there(void *arg) {
    struct pair *pair = arg;
    bl__ctx_tools_enter(&pair->there);
    pair->sum = mixes(pair, 17, come_back);
    pair->is_over = true;
    bl__ctx_leave(&pair->there, &pair->here);
}

TEST(values_in_registers_survive_a_switch, .no_loop = true) {
    struct pair pair;
    pair_open(&pair, mixes_there);
    double sum = mixes(&pair, 23, go_there);
    while (!pair.is_over)
        go_there(&pair);
    CHECK_EQ(sum, mixes(&pair, 23, no_turn));
    CHECK_EQ(pair.sum, mixes(&pair, 17, no_turn));
    pair_close(&pair);
}

static void looks_at_its_frame(void *arg) {
    struct pair *pair = arg;
    _Alignas(16) volatile char local[16];
    bl__ctx_tools_enter(&pair->there);
    local[0] = 1;
    pair->alignment = (uintptr_t)&local[0] % 16;
    pair->count = (char *)&local[0] >= pair->stack &&
                  (char *)&local[0] < pair->stack + STACK_BYTES;
    bl__ctx_leave(&pair->there, &pair->here);
}

TEST(a_new_line_begins_on_its_own_stack_and_aligned, .no_loop = true) {
    struct pair pair;
    pair_open(&pair, looks_at_its_frame);
    go_there(&pair);
    CHECK_EQ(pair.alignment, 0);
    if (!BL__CTX_HAS_TOOLS) CHECK_EQ(pair.count, 1);
    pair_close(&pair);
}
