/* SPDX-License-Identifier: MIT */
/*
 * test/explore/replay.h - the token that names one run of one case
 */
#ifndef BL__TEST_REPLAY_H
#define BL__TEST_REPLAY_H

#include "test/case.h"
#include "test/record.h"

/*
 * Writes the token of a job, a new string: "ID@cancel@3", or "ID@s1:5.a" where
 * the choices are known.  "" for a plain run.
 */
char *bl__replay_format(const struct bl__test_job *job,
                        const struct bl__test_choice *choices,
                        size_t choice_count);

/*
 * Starts the program again without random addresses, so that a replay has the
 * same ones each time.  Returns if that is so already, or cannot be.
 */
void bl__replay_fix_addresses(char **argv);

/*
 * Reads `token` into `job`, whose choices stay where they are.  On failure
 * says why, and returns false.
 */
bool bl__replay_read(const char *token, const struct bl__test_cases *cases,
                     struct bl__test_job *job);

#endif
