/* SPDX-License-Identifier: MIT */
/*
 * specimens/nothing.c - a program without a test
 *
 * This is what is left of tests that were put into an archive: nothing refers
 * to them, so the linker leaves them out.
 */
#include <belay/test.h>

FIXTURE(int, lonely) {
    YIELD(1);
}
