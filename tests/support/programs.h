/* SPDX-License-Identifier: MIT */
/*
 * support/programs.h - programs to test processes with, and who is left
 *
 * Programs are scripts of the shell.  A *marker* is a pipe whose writing end is
 * passed to a program, and so to all that come from it, as descriptor 9: it
 * reads to its end exactly when none of them is alive.
 */
#ifndef SUPPORT_PROGRAMS_H
#define SUPPORT_PROGRAMS_H

#include <belay.h>

/* Options with their size, and an output pipe. */
bl_process_options program_options(void);

/* Starts `sh -c script`; fails the test if that fails.  `options` may be NULL:
 * program_options(). */
bl_process *start_script(const char *script, const bl_process_options *options);

/* Reads a line of the program's output, without its end; valid until the next
 * call.  "" at the end. */
const char *read_line_of(bl_process *process);

struct marker {
    int ends[2];
    bl_process_fd passed; /* for `fds` of the options */
};

/* Opens a marker and puts it into the options. */
void marker_open(struct marker *marker, bl_process_options *options);

/* Whether everybody who had it ends within a few seconds; closes it. */
bool marker_ends(struct marker *marker);

/* Waits for those that lost their parent and became children of the test. */
void reap_adopted(void);

/* Runs `sh -c script` to its end and returns what it printed, without the last
 * end of line; valid until the next call.  Fails the test if it fails. */
const char *output_of(const char *script, const bl_process_options *options);

#endif
