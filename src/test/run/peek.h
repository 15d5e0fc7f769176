/* SPDX-License-Identifier: MIT */
/*
 * test/run/peek.h - the stack of a process that does not answer
 */
#ifndef BL__TEST_PEEK_H
#define BL__TEST_PEEK_H

#include <sys/types.h>

#include <belay/base.h>

/*
 * Stops the process `pid`, a child of this one, and lists where its main
 * thread is, the innermost place first.  Returns how many there are; 0 where
 * the system does not allow it.
 *
 * The process stays stopped: it is to be killed.
 */
int bl__peek_stack(pid_t pid, void **frames, int frames_max);

#endif
