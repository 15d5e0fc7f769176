/* SPDX-License-Identifier: MIT */
/*
 * test/explore/checkpoint.h - what happens when a task of the test passes a
 * checkpoint
 */
#ifndef BL__TEST_CHECKPOINT_H
#define BL__TEST_CHECKPOINT_H

#include <belay/test.h>

/* The seam for bl_loop_options.on_checkpoint. */
bool bl__checkpoint_seam(void *context, uint64_t task_id, const char *site);

#endif
