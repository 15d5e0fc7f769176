/* SPDX-License-Identifier: MIT */
/*
 * tests/sys/test_stack.c - pools of stacks: places, guards, warm and cold
 */
#include <belay/test.h>

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/filter.h"
#include "support/host.h"
#include "sys/ctx.h"
#include "sys/stack.h"

enum {
    HEAD_BYTES = 256,
    PAGE = 4096,
    SMALL = BL__STACK_BYTES_MIN,
    SOME = 100
};

static struct bl__stack_pool pool;

static void open_pool(uint32_t warm_max) {
    bl__stack_pool_init(&pool, HEAD_BYTES, warm_max);
}

static struct bl__stack *get(size_t bytes) {
    struct bl__stack *stack = bl__stack_get(&pool, bytes);
    REQUIRE(stack != NULL);
    return stack;
}

static size_t usable(const struct bl__stack *stack) {
    return (size_t)((const char *)stack - bl__stack_low(stack));
}

/* ---- places -------------------------------------------------------------- */

TEST(every_byte_between_guard_and_head_can_be_used, .no_loop = true) {
    struct bl__stack *stacks[SOME];
    open_pool(SOME);
    for (int i = 0; i < SOME; i++) {
        stacks[i] = get(SMALL);
        memset(bl__stack_low(stacks[i]), i, usable(stacks[i]));
        memset(stacks[i] + 1, i, HEAD_BYTES - sizeof *stacks[i]);
    }
    for (int i = 0; i < SOME; i++) { /* nobody wrote into another one's */
        CHECK_EQ(*bl__stack_low(stacks[i]), (char)i);
        CHECK_EQ(*((char *)stacks[i] - 1), (char)i);
    }
    bl__stack_pool_done(&pool);
}

TEST(a_stack_is_as_large_as_was_asked_or_larger, .no_loop = true) {
    static const size_t sizes[] = {
        1,        SMALL,          SMALL + 1, 1000000,
        16 << 20, (16 << 20) + 1, 64 << 20,  128 << 20,
    };
    open_pool(1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct bl__stack *stack = get(sizes[i]);
        CHECK_GE(bl__stack_bytes(stack), sizes[i]);
        CHECK_LE(bl__stack_bytes(stack),
                 sizes[i] < SMALL ? SMALL : sizes[i] * 2);
        *bl__stack_low(stack) = 1;
        bl__stack_put(&pool, stack);
    }
    CHECK(bl__stack_get(&pool, ((size_t)128 << 20) + 1) == NULL);
    CHECK(bl__stack_get(&pool, SIZE_MAX) == NULL);
    bl__stack_pool_done(&pool);
}

TEST(tops_of_neighbours_differ_in_their_low_bits, .no_loop = true) {
    uintptr_t seen[16];
    open_pool(0);
    for (int i = 0; i < 16; i++) {
        struct bl__stack *stack = get(SMALL);
        seen[i] = (uintptr_t)stack % PAGE;
        CHECK_EQ((uintptr_t)stack % 64, 0);
        for (int j = 0; j < i; j++)
            CHECK_NE(seen[i], seen[j]);
    }
    bl__stack_pool_done(&pool);
}

/* ---- warm and cold ------------------------------------------------------- */

TEST(the_stack_that_was_given_back_last_is_taken_first, .no_loop = true,
     .tags = "order") {
    open_pool(SOME);
    struct bl__stack *first = get(SMALL);
    struct bl__stack *second = get(SMALL);
    bl__stack_put(&pool, first);
    bl__stack_put(&pool, second);
    CHECK_EQ(pool.warm_count, 2);
    CHECK(get(SMALL) == second);
    CHECK(get(SMALL) == first);
    CHECK_EQ(pool.warm_count, 0);
    CHECK_EQ(pool.mapped_count, 2);
    bl__stack_pool_done(&pool);
}

static bool is_resident(const struct bl__stack *stack) {
    unsigned char resident[SMALL / PAGE];
    char *low = bl__stack_low(stack);
    size_t bytes = bl__stack_bytes(stack) - PAGE;
    REQUIRE_OK(mincore(low, bytes, resident));
    for (size_t i = 0; i < bytes / PAGE; i++)
        if (resident[i] & 1) return true;
    return false;
}

TEST(stacks_beyond_the_limit_give_their_pages_back, .no_loop = true) {
    struct bl__stack *stacks[SOME];
    char *lows[SOME];
    open_pool(10);
    for (int i = 0; i < SOME; i++) {
        stacks[i] = get(SMALL);
        lows[i] = bl__stack_low(stacks[i]);
        *lows[i] = 1;
    }
    for (int i = 0; i < SOME; i++)
        bl__stack_put(&pool, stacks[i]);
    CHECK_EQ(pool.warm_count, SOME);
    bl__stack_trim(&pool); /* a batch at a time */
    CHECK_LT(pool.warm_count, SOME);
    for (int i = 0; i < SOME; i++)
        bl__stack_trim(&pool);
    CHECK_EQ(pool.warm_count, 10);
    for (int i = 0; i < SOME; i++) {
        struct bl__stack *again = get(SMALL);
        if (i >= 10) CHECK_EQ(*bl__stack_low(again), 0); /* a fresh page */
    }
    CHECK_EQ(pool.mapped_count, SOME); /* no new one was needed */
    bl__stack_pool_done(&pool);
}

