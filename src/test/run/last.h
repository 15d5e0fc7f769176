/* SPDX-License-Identifier: MIT */
/*
 * test/run/last.h - what failed last time
 */
#ifndef BL__TEST_LAST_H
#define BL__TEST_LAST_H

#include <stddef.h>

#include <belay/base.h>

/* Ids of cases, as read from the store. */
struct bl__last_failed {
    char **ids;
    size_t count;
};

/* Reads the store; none is an empty one. */
void bl__last_load(struct bl__last_failed *last);

bool bl__last_has(const struct bl__last_failed *last, const char *id);

void bl__last_free(struct bl__last_failed *last);

#endif
