/* SPDX-License-Identifier: MIT */
/*
 * test/schedule.h - the choices of a run: where they come from, how they are
 * written down
 */
#ifndef BL__TEST_SCHEDULE_H
#define BL__TEST_SCHEDULE_H

#include "test/record.h"

/* Prepares for a job.  `is_shuffled`: its plain runs are shuffled, from
 * `seed`. */
void bl__schedule_start(const struct bl__test_job *job, bool is_shuffled,
                        uint64_t seed);

/* The seam for bl_loop_options.choose; NULL if every choice is the first. */
typedef uint32_t bl__choose_fn(void *context, bl_choice kind, uint32_t count,
                               const uint64_t *ids);
bl__choose_fn *bl__schedule_seam(void);

/*
 * Writes choices as a token: "s1:5.a2.a" is five defaults, choice 1, two
 * defaults, choice 1.  Defaults at the end are left out.
 */
void bl__schedule_format(struct bl__text *text,
                         const struct bl__test_choice *choices, size_t count);

/*
 * Reads a token into `choices`, of which there is room for `count_max`.
 *
 * Returns how many choices it stands for, or BL_EINVAL.
 */
bl_ssize bl__schedule_parse(const char *token, struct bl__test_choice *choices,
                            size_t count_max);

#endif
