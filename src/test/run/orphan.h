/* SPDX-License-Identifier: MIT */
/*
 * test/run/orphan.h - what processes of tests leave behind when they crash
 */
#ifndef BL__TEST_ORPHAN_H
#define BL__TEST_ORPHAN_H

#include <sys/types.h>

/* From now on orphaned descendants become children of this process. */
void bl__orphans_adopt(void);

/* A child that is no orphan. */
void bl__orphans_except(pid_t pid);
void bl__orphans_forget(pid_t pid);

/* Kills and collects the orphans. */
void bl__orphans_kill(void);

#endif
