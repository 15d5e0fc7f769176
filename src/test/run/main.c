/* SPDX-License-Identifier: MIT */
/*
 * test/run/main.c - the main that a test program gets unless it has its own
 */
#include <belay/test.h>

__attribute__((weak)) int main(int argc, char **argv) {
    return bl_test_main(argc, argv);
}
