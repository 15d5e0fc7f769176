/* SPDX-License-Identifier: MIT */
/*
 * proc/plan.h - from options to what a child has to do
 */
#ifndef BL__PROC_PLAN_H
#define BL__PROC_PLAN_H

#include <belay/process.h>

#include "sys/spawn.h"

struct bl__plan {
    struct bl__spawn_plan spawn;
    struct bl__spawn_fd fds[3 + BL_PROCESS_FDS_MAX];
    struct bl__spawn_limit limits[RLIM_NLIMITS];
    char *memory; /* of lists and texts */
};

/* Returns BL_EINVAL, with a text, if an option is out of its range. */
int bl__plan_check(const char *const *argv, const bl_process_options *options);

/* Makes all of the plan but its descriptors. */
int bl__plan_make(struct bl__plan *plan, const char *const *argv,
                  const bl_process_options *options);
void bl__plan_done(struct bl__plan *plan);

/* Adds the three standard descriptors and those of the options, in order. */
void bl__plan_set_fds(struct bl__plan *plan, const int standard[3],
                      const bl_process_options *options);

/* Returns the error for a child that did not become its program. */
int bl__plan_error(const struct bl__plan *plan,
                   const struct bl__spawn_failure *failure);

#endif
