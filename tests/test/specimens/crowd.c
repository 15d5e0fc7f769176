/* SPDX-License-Identifier: MIT */
/*
 * specimens/crowd.c - many tests, of which those in front take longest
 *
 * So several at once end in another order than they begin.
 */
#include <belay/test.h>

PARAM(int, turn, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);

/* Real work, since no other time passes in a test. */
static unsigned work(int rounds) {
    volatile unsigned sum = 0;
    for (int i = 0; i < rounds * 200000; i++)
        sum += (unsigned)i;
    return sum;
}

#line 1 "crowd/test_first.c"
TEST(first, (turn)) {
    CHECK_NE(work(10 - turn), 1);
}

#line 1 "crowd/test_second.c"
TEST(second, (turn)) {
    CHECK_NE(turn, 4);
}
