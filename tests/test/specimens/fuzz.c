/* SPDX-License-Identifier: MIT */
/*
 * specimens/fuzz.c - tests that are given inputs
 */
#include <string.h>

#include <belay/test.h>

/* Reads a number of bytes that the input names; trusts it, if it is planted. */
static int sum_of(const uint8_t *data, size_t size, bool trusts) {
    if (size < 2 || data[0] != '{') return -1;
    size_t count = data[1];
    if (!trusts && count > size - 2) return -1;
    int sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += data[2 + i];
    }
    return sum;
}

FUZZ(sound, .max_len = 64, .no_loop = true) {
    CHECK_LE(size, 64);
    BL_IGNORE(sum_of(data, size, false));
}

/* The corpus has what leads there: "key=value;". */
FUZZ(breaks_on_two_equal_signs, .corpus = "../corpus", .max_len = 100) {
    size_t count = 0;
    for (size_t i = 0; i < size && data[i] != ';'; i++) {
        if (data[i] == '=') count++;
    }
    CHECK_LT(count, 2);
}

FUZZ(reads_past_the_end, .inputs = 3000, .no_loop = true) {
    CHECK_GE(sum_of(data, size, true), -1);
}

/* No input matters, but the order of its tasks does: from its last bytes. */
static int order[4];
static int order_count;

static int note_number(void *arg) {
    order[order_count++] = *(int *)arg;
    return 0;
}

FUZZ(breaks_in_one_order, .max_len = 8) {
    static int numbers[] = { 0, 1, 2, 3 };
    BL_GROUP_SCOPED(group);
    order_count = 0;
    for (int i = 0; i < 4; i++) {
        REQUIRE_OK(bl_spawn(&group, note_number, &numbers[i]));
    }
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK(order[0] == 0 || order[1] == 0);
}

TEST(is_no_fuzz_test) {
}
