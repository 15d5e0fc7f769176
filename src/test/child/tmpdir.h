/* SPDX-License-Identifier: MIT */
/*
 * test/child/tmpdir.h - temporary folders that are gone afterwards in any case
 */
#ifndef BL__TEST_TMPDIR_H
#define BL__TEST_TMPDIR_H

#include <sys/types.h>

#include <belay/base.h>

/* In the runner, before the first test: makes the folder of the run, if the
 * program has tests with temporary folders.  It is removed, with all that is
 * in it, when the runner ends. */
void bl__tmpdir_open(void);

/* In the runner: removes what the process `pid`, which has ended, has left. */
void bl__tmpdir_drop(pid_t pid);

/*
 * In the process of a test: makes an empty folder.
 *
 * Returns its path, which the caller gives to bl__tmpdir_remove, or NULL and
 * errno.
 */
char *bl__tmpdir_make(void);

/* Removes the folder and all that is in it, and frees the path. */
void bl__tmpdir_remove(char *path);

#endif
