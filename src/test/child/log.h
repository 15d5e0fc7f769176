/* SPDX-License-Identifier: MIT */
/*
 * test/child/log.h - what the process of a test has printed so far
 */
#ifndef BL__TEST_LOG_H
#define BL__TEST_LOG_H

#include <stdint.h>

#include <belay/base.h>

/* The log of this test begins here. */
void bl__log_start(void);

/* Whether output goes where it can be read again. */
bool bl__log_is_captured(void);

/* Where the log ends now, and where that of this test began. */
int64_t bl__log_end(void);
int64_t bl__log_begin(void);

/* Returns what was printed from `begin` on, which the caller frees. */
char *bl__log_read(int64_t begin);

#endif
