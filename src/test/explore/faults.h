/* SPDX-License-Identifier: MIT */
/*
 * test/explore/faults.h - system calls of the test that fail, or move less
 */
#ifndef BL__TEST_FAULTS_H
#define BL__TEST_FAULTS_H

#include <belay/base.h>

/* The seam for bl_loop_options.on_io; NULL if nothing is done to calls. */
typedef bl_ssize bl__io_fn(void *context, bl_io_call call, int fd,
                           size_t bytes);
bl__io_fn *bl__faults_seam(void);

#endif