TEST(a_cold_stack_holds_no_memory, .no_loop = true) {
    open_pool(0);
    struct bl__stack *stack = get(SMALL);
    struct bl__stack copy = *stack; /* after the trim the head is gone */
    *bl__stack_low(stack) = 1;
    CHECK(is_resident(&copy));
    bl__stack_put(&pool, stack);
    bl__stack_trim(&pool);
    CHECK(!is_resident(&copy));
    CHECK(get(SMALL) == stack);
    bl__stack_pool_done(&pool);
}

TEST(without_memory_there_is_no_stack, .no_loop = true, .sweep = T_OOM) {
    open_pool(1);
    struct bl__stack *stack = bl__stack_get(&pool, SMALL);
    CHECK_ALWAYS(stack != NULL || t_injected());
    bl__stack_pool_done(&pool);
}

/* ---- guards -------------------------------------------------------------- */

static int writes_below(void *arg) {
    volatile char *low = arg;
    low[0] = 1;
    low[-1] = 1;
    return 0;
}

static bool dies_below(const struct bl__stack *stack) {
    int status = in_child(writes_below, bl__stack_low(stack));
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

TEST(a_write_below_the_stack_hits_the_guard, .no_loop = true,
     .tags = "native") {
    struct bl__stack *stacks[SOME];
    open_pool(SOME);
    for (int i = 0; i < SOME; i++)
        stacks[i] = get(SMALL);
    for (int i = 0; i < SOME; i += 33) {
        char *low = bl__stack_low(stacks[i]);
        CHECK(bl__stack_is_guard(stacks[i], low - 1));
        CHECK(bl__stack_is_guard(stacks[i], low - PAGE));
        CHECK(!bl__stack_is_guard(stacks[i], low));
        CHECK(!bl__stack_is_guard(stacks[i], low - PAGE - 1));
        if (!BL__CTX_HAS_TOOLS) CHECK(dies_below(stacks[i]));
    }
    CHECK_NE(pool.guard, BL__GUARD_CANARY);
    bl__stack_pool_done(&pool);
}

TEST(the_guard_is_still_there_after_the_pages_were_given_back, .no_loop = true,
     .tags = "native") {
    open_pool(0);
    struct bl__stack *stack = get(SMALL);
    bl__stack_put(&pool, stack);
    bl__stack_trim(&pool);
    stack = get(SMALL);
    if (!BL__CTX_HAS_TOOLS) CHECK(dies_below(stack));
    bl__stack_pool_done(&pool);
}

TEST(an_older_kernel_has_guards_too, .no_loop = true) {
    refuse_light_guards();
    open_pool(0);
    struct bl__stack *stack = get(SMALL);
    CHECK_STR(bl__guard_name(pool.guard), "mprotect");
    if (!BL__CTX_HAS_TOOLS) CHECK(dies_below(stack));
    bl__stack_pool_done(&pool);
}

TEST(memory_that_is_locked_has_guards_too, .no_loop = true, .tags = "native") {
    open_pool(0);
    if (mlockall(MCL_FUTURE | MCL_ONFAULT) < 0) t_skip("memory is not to lock");
    struct bl__stack *stack = get(SMALL);
    CHECK_NE(pool.guard, BL__GUARD_CANARY);
    if (!BL__CTX_HAS_TOOLS) CHECK(dies_below(stack));
    bl__stack_pool_done(&pool);
}

TEST(guards_that_split_mappings_are_for_a_part_of_the_limit, .no_loop = true) {
    enum {
        LIMIT = 16000
    };
    refuse_light_guards();
    open_pool(0);
    int light = 0, broken = 0;
    struct bl__stack *all[LIMIT + 1000];
    for (int i = 0; i < LIMIT + 1000; i++)
        all[i] = get(SMALL);
    for (int round = 0; round < 2; round++) { /* cold ones remember theirs */
        for (int i = 0; i < LIMIT + 1000; i++) {
            bool is_light = all[i]->guard == BL__GUARD_MPROTECT;
            if (is_light) light++;
            if (!is_light && !bl__stack_is_whole(all[i])) broken++;
            bl__stack_put(&pool, all[i]);
        }
        while (pool.warm_count > 0)
            bl__stack_trim(&pool);
        for (int i = 0; i < LIMIT + 1000; i++)
            all[i] = get(SMALL);
    }
    CHECK_EQ(light, 2 * LIMIT);
    CHECK_EQ(broken, 0);
    CHECK_EQ(pool.guard, BL__GUARD_CANARY);
    bl__stack_pool_done(&pool);
    open_pool(0); /* what was given back is there for others */
    CHECK_EQ(get(SMALL)->guard, BL__GUARD_MPROTECT);
    bl__stack_pool_done(&pool);
}

static int looks_at_a_page(void *arg) {
    (void)arg;
    refuse_all_guards();
    open_pool(0);
    struct bl__stack *stack = get(SMALL);
    CHECK_STR(bl__guard_name(pool.guard), "canary");
    CHECK(bl__stack_is_whole(stack));
    memset(bl__stack_low(stack), 1, usable(stack));
    CHECK(bl__stack_is_whole(stack));
    bl__stack_low(stack)[-1] = 1;
    CHECK(!bl__stack_is_whole(stack));
    bl__stack_pool_done(&pool);
    return 0;
}

/* In a child, since LeakSanitizer cannot end a process without guards. */
TEST(without_guards_a_page_tells_whether_it_was_touched, .no_loop = true) {
    CHECK_EQ(in_child(looks_at_a_page, NULL), 0);
}
