/* SPDX-License-Identifier: MIT */
/*
 * demo/limits.h - how many descriptors there may be, and how many there are
 */
#ifndef DEMO_LIMITS_H
#define DEMO_LIMITS_H

#include <stddef.h>

/*
 * Raises the soft limit of open descriptors to the hard one, which needs no
 * privilege.  Returns the limit that is in force.
 */
size_t limits_raise(void);

/*
 * Counts the descriptors that are open now, below the limit.
 */
size_t limits_open_count(void);

#endif
