/* SPDX-License-Identifier: MIT */
/*
 * test/explore/schedule.h - the seam through which the choices of a run are
 * made
 */
#ifndef BL__TEST_SCHEDULE_H
#define BL__TEST_SCHEDULE_H

#include "test/record.h"

/* Prepares for a job. */
void bl__schedule_start(const struct bl__test_job *job);

/* Notes what is known at the end of a run alone. */
void bl__schedule_end(void);

/* The seam for bl_loop_options.choose; NULL if every choice is the first. */
typedef uint32_t bl__choose_fn(void *context, bl_choice kind, uint32_t count,
                               const uint64_t *ids);
bl__choose_fn *bl__schedule_seam(void);

#endif
