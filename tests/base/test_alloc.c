/* SPDX-License-Identifier: MIT */
/*
 * tests/base/test_alloc.c - the allocator that everything comes from
 */
#include <belay/test.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "support/famine.h"

TEST(memory_can_be_taken_resized_and_given_back, .no_loop = true) {
    char *memory = bl_alloc(10);
    REQUIRE(memory != NULL);
    memcpy(memory, "012345678", 10);
    memory = bl_realloc(memory, 1000);
    REQUIRE(memory != NULL);
    CHECK_STR(memory, "012345678");
    bl_free(memory);
    bl_free(NULL);
}

TEST(nothing_can_be_taken_and_given_back, .no_loop = true) {
    void *memory = bl_alloc(0);
    CHECK(memory != NULL);
    bl_free(memory);
}

TEST(resizing_nothing_is_taking, .no_loop = true) {
    void *memory = bl_realloc(NULL, 10);
    CHECK(memory != NULL);
    bl_free(memory);
}

TEST(zeroed_memory_is_zero_and_its_size_does_not_wrap, .no_loop = true) {
    char *memory = bl__alloc_zeroed(100, 10);
    REQUIRE(memory != NULL);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(memory[i], 0);
    bl_free(memory);
    CHECK(bl__alloc_zeroed(SIZE_MAX / 2, 3) == NULL);
}

TEST(want_of_memory_is_said_and_leaves_the_old_memory, .no_loop = true) {
    char *memory = bl_alloc(4);
    REQUIRE(memory != NULL);
    memcpy(memory, "abc", 4);
    famine_begin(0);
    CHECK(bl_alloc(1) == NULL);
    CHECK(bl__alloc_zeroed(1, 1) == NULL);
    CHECK(bl_realloc(memory, 1000) == NULL);
    famine_end();
    CHECK_STR(memory, "abc");
    bl_free(memory);
}

/* An allocator of the program that counts what it gives. */
struct counting {
    int given;
    int taken;
};

static void *counting_alloc(void *context, size_t bytes) {
    ((struct counting *)context)->given++;
    return malloc(bytes > 0 ? bytes : 1);
}

static void *counting_resize(void *context, void *memory, size_t bytes) {
    if (memory == NULL) ((struct counting *)context)->given++;
    return realloc(memory, bytes);
}

static void counting_free(void *context, void *memory) {
    if (memory != NULL) ((struct counting *)context)->taken++;
    free(memory);
}

static int sleeps(void *arg) {
    (void)arg;
    return bl_sleep(1);
}

TEST(an_allocator_of_the_program_gets_every_request, .no_loop = true) {
    struct counting counting = { 0, 0 };
    bl_allocator before,
        own = { counting_alloc, counting_resize, counting_free, &counting };
    bl_allocator_get(&before);
    bl_allocator_set(&own);
    bl_allocator now;
    bl_allocator_get(&now);
    CHECK(now.context == &counting);
    CHECK_OK(bl_run(sleeps, NULL));
    bl_allocator_set(&before);
    CHECK_GT(counting.given, 0);
    CHECK_EQ(counting.taken, counting.given);
}

TEST(null_restores_the_default, .no_loop = true) {
    bl_allocator before, standard;
    bl_allocator_get(&before);
    bl_allocator_set(NULL);
    bl_allocator_get(&standard);
    void *memory = bl_alloc(10);
    CHECK(memory != NULL);
    bl_free(memory);
    bl_allocator_set(&before);
    CHECK(standard.alloc != NULL && standard.free != NULL);
}
