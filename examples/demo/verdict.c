/* SPDX-License-Identifier: MIT */
/*
 * demo/verdict.c - the table at the end: what was measured, what had to be
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <belay/error.h>

#include "verdict.h"

#define RULE "  ------------------------------------------------------------\n"

const char *count_text(uint64_t count, char text[COUNT_TEXT_BYTES]) {
    char digits[21];
    int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);
    char *end = text;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) *end++ = ',';
        *end++ = digits[i];
    }
    *end = '\0';
    return text;
}

bl_ns clock_read(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return BL_SEC(now.tv_sec) + BL_NS(now.tv_nsec);
}

double seconds(bl_ns duration) {
    return (double)duration / (double)BL_SEC(1);
}

double milliseconds(bl_ns duration) {
    return (double)duration / (double)BL_MS(1);
}

static void begin_row(struct verdict *verdict) {
    if (verdict->rows++ > 0) return;
    printf("\n  %-34s%12s%14s\n" RULE, "verdict", "measured", "expected");
}

void verdict_exact(struct verdict *verdict, const char *what, uint64_t measured,
                   uint64_t expected) {
    char left[COUNT_TEXT_BYTES];
    char right[COUNT_TEXT_BYTES];
    bool is_right = measured == expected;

    begin_row(verdict);
    if (!is_right) verdict->failed_count++;
    printf("  %-34s%12s%14s%s\n", what, count_text(measured, left),
           count_text(expected, right), is_right ? "" : "  WRONG");
}

void verdict_figure(struct verdict *verdict, const char *what,
                    uint64_t measured) {
    char left[COUNT_TEXT_BYTES];

    begin_row(verdict);
    printf("  %-34s%12s\n", what, count_text(measured, left));
}

bool verdict_close(struct verdict *verdict, int rc, bl_ns wall_time) {
    begin_row(verdict);
    printf("  %-34s%10.2f s\n" RULE, "wall time", seconds(wall_time));

    if (rc < 0) {
        printf("  FAILED: %s\n", bl_strerror(rc));
    } else if (verdict->failed_count > 0) {
        printf("  FAILED: %u rows are wrong\n", verdict->failed_count);
    } else {
        printf("  PASSED\n");
    }
    return rc >= 0 && verdict->failed_count == 0;
}
